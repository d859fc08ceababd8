"""Colours of classes in classification maps: fixed, so that maps can be compared."""

import colorsys

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Bytes

UNLABELLED_COLOUR = (22, 24, 28)
"""Of pixels that belong to no class."""

_FIRST = (
    (214, 69, 65),
    (63, 142, 252),
    (76, 175, 80),
    (255, 193, 7),
    (142, 68, 173),
    (0, 188, 180),
    (255, 128, 40),
    (240, 98, 176),
    (139, 195, 74),
    (121, 85, 72),
    (40, 75, 160),
    (245, 235, 150),
    (0, 110, 90),
    (190, 160, 240),
    (130, 20, 50),
    (160, 220, 255),
    (120, 120, 20),
    (255, 190, 170),
    (150, 150, 155),
    (180, 255, 190),
)
"""Of the first twenty classes; more follow by hue."""


def colour_of(label: int) -> tuple[int, int, int]:
    """Return the colour of a class, RGB from 0 to 255.

    Args:
        label: Position of the class; negative for no class.
    """
    if label < 0:
        return UNLABELLED_COLOUR
    if label < len(_FIRST):
        return _FIRST[label]
    # Steps of the golden ratio never come near an earlier hue soon.
    hue = (label * 0.6180339887498949) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55 + 0.15 * (label % 3), 0.75 + 0.2 * (label % 2))
    return round(red * 255), round(green * 255), round(blue * 255)


def paint(labels: NDArray[np.integer]) -> Bytes:
    """Return a map of classes as a picture, one pixel a pixel.

    Args:
        labels: ``(H, W)``, positions of classes, negative where there is none.

    Returns:
        ``(H, W, 3)``, RGB from 0 to 255.
    """
    highest = max(int(labels.max(initial=-1)), 0)
    colours = np.array([colour_of(label) for label in range(-1, highest + 1)], np.uint8)
    picture: Bytes = colours[np.maximum(labels, -1) + 1]
    return picture
