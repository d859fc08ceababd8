"""The measures that compare an image with its clean one in the features of a network."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from pipeline.arrays.pixels import Array, to_8bit
from pipeline.images.colours import in_colour_8bit
from pipeline.measuring.backbones import LAYOUTS
from pipeline.measuring.dists import dists
from pipeline.measuring.lpips import lpips
from pipeline.measuring.perceptual_files import checked_files
from pipeline.measuring.perceptual_measures import MEASURES, check_size
from pipeline.settings.perceptual import Perceptual

Comparison = Callable[[Tensor, Tensor], float]
"""Of two images ``(1, 3, H, W)`` in [0, 1]."""

# A gigabyte and more for a large image: one at a time, with all of torch's threads.
_alone = Lock()


def network_distance(measure: Perceptual, clean: Array, shown: Array) -> float:
    """Return how far an image is from its clean one, 0 for equal ones.

    Both are clipped and rounded to 8 bits first, as published numbers are of stored images. One
    channel, gray or luma, is repeated three times.

    Args:
        measure: One that compares by a network.
        clean: ``(H, W, C)`` in [0, 1]; C 1 or 3.
        shown: The same shape, in [0, 1] or a little outside.

    Raises:
        ValueError: The image is too small, or a value is not a number.
        WeightsFileError: The weights of the measure are not at hand.
    """
    if not np.isfinite(shown).all():
        raise ValueError(f"expected an image of numbers for {measure}, came NaN or infinite values")
    check_size([measure], *shown.shape[:2])
    with _alone, torch.inference_mode():
        return _comparison(measure)(_as_batch(clean), _as_batch(shown))


def _as_batch(image: Array) -> Tensor:
    values = torch.from_numpy(in_colour_8bit(to_8bit(image), "rgb"))
    return values.permute(2, 0, 1)[None].float() / 255


@lru_cache
def _comparison(measure: Perceptual) -> Comparison:
    network = MEASURES[measure].network
    if network is None:
        raise ValueError(f"expected a measure that compares by a network, came {measure}")
    weights, head = (_load(path) for path in checked_files(measure, Path()))
    # Most of the file is the classifier.
    backbone = {name: one for name, one in weights.items() if name.startswith("features.")}
    layout = LAYOUTS[network.backbone]
    distance = dists if network.head == "dists" else lpips
    return lambda clean, shown: distance(clean, shown, backbone, layout, head)


def _load(path: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors
