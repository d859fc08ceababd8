"""Bicubic resampling that gives the numbers of MATLAB's ``imresize``.

Published super-resolution results rest on that one function: a cubic kernel with a = -0.5
(R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29(6),
1981), widened by the scale when shrinking, with mirrored borders. Pillow differs slightly and
OpenCV and torch without antialiasing by decibels.
"""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.images import Array


def resize(image: Array, height: int, width: int) -> Array:
    """Resample an image to ``height`` by ``width`` pixels.

    Args:
        image: ``(H, W, C)`` in [0, 1].
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        ``(height, width, C)``; cubic kernels overshoot, so values may leave [0, 1] a little.
    """
    return _resample(image, height, width, height / image.shape[0], width / image.shape[1])


def rescale(image: Array, factor: float) -> Array:
    """Resample an image by ``factor``; a size that is not whole is rounded up, as in MATLAB.

    Args:
        image: ``(H, W, C)`` in [0, 1].
        factor: New size over old size, for both sides.

    Returns:
        ``(ceil(factor * H), ceil(factor * W), C)``; values may leave [0, 1] a little.
    """
    # The small term keeps 1.1 * 50 = 55.00000000000001 from becoming 56.
    height, width = (math.ceil(factor * side - 1e-9) for side in image.shape[:2])
    return _resample(image, height, width, factor, factor)


def _resample(image: Array, height: int, width: int, by_rows: float, by_columns: float) -> Array:
    values = image.astype(np.float64)
    if by_rows <= by_columns:  # MATLAB's order: the side that shrinks more comes first
        values = _along(values, 0, height, by_rows)
        values = _along(values, 1, width, by_columns)
    else:
        values = _along(values, 1, width, by_columns)
        values = _along(values, 0, height, by_rows)
    return values.astype(np.float32)


def _along(values: NDArray[np.float64], axis: int, size: int, factor: float) -> NDArray[np.float64]:
    """Resample one axis as a weighted sum of gathered slices, one slice a tap."""
    taps, weights = _contributions(values.shape[axis], size, factor)
    shape = [1] * values.ndim
    shape[axis] = size
    result = np.zeros([size if i == axis else n for i, n in enumerate(values.shape)])
    for tap, weight in zip(taps.T, weights.T, strict=True):
        result += np.take(values, tap, axis=axis) * weight.reshape(shape)
    return result


def _contributions(
    old: int, new: int, factor: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return for each new pixel the old pixels it is made of, and their weights.

    Returns:
        Indices and weights, each ``(new, taps)``; the weights of a row sum to 1.
    """
    shrink = min(factor, 1.0)
    reach = 2 / shrink
    centre = (np.arange(new) + 0.5) / factor - 0.5
    first = np.floor(centre - reach).astype(np.intp)
    positions = first[:, None] + np.arange(math.ceil(2 * reach) + 2)
    weights = shrink * _cubic(shrink * (centre[:, None] - positions))
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.concatenate([np.arange(old), np.arange(old)[::-1]])
    taps = mirrored[positions % (2 * old)]
    used = np.any(weights != 0, axis=0)
    return taps[:, used], weights[:, used]


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(distance)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
