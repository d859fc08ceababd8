"""Bicubic resampling that gives the numbers of MATLAB's ``imresize``, and Lanczos' beside it.

Published super-resolution results rest on that one function: a cubic kernel with a = -0.5
(R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29(6),
1981), widened by the scale when shrinking, with mirrored borders. Pillow differs slightly and
OpenCV and torch without antialiasing by decibels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array

Weights = Any
"""A sparse matrix of SciPy, which has no types."""

Values = NDArray[np.floating]

_BAND = 1 << 17
"""Values of a band of rows, which fit into the cache of a core."""

_LONGEST_FLOAT32 = 40
"""Pixels that may be summed in float32 with less than 1e-6 of error."""


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


def resize_lanczos(image: Array, height: int, width: int) -> Array:
    """Resample an image by Lanczos' kernel of three lobes, in the same way as ``resize`` does.

    C. E. Duchon, Lanczos filtering in one and two dimensions, J. Applied Meteorology 18, 1979.

    Args:
        image: ``(H, W, C)`` in [0, 1].
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        ``(height, width, C)``; values may leave [0, 1] a little.
    """
    by_rows, by_columns = height / image.shape[0], width / image.shape[1]
    return _resample(image, height, width, by_rows, by_columns, _LANCZOS)


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


@dataclass(frozen=True)
class _Kernel:
    """What an old pixel contributes to a new one, by their distance.

    Args:
        weight: The kernel, of distances in old pixels.
        reach: Distance beyond which it is zero.
    """

    weight: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    reach: int


def _resample(
    image: Array,
    height: int,
    width: int,
    by_rows: float,
    by_columns: float,
    kernel: _Kernel | None = None,
) -> Array:
    """Resample both axes, a band of rows at a time, so that what lies between stays in the cache.

    MATLAB begins with the side that shrinks more. The order decides nothing but rounding, so here
    the columns are done where there are fewer rows of them.
    """
    old_height, old_width, channels = image.shape
    step = max(1, _BAND // (max(old_width, width) * channels))
    kernel = kernel or _CUBIC
    columns = _matrix(old_width, width, by_columns, kernel)
    rows = _bands(old_height, height, by_rows, step, kernel)
    result = np.empty((height, width, channels), np.float32)
    if height <= old_height:
        for band in rows:
            result[band.rows] = _columns(columns, band.of(image))
        return result
    wide = np.empty((old_height, width, channels), columns.dtype)
    for first in range(0, old_height, step):
        wide[first : first + step] = _columns(columns, image[first : first + step])
    for band in rows:
        result[band.rows] = band.of(wide)
    return result


def _columns(weights: Weights, rows: Values) -> Values:
    """Resample the columns of some rows, ``(H, W, C)``."""
    height, width, channels = rows.shape
    # The sums run over the first axis, along which all that is added lies side by side.
    turned = weights @ rows.transpose(1, 0, 2).reshape(width, -1)
    resampled: Values = turned.reshape(-1, height, channels).transpose(1, 0, 2)
    return resampled


@dataclass(frozen=True)
class _Band:
    """Some rows of a resampled image.

    Args:
        rows: Which ones.
        used: The rows of the old image that they are made of.
        weights: A matrix, the former by the latter.
    """

    rows: slice
    used: slice
    weights: Weights

    def of(self, image: Values) -> Values:
        """Return these rows of the image, ``(H, W, C)``."""
        old = image[self.used]
        band: Values = (self.weights @ old.reshape(len(old), -1)).reshape(-1, *image.shape[1:])
        return band


@lru_cache(maxsize=64)
def _bands(old: int, new: int, factor: float, step: int, kernel: _Kernel) -> list[_Band]:
    """Return the resampling of the rows, ``step`` of them at a time."""
    matrix = _matrix(old, new, factor, kernel)
    bands = []
    for first in range(0, new, step):
        weights = matrix[first : first + step]
        low, high = int(weights.indices.min()), int(weights.indices.max()) + 1
        rows = slice(first, first + weights.shape[0])
        bands.append(_Band(rows, slice(low, high), weights[:, low:high]))
    return bands


@lru_cache(maxsize=64)
def _matrix(old: int, new: int, factor: float, kernel: _Kernel) -> Weights:
    """Return the resampling of one axis as a sparse matrix, ``(new, old)``."""
    from scipy.sparse import csr_array  # here, because it takes a tenth of a second

    taps, weights = _contributions(old, new, factor, kernel)
    # Long sums of float32 would be off by more than 1e-6.
    kind = np.float32 if taps.shape[1] <= _LONGEST_FLOAT32 else np.float64
    ends = np.arange(0, taps.size + 1, taps.shape[1], dtype=np.int32)
    matrix = csr_array(
        (weights.ravel().astype(kind), taps.ravel().astype(np.int32), ends), (new, old)
    )
    matrix.sum_duplicates()
    return matrix


def _contributions(
    old: int, new: int, factor: float, kernel: _Kernel
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return for each new pixel the old pixels it is made of, and their weights.

    Returns:
        Indices and weights, each ``(new, taps)``; the weights of a row sum to 1.
    """
    shrink = min(factor, 1.0)
    reach = kernel.reach / shrink
    centre = (np.arange(new) + 0.5) / factor - 0.5
    first = np.floor(centre - reach).astype(np.intp)
    positions = first[:, None] + np.arange(math.ceil(2 * reach) + 2)
    weights = shrink * kernel.weight(shrink * (centre[:, None] - positions))
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


def _lanczos3(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)


_CUBIC, _LANCZOS = _Kernel(_cubic, 2), _Kernel(_lanczos3, 3)
