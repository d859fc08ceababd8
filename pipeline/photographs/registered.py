"""Weights of MLflow's registry, for photographs."""

from pathlib import Path

from pipeline.arrays.weights_file import WeightsError
from pipeline.photographs.weights_by_name import has_weights


def fetch_weights(address: str) -> Path:
    """Return the folder of weights that MLflow's registry has under an address.

    Args:
        address: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

    Raises:
        WeightsError: MLflow cannot be reached or has no such model, or it is none of ours.
    """
    from pipeline.running.tracking import cause_of, fetch_registered  # MLflow takes seconds

    try:
        folder = fetch_registered(address)
    except Exception as error:  # whatever MLflow raises
        raise WeightsError(f"{address}: MLflow says: {cause_of(error)}") from error
    if not has_weights(folder):
        raise WeightsError(f"{address}: expected weights.safetensors and card.json in its files")
    return folder
