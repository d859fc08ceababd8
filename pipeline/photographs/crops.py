"""Parts of photographs, to look at before and after."""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.arrays.pixels import to_8bit
from pipeline.images.resize import rescale
from pipeline.photographs.picture import Picture, Values
from pipeline.photographs.rows import REACH, PictureRows

_HEIGHT, _WIDTH = 360, 480

_AROUND = 64
"""Pixels around a part that decide what becomes of it, by the networks that ship; a multiple of
what their grids are multiples of."""


@dataclass(frozen=True)
class Window:
    """A part of a picture, in its pixels.

    Args:
        top: First row.
        left: First column.
        height: Rows.
        width: Columns.
    """

    top: int
    left: int
    height: int
    width: int


def window_at(
    picture: Picture,
    row: float = 0.5,
    column: float = 0.5,
    *,
    height: int = _HEIGHT,
    width: int = _WIDTH,
) -> Window:
    """Return the part of a picture around a point, moved inside where it would reach out.

    Args:
        picture: Of any size.
        row: Of the point, as a share of the height, 0 to 1.
        column: Of the point, as a share of the width, 0 to 1.
        height: Rows of the part, of a picture that has so many.
        width: Columns of the part, of a picture that has so many.
    """
    tall, wide = picture.values.shape[:2]
    height, width = min(height, tall), min(width, wide)
    top = min(max(0, round(row * tall - height / 2)), tall - height)
    left = min(max(0, round(column * wide - width / 2)), wide - width)
    return Window(top, left, height, width)


def surroundings(picture: Picture, window: Window, around: int = _AROUND) -> Window:
    """Return a part with all around it that decides what it becomes, as far as there is any."""
    tall, wide = picture.values.shape[:2]
    top = max(0, window.top - around) // around * around
    left = max(0, window.left - around) // around * around
    bottom = min(tall, window.top + window.height + around)
    right = min(wide, window.left + window.width + around)
    return Window(top, left, bottom - top, right - left)


def part_of(picture: Picture, window: Window) -> Picture:
    """Return a part of a picture."""
    rows = slice(window.top, window.top + window.height)
    columns = slice(window.left, window.left + window.width)
    alpha = None if picture.alpha is None else picture.alpha[rows, columns]
    return replace(picture, values=picture.values[rows, columns], alpha=alpha)


def before_and_after(before: Picture, after: Picture, window: Window) -> tuple[Values, Values]:
    """Return a part of a picture and of its result, both uint8 and of one size.

    Args:
        before: The picture.
        after: The same restored, a whole number of times larger or of the same size.
        window: The part, in pixels of the former, which is interpolated where the latter is larger,
            as in a restoration of no strength.

    Returns:
        Copies, so that nothing holds the pictures.
    """
    scale = len(after.values) // len(before.values)
    large = _times(window, scale)
    shown = part_of(before, window).values
    if scale > 1:
        near = surroundings(before, window, REACH)
        enlarged = rescale(PictureRows(part_of(before, near).values).read(0, near.height), scale)
        top, left = scale * (window.top - near.top), scale * (window.left - near.left)
        shown = to_8bit(enlarged[top : top + large.height, left : left + large.width])
    return _as_8_bits(shown).copy(), _as_8_bits(part_of(after, large).values).copy()


def inside(window: Window, around: Window) -> Window:
    """Return a window in the pixels of one around it."""
    top, left = window.top - around.top, window.left - around.left
    return Window(top, left, window.height, window.width)


def _times(window: Window, scale: int) -> Window:
    return Window(
        top=scale * window.top,
        left=scale * window.left,
        height=scale * window.height,
        width=scale * window.width,
    )


def thumbnail_of(picture: Picture, side: int) -> Values:
    """Return a picture in 8 bits, its longer side ``side`` pixels at most: every k-th of them."""
    step = -(-max(picture.values.shape[:2]) // side)
    return _as_8_bits(np.ascontiguousarray(picture.values[::step, ::step]))


def _as_8_bits(values: Values) -> Values:
    return values if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)
