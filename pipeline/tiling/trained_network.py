"""Trained networks as they restore: in evaluation mode, with their normalisation folded."""

from pathlib import Path

from torch import nn

from pipeline.arrays.weights_file import load_weights
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.tiling.folding import fold_normalisation


def load_network(settings: Model, weights: Path) -> nn.Module:
    """Return a trained network.

    Args:
        settings: Architecture and size.
        weights: Folder with ``weights.safetensors``, from stage ``train`` or ``import_weights``.

    Raises:
        OSError: There is no such file.
        ValueError: It is damaged, or has the weights of another network.
    """
    network = build_model(settings, seed=0)
    load_weights(network, weights / "weights.safetensors")
    return fold_normalisation(network.eval())
