"""Rows of pictures as networks take them: of few at a time, so that large pictures fit."""

import math
from dataclasses import dataclass

import numpy as np

from pipeline.arrays.pixels import Array
from pipeline.images.colours import rgb_to_luma
from pipeline.images.resize import rescale
from pipeline.photographs.picture import Values
from pipeline.tiling.rows import Rows

_BLACK, RANGE = 16 / 255, 219 / 255
"""Of BT.601's luma in studio range."""

REACH = 4
"""Rows and columns of the small picture around a part of an enlarged one that decide it, and a
spare one."""


@dataclass(frozen=True)
class PictureRows:
    """The rows of a picture, float32 in [0, 1].

    Args:
        values: uint8 or uint16 ``(H, W, C)``.
    """

    values: Values

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.values.shape
        return height, width, channels

    def read(self, first: int, last: int) -> Array:
        """Return the rows ``first`` to ``last``, the last one excluded."""
        largest = np.float32(np.iinfo(self.values.dtype).max)
        return np.divide(self.values[first:last], largest, dtype=np.float32)


@dataclass(frozen=True)
class EnlargedRows:
    """The rows of a picture, enlarged by bicubic interpolation as a whole would be.

    Args:
        rows: The small picture.
        factor: How many times larger, a whole number.
    """

    rows: Rows
    factor: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.rows.shape
        return self.factor * height, self.factor * width, channels

    def read(self, first: int, last: int) -> Array:
        """Return the rows ``first`` to ``last``, the last one excluded."""
        begin = max(0, first // self.factor - REACH)
        end = min(self.rows.shape[0], math.ceil(last / self.factor) + REACH)
        large = rescale(self.rows.read(begin, end), self.factor)
        return large[first - self.factor * begin : last - self.factor * begin]


@dataclass(frozen=True)
class GrayRows:
    """What a network of one channel gets of a picture: its gray values, or its luma.

    Args:
        rows: The picture, one channel or three.
        studio: Whether they are brought to studio range, 16 to 235 of 255, as luma is.
    """

    rows: Rows
    studio: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and one channel."""
        return *self.rows.shape[:2], 1

    def read(self, first: int, last: int) -> Array:
        """Return the rows ``first`` to ``last``, the last one excluded."""
        picture = self.rows.read(first, last)
        if picture.shape[-1] == 1:
            return (RANGE * picture + np.float32(_BLACK)) if self.studio else picture
        luma = rgb_to_luma(picture)[..., None]
        return (luma if self.studio else (luma - _BLACK) / RANGE).astype(np.float32)


@dataclass(frozen=True)
class RepeatedRows:
    """A gray picture as one of three equal channels.

    Args:
        rows: The picture, one channel.
    """

    rows: Rows

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and three channels."""
        return *self.rows.shape[:2], 3

    def read(self, first: int, last: int) -> Array:
        """Return the rows ``first`` to ``last``, the last one excluded."""
        return np.repeat(self.rows.read(first, last), 3, axis=-1)
