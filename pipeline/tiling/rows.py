"""Rows of images: arrays in memory, or files of which never more is in memory than asked for."""

from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline.images import Array


class Rows(Protocol):
    """Gives the rows of an image ``(H, W, C)``, float32."""

    shape: tuple[int, int, int]

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
