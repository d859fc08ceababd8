"""Stage ``import_weights``: bring published weights into one of our networks."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.stage_outputs import read_json
from pipeline.arrays.weights_file import read_weights
from pipeline.exchange.foreign_weights.assembling import assemble, build
from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.own import LAYOUT, read_own
from pipeline.exchange.foreign_weights.reading import read_network
from pipeline.models.parts.settings import Model
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage

_OF_TRAINING = (
    *("pairs", "degradation", "recipe", "seed", "steps", "data", "trained_on"),
    *("receptive_field", "multiply_adds_256"),
)
"""Keys of a card that hold wherever the weights go."""


def import_weights(
    *,
    name: str,
    model: Model,
    layout: str,
    source: Path,
    checked: Path,  # noqa: ARG001 -- only its existence matters: params.yaml was checked before
    out: Path,
) -> None:
    """Write the weights of a file as those of our network, with their model card.

    Args:
        name: Name of the entry of ``imported``, for messages.
        model: Architecture and size of our network.
        layout: How the file is laid out.
        source: The file, as its authors published it; or a folder, as this project shares weights,
            whose card says what they learnt from.
        checked: What the stage ``check`` wrote.
        out: Folder to make: ``weights.safetensors`` and ``card.json``.

    Raises:
        ForeignWeightsError: The file cannot be read, or does not fit the model.
        ValueError: The card of a folder is damaged, or is that of other weights.
    """
    shared = source.is_dir()
    file = source / "weights.safetensors" if shared else source
    try:
        weights = read_own(file, model) if layout == LAYOUT else None
        if weights is None:
            _, chain = read_network(file, layout)
            weights = assemble(chain, model)
        network = build(model, weights)
    except ForeignWeightsError as error:
        raise ForeignWeightsError(f"imported.{name}: {error}") from error
    with new_folder(out) as folder:
        save_file(weights, folder / "weights.safetensors")
        card = {
            **(_learnt(source) if shared else {}),
            "imported": {"file": source.name, "sha256": sha256_of(file), "layout": layout},
            "model": {"class": type(model).__name__, **model.model_dump()},
            "parameters": sum(parameters.numel() for parameters in network.parameters()),
            "weights_sha256": sha256_of(folder / "weights.safetensors"),
        }
        (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n")


def _learnt(folder: Path) -> dict[str, Any]:
    """Return what the card of shared weights says of their training."""
    read_weights(folder / "weights.safetensors")  # which are those that the card is of
    card = read_json(folder / "card.json")
    return {key: card[key] for key in _OF_TRAINING if key in card}


if __name__ == "__main__":
    run_stage(import_weights)
