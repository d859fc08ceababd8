"""Colour spaces that images are brought into, by the formulas behind published numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array, Bytes, blocks, from_8bit, to_8bit
from pipeline.settings.params import Colour

# MATLAB's rgb2gray and rgb2ycbcr (ITU-R BT.601), the definitions behind published numbers.
_GRAY = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
_LUMA_STUDIO = np.array([65.481, 128.553, 24.966])
_LUMA_OFFSET = 16.0


def in_colour(image: Array, colour: Colour) -> Array:
    """Bring an image into a working colour space, rounded to 8 bits as published tests do.

    A one-channel image is used as it is for ``gray`` and ``y`` (scaling Set14's gray
    ``bridge`` to studio range would add 0.09 dB to the mean), and repeated for ``rgb``.

    Args:
        image: ``(H, W, C)`` in [0, 1], C 1 or 3.
        colour: ``gray`` (full range), ``y`` (studio range, 16-235 of 255) or ``rgb``.

    Returns:
        ``(H, W, 1)`` or ``(H, W, 3)`` in [0, 1], multiples of 1/255.
    """
    if image.shape[-1] == 1 or colour == "rgb":
        return _with_channels(image, colour)
    return from_8bit(_to_one_channel(image, colour))


def in_colour_8bit(values: Bytes, colour: Colour) -> Bytes:
    """Bring 8-bit values into a working colour space, by the rules of ``in_colour``.

    Args:
        values: uint8 ``(H, W, C)``, 0-255, C 1 or 3.
        colour: ``gray`` (full range), ``y`` (studio range, 16-235) or ``rgb``.

    Returns:
        uint8 ``(H, W, 1)`` or ``(H, W, 3)``, 0-255.
    """
    if values.shape[-1] == 1 or colour == "rgb":
        return _with_channels(values, colour)
    return _to_one_channel(values, colour)


def _with_channels(image: NDArray[Any], colour: Colour) -> NDArray[Any]:
    return np.repeat(image, 3, axis=-1) if colour == "rgb" and image.shape[-1] == 1 else image


def _to_one_channel(image: Array | Bytes, colour: Colour) -> Bytes:
    """Return the luma or the gray values of RGB, in [0, 1] or in 8 bits, rounded to 8 bits."""
    result = np.empty((*image.shape[:2], 1), np.uint8)
    for block, values in blocks(result, image):
        scaled = from_8bit(values) if values.dtype == np.uint8 else values
        exact = _luma(scaled) if colour == "y" else scaled.astype(np.float64) @ _GRAY
        block[..., 0] = to_8bit(exact)
    return result


def rgb_to_luma(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the BT.601 luma of RGB values in [0, 1], studio range: 16/255 to 235/255.

    Args:
        image: ``(H, W, 3)`` in [0, 1].

    Returns:
        ``(H, W)``, not rounded.
    """
    result = np.empty(image.shape[:-1])
    for block, values in blocks(result, image):
        block[...] = _luma(values)
    return result


def _luma(image: NDArray[np.floating]) -> NDArray[np.float64]:
    luma: NDArray[np.float64] = (image.astype(np.float64) @ _LUMA_STUDIO + _LUMA_OFFSET) / 255
    return luma
