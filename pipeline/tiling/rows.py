"""Rows of images: arrays in memory, or files of which never more is in memory than asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline.arrays.pixels import Array


class Rows(Protocol):
    """Gives the rows of an image ``(H, W, C)``, float32."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""

    def read(self, first: int, last: int) -> Array:
        """Return the rows ``first`` to ``last``, the last one excluded."""


class ArrayRows:
    """The rows of an array ``(H, W, C)``."""

    def __init__(self, image: Array) -> None:
        self.shape: tuple[int, int, int] = image.shape
        self._image = image

    def read(self, first: int, last: int) -> Array:
        """Return the rows ``first`` to ``last``, the last one excluded."""
        return self._image[first:last]


class NpyRows:
    """The rows of a ``.npy`` file with a float32 image ``(H, W, C)``.

    Args:
        path: The file.

    Raises:
        ValueError: It holds something else.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        mapped = np.load(path, mmap_mode="r")  # reads the header only
        if mapped.dtype != np.float32 or mapped.ndim != 3 or mapped.flags.fnc:
            raise ValueError(
                f"{path}: expected float32 (H, W, C) in C order, came {mapped.dtype} {mapped.shape}"
            )
        self.shape: tuple[int, int, int] = mapped.shape
        self._path = path
        self._begin: int = mapped.offset

    def read(self, first: int, last: int) -> Array:
        """Return the rows ``first`` to ``last``, the last one excluded."""
        _, width, channels = self.shape
        each = width * channels
        begin = self._begin + 4 * first * each
        values = np.fromfile(self._path, np.float32, (last - first) * each, offset=begin)
        return values.reshape(last - first, width, channels)


@dataclass
class PaddedRows:
    """Rows of an image whose end is mirrored until its sides are whole multiples.

    Args:
        rows: The image, no side shorter than ``multiple``.
        multiple: What its sides shall be multiples of; ``models/parts/grid.py`` pads alike.
    """

    rows: Rows
    multiple: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.rows.shape
        return height + -height % self.multiple, width + -width % self.multiple, channels

    def read(self, first: int, last: int) -> Array:
        """Return the rows ``first`` to ``last``, the last one excluded."""
        height, width, _ = self.rows.shape
        below = max(0, last - height)
        more = -width % self.multiple
        if not below and not more:
            return self.rows.read(first, last)
        # Mirrored are the rows before the last one, which may not be among those asked for.
        start = min(first, height - 1 - below)
        found = self.rows.read(start, min(last, height))
        padded = np.pad(found, ((0, below), (0, more), (0, 0)), mode="reflect")
        return padded[first - start :]


@dataclass
class RowsWithMap:
    """Rows of an image with one more channel: the level of its noise, the same everywhere.

    Args:
        rows: The image.
        sigma_8bit: Standard deviation of the noise, on the scale of 0 to 255.
    """

    rows: Rows
    sigma_8bit: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels, the map included."""
        height, width, channels = self.rows.shape
        return height, width, channels + 1

    def read(self, first: int, last: int) -> Array:
        """Return the rows ``first`` to ``last``, the last one excluded."""
        found = self.rows.read(first, last)
        level = np.full((*found.shape[:2], 1), self.sigma_8bit / 255, np.float32)
        return np.concatenate([found, level], axis=2)
