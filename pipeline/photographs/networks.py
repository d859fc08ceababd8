"""Trained networks as photographs need them: from a folder of weights with a card."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from pipeline.arrays.stage_outputs import read_json
from pipeline.arrays.weights_file import WeightsError
from pipeline.machine.devices import supports_bfloat16
from pipeline.machine.precision import Precision
from pipeline.models.parts.pooling import averages_globally
from pipeline.settings.architectures import NETWORKS
from pipeline.settings.params import Colour
from pipeline.tiling.halo import halo_of
from pipeline.tiling.restorer import Restorer
from pipeline.tiling.trained_network import load_network

_TILE = 512

_SETTINGS = {settings.__name__: settings for settings in NETWORKS.values()}


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


def open_network(
    folder: Path,
    device: torch.device,
    colour: Colour | None = None,
    precision: Precision | None = None,
) -> PhotoNetwork:
    """Open the weights of a folder.

    Args:
        folder: With ``weights.safetensors`` and ``card.json``.
        device: Where to compute.
        colour: What it learnt from, where somebody knows; None to go by the card.
        precision: Format of the convolutions; None for bfloat16 where the device has units for
            it, else float32. Pictures then differ by 0.06 to 0.25 levels of 255 (root mean
            square), which nobody sees.

    Raises:
        ValueError: They are missing, damaged, or of a network for something else.
    """
    try:
        card = read_json(folder / "card.json")
        settings = dict(card["model"])
        model = _SETTINGS[settings.pop("class")].model_validate(settings)
    except (KeyError, TypeError, ValidationError) as error:
        raise WeightsError(f"{folder / 'card.json'}: no card of a network here: {error}") from error
    except OSError as error:
        raise WeightsError(f"{folder / 'card.json'}: {error.strerror}") from error
    network = load_network(model, folder)
    if model.image_size is not None or not (model.accepts(1) or model.accepts(3)):
        raise WeightsError(f"{folder}: expected a network for gray or RGB pictures of any size")
    restorer = Restorer(
        network,
        device,
        tile=_TILE,
        halo=None if averages_globally(network) else halo_of(network, model),
        scale=model.scale,
        multiple=model.multiple,
        precision=precision or _precision(device),
    )
    return PhotoNetwork(
        name=folder.name,
        restorer=restorer,
        colour="rgb" if model.accepts(3) else colour or card.get("colour", "y"),
        enlarges=tuple(sorted(_scales(card.get("degradation", {})))),
        told=model.takes_noise_map,
    )


def _precision(device: torch.device) -> Precision:
    return Precision.BFLOAT16 if supports_bfloat16(device) else Precision.FLOAT32


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
