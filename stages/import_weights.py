"""Stage ``import_weights``: bring published weights into one of our networks."""

import json
import logging
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.stage_outputs import read_json
from pipeline.arrays.weights_file import read_weights
from pipeline.exchange.foreign_weights.assembling import build
from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.reading import read_weights as read_foreign_weights
from pipeline.models.parts.settings import Model
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.settings.params import Imported

_log = logging.getLogger("pipeline")

_OF_TRAINING = (
    *("pairs", "degradation", "recipe", "seed", "steps", "data", "trained_on"),
    *("receptive_field", "multiply_adds_256"),
)
"""Keys of a card that hold wherever the weights go."""


def import_weights(
    *,
    published: Imported,
    name: str,
    model: Model,
    source: Path,
    checked: Path,  # noqa: ARG001 -- only its existence matters: params.yaml was checked before
    out: Path,
) -> None:
    """Write the weights of a file as those of our network, with their model card.

    Args:
        published: How the file is laid out, and which of several networks in it to take.
        name: Name of the entry of ``imported``, for messages.
        model: Architecture and size of our network.
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
        taken = read_foreign_weights(file, published.layout, model, published.entry)
        network = build(model, taken.content)
    except ForeignWeightsError as error:
        raise ForeignWeightsError(f"imported.{name}: {error}") from error
    for heading, words in taken.notes:
        _log.info("imported.%s: %s: %s", name, heading, words)
    imported = {"file": source.name, "sha256": sha256_of(file), "layout": published.layout}
    with new_folder(out) as folder:
        save_file(taken.content, folder / "weights.safetensors")
        card = {
            **(_learnt(source) if shared else {}),
            "imported": imported | ({"entry": taken.entry} if taken.entry else {}),
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
