"""What a file of a network says of it: all that its user needs to know to run it."""

from pathlib import Path
from typing import Any

from torch import nn

from pipeline.arrays.file_checksum import sha256_of
from pipeline.models.parts.settings import Model
from pipeline.tiling.halo import halo_of

FORMAT_VERSION = 1
"""Of the facts; it grows when one of them changes its meaning."""

Facts = dict[str, Any]
"""Values that JSON can hold."""


def facts_of(name: str, arch: str, model: Model, network: nn.Module, weights: Path) -> Facts:
    """Return the facts about an exported network.

    Args:
        name: Of the experiment, or of the entry of ``imported``.
        arch: Architecture of the network.
        model: Its settings.
        network: The network itself; it is left as it is.
        weights: The file that its weights come from.

    Returns:
        ``channels`` are those of an image (``any`` number for a network that takes them one by
        one), without the noise-level map that is one more channel of the input where
        ``noise_map`` is true; ``halo`` is None where tiles cannot be exact; images are
        ``value_range`` up to noise, and what comes out is not clipped.
    """
    return {
        "format_version": FORMAT_VERSION,
        "experiment": name,
        "architecture": arch,
        "settings": model.model_dump(mode="json"),
        "channels": "any" if model.channels == "shared" else model.input_channels,
        "halo": _halo(model, network),
        "scale": model.scale,
        "multiple": model.multiple,
        "noise_map": model.takes_noise_map,
        "value_range": [0, 1],
        "weights_sha256": sha256_of(weights),
    }


def _halo(model: Model, network: nn.Module) -> int | None:
    try:
        return halo_of(network, model)
    except ValueError:
        return None
