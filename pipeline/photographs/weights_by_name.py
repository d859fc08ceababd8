"""Which folders of weights have names: those that ship, those trained here. Loads without torch."""

from pathlib import Path

from pipeline.arrays.stage_outputs import read_json
from pipeline.checking.params_file import load_params
from pipeline.checking.training_sets import bank_of
from pipeline.settings.architectures import NETWORKS
from pipeline.settings.params import Colour

SHIPPED = Path(__file__).parents[1] / "exchange" / "weights"
"""Folders of weights with their card, one a network."""


def known_weights(root: Path) -> dict[str, Path]:
    """Return folders of weights by name; what ships has its name before what was trained here.

    Args:
        root: Folder of the project, or any other.
    """
    places = (root / "data" / "models", SHIPPED)
    folders = [card.parent for at in places for card in sorted(at.glob("*/card.json"))]
    return {folder.name: folder for folder in folders if has_weights(folder)}


def has_weights(folder: Path) -> bool:
    """Tell whether a folder holds weights and their card."""
    return (folder / "card.json").is_file() and (folder / "weights.safetensors").is_file()


def restoring_weights(root: Path) -> dict[str, tuple[Path, Colour | None]]:
    """Return the folders of weights that restore images, and what each learnt from, if known.

    Args:
        root: Folder of the project, or any other.

    Raises:
        ParamsError: The project's ``params.yaml`` cannot be read.
    """
    kinds = {settings.__name__ for settings in NETWORKS.values()}
    return {
        name: (folder, colour_learnt(root, folder))
        for name, folder in known_weights(root).items()
        if read_json(folder / "card.json").get("model", {}).get("class") in kinds
    }


def colour_learnt(root: Path, weights: Path) -> Colour | None:
    """Return what an experiment of a project learnt from; None for other weights.

    Args:
        root: Folder of the project, or any other.
        weights: Folder of weights.

    Raises:
        ParamsError: The project's ``params.yaml`` cannot be read.
    """
    if weights.parent != root / "data" / "models":
        return None
    params = load_params(root / "params.yaml")
    experiment = params.experiments.get(weights.name)
    return None if experiment is None else bank_of(experiment, params).colour
