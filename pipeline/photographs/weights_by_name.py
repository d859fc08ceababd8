"""Which folders of weights have names: those that ship, those trained here. Loads without torch."""

from pathlib import Path

from pipeline.arrays.stage_outputs import read_json
from pipeline.checking.params_file import load_params
from pipeline.checking.training_sets import bank_of
from pipeline.settings.architectures import NETWORKS
from pipeline.settings.params import Colour

SHIPPED = Path(__file__).parents[1] / "exchange" / "weights"
"""Folders of weights with their card, one a network."""


def trained_in(root: Path) -> Path:
    """Return the folder with the folders of weights that a project trained."""
    return root / "data" / "models"


def known_weights(root: Path) -> dict[str, Path]:
    """Return folders of weights by name; what ships has its name before what was trained here.

    Args:
        root: Folder of the project, or any other.
    """
    places = (trained_in(root), SHIPPED)
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
        OSError: A card cannot be read.
        ValueError: A card is none, or the project's ``params.yaml`` is not valid.
    """
    kinds = {settings.__name__ for settings in NETWORKS.values()}
    found = {
        name: folder
        for name, folder in known_weights(root).items()
        if read_json(folder / "card.json").get("model", {}).get("class") in kinds
    }
    trained = {name for name, folder in found.items() if folder.parent == trained_in(root)}
    colours = colours_learnt(root) if trained else {}
    return {
        name: (folder, colours.get(name) if name in trained else None)
        for name, folder in found.items()
    }


def colours_learnt(root: Path) -> dict[str, Colour]:
    """Return what the experiments of a project learn from.

    Args:
        root: Folder of the project.

    Raises:
        ParamsError: Its ``params.yaml`` cannot be read.
    """
    params = load_params(root / "params.yaml")
    return {name: bank_of(one, params).colour for name, one in params.experiments.items()}
