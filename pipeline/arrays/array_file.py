"""Arrays written to ``.npy`` files piece by piece, in any order, and never whole in memory."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Writer = Callable[[int, NDArray[Any]], None]
"""Writes rows, ``(N, *row)``; the number is the position of the first of them."""


@dataclass(frozen=True)
class ArrayFile:
    """A new ``.npy`` file in the making, with the bytes that ``numpy.save`` would write.

    Args:
        path: The file; its folder exists.
        row: Shape of one row.
        dtype: Of the values.
    """

    path: Path
    row: tuple[int, ...]
    dtype: DTypeLike

    def __post_init__(self) -> None:
        self.path.touch()

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Open the file, and give a function that writes rows at a position.

        Several writers may write to different places of one file at the same time.

        Raises:
            OSError: The file cannot be opened or written.
            ValueError: Rows are of another shape or type.
        """
        # A mapped file would be shorter to write, but a full disk kills those who use one.
        with self.path.open("r+b", buffering=0) as file:
            at = 0

            def write(first: int, rows: NDArray[Any]) -> None:
                nonlocal at
                place = self._start + first * self._check(rows)
                if place != at:
                    file.seek(place)
                rest = rows.data.cast("B")
                at = place + len(rest)
                while rest:
                    rest = rest[file.write(rest) :]

            yield write

    def finish(self, count: int) -> None:
        """Write what says how many rows there are.

        Args:
            count: Number of rows, all of which are written.

        Raises:
            OSError: It cannot be written.
        """
        with self.path.open("r+b") as file:
            file.write(self._header(count))

    def _check(self, rows: NDArray[Any]) -> int:
        """Return the bytes of one row."""
        if rows.shape[1:] != self.row or rows.dtype != self.dtype:
            raise ValueError(
                f"{self.path}: expected rows of shape {self.row} and type {np.dtype(self.dtype)}, "
                f"came {rows.shape[1:]} and {rows.dtype}"
            )
        return rows[:1].nbytes

    @cached_property
    def _start(self) -> int:
        return len(self._header(0))

    def _header(self, count: int) -> bytes:
        """Return the start of the file; NumPy keeps its length the same for any count."""
        stream = io.BytesIO()
        shape = (count, *self.row)
        description = np.lib.format.dtype_to_descr(np.dtype(self.dtype))
        np.lib.format.write_array_header_1_0(
            stream, {"descr": description, "fortran_order": False, "shape": shape}
        )
        return stream.getvalue()
