"""Pixels as arrays: float32 in [0, 1] everywhere, and 8 bits at the borders of the project.

An image is float32 ``(H, W, C)`` in [0, 1], with one channel (gray or luma) or three (RGB).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
_BLOCK = 1 << 15
"""Values to convert at once, so that float64 versions of them stay in the processor's cache."""


def from_8bit(values: Bytes) -> Array:
    """Return 8-bit values, 0-255, as float32 in [0, 1]."""
    return np.divide(values, np.float32(255), dtype=np.float32)


def to_8bit(image: NDArray[np.floating]) -> Bytes:
    """Clip values in [0, 1] and round them to 8 bits, half away from zero as MATLAB does."""
    result = np.empty(image.shape, np.uint8)
    for block, values in blocks(result, image):
        # In float64 nothing is rounded before the end; what is positive is cut off by the cast.
        exact = np.multiply(np.clip(values, 0, 1), 255, dtype=np.float64)
        exact += 0.5
        block[...] = exact.astype(np.uint8)
    return result


def blocks(
    result: NDArray[Any], source: NDArray[Any]
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield parts of two arrays, the first of which is contiguous, that belong together.

    Args:
        result: Some values for each row of ``source``.
        source: Rows of equal size.
    """
    if result.shape == source.shape and source.flags.c_contiguous:
        result, source = result.reshape(-1), source.reshape(-1)
    rows = max(1, _BLOCK * len(source) // max(1, source.size))
    for first in range(0, len(source), rows):
        yield result[first : first + rows], source[first : first + rows]
