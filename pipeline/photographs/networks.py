"""Trained networks as photographs need them: from a folder of weights with a card."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError

from pipeline.models.parts.pooling import averages_globally
from pipeline.models.parts.settings import Model
from pipeline.settings.architectures import NETWORKS
from pipeline.settings.params import Colour
from pipeline.tiling.halo import halo_of
from pipeline.tiling.restorer import Restorer
from pipeline.tiling.trained_network import load_network

SHIPPED = Path(__file__).parents[1] / "weights"
"""Folders of weights that come with the project, one a network."""

_TILE = 512

_SETTINGS = {settings.__name__: settings for settings in NETWORKS.values()}


class WeightsError(ValueError):
    """Weights cannot be used for photographs; the message says why."""


@dataclass(frozen=True)
class PhotoNetwork:
    """A network that restores photographs.

    Args:
        name: For people.
        restorer: Restores tile by tile.
        colour: What it restores: ``rgb``, ``gray`` in full range, or ``y``, luma in studio range.
        enlarges: Factors by which pictures may be enlarged before it gets them; empty where it
            restores pictures as they are.
        told: Whether it is told the level of the noise.
    """

    name: str
    restorer: Restorer
    colour: Colour
    enlarges: tuple[int, ...]
    told: bool


def open_network(folder: Path, device: torch.device) -> PhotoNetwork:
    """Open the weights of a folder.

    Args:
        folder: With ``weights.safetensors`` and ``card.json``.
        device: Where to compute.

    Raises:
        WeightsError: They are missing, damaged, or of a network for something else.
    """
    card = read_card(folder)
    try:
        settings = dict(card["model"])
        model = _SETTINGS[settings.pop("class")].model_validate(settings)
        network = load_network(model, folder)
    except (KeyError, TypeError, ValidationError) as error:
        raise WeightsError(f"{folder / 'card.json'}: no card of a network here: {error}") from error
    except (OSError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{folder / 'weights.safetensors'}: {_first_line(error)}") from error
    if model.image_size is not None or not (model.accepts(1) or model.accepts(3)):
        raise WeightsError(f"{folder}: expected a network for gray or RGB pictures of any size")
    restorer = Restorer(
        network,
        device,
        tile=_TILE,
        halo=None if averages_globally(network) else halo_of(network, model),
        scale=model.scale,
        multiple=model.multiple,
    )
    return PhotoNetwork(
        name=folder.name,
        restorer=restorer,
        colour=_colour(card, model),
        enlarges=tuple(sorted(_scales(card.get("degradation", {})))),
        told=model.takes_noise_map,
    )


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a folder of weights.

    Raises:
        WeightsError: There is none, or none that can be read.
    """
    path = folder / "card.json"
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: not JSON: {_first_line(error)}") from error
    if not isinstance(card, dict):
        raise WeightsError(f"{path}: expected the card of a network")
    return card


def _colour(card: dict[str, Any], model: Model) -> Colour:
    if model.accepts(3):
        return "rgb"
    # Cards of trainings do not say it; those of ``restore export`` do.
    return "gray" if card.get("colour") == "gray" else "y"


def _scales(degradation: dict[str, Any]) -> set[int]:
    """Return the whole factors by which what the network learnt from had been interpolated."""
    parts = [degradation, *degradation.get("of", []), *degradation.get("steps", [])]
    found = [
        part["scale"]
        for part in parts
        if part.get("kind") == "bicubic" and part.get("result") == "interpolated"
    ]
    each = [one for scales in found for one in (scales if isinstance(scales, list) else [scales])]
    return {int(one) for one in each if one == int(one)}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
