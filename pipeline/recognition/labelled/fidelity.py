"""How like the clean samples of a task others are, in decibels."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import from_8bit
from pipeline.recognition.labelled.samples import Labelled, Part

_LEAST = 1e-12
"""Mean square that counts for samples without any error."""


def mean_psnr(clean: Labelled, values: NDArray[np.generic]) -> float:
    """Return the mean PSNR of test images, or of the bands of a cube, not rounded.

    Values are clipped to [0, 1], which is the peak.

    Args:
        clean: The task's clean samples.
        values: Others of the same shape.
    """
    if clean.kind == "cube":
        pairs = zip(np.moveaxis(clean.values, -1, 0), np.moveaxis(values, -1, 0), strict=True)
    else:
        chosen = clean.positions(Part.TEST)
        pairs = zip(np.asarray(clean.values)[chosen], values[chosen], strict=True)
    found = [_psnr(_floats(one), _floats(other)) for one, other in pairs]
    return math.fsum(found) / len(found)


def _psnr(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    squares = float(np.mean((one - other.clip(0, 1)) ** 2))
    return float(-10 * np.log10(max(squares, _LEAST)))


def _floats(values: NDArray[np.generic]) -> NDArray[np.float64]:
    if values.dtype == np.uint8:
        return from_8bit(values.astype(np.uint8)).astype(np.float64)
    return values.astype(np.float64)
