"""Arrays written to ``.npy`` files piece by piece, in any order, and never whole in memory."""

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


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

    def write(self, first: int, rows: NDArray[Any]) -> None:
        """Write rows at a position.

        Args:
            first: Position of the first of them.
            rows: ``(N, *row)``, contiguous.

        Raises:
            OSError: They cannot be written.
        """
        if rows.shape[1:] != self.row or rows.dtype != self.dtype:
            raise ValueError(
                f"{self.path}: expected rows of shape {self.row} and type {np.dtype(self.dtype)}, "
                f"came {rows.shape[1:]} and {rows.dtype}"
            )
        # A mapped file would be shorter to write, but a full disk kills those who use one.
        with self.path.open("r+b") as file:
            file.seek(self._start + first * rows[:1].nbytes)
            file.write(rows.data)

    def finish(self, count: int) -> None:
        """Write what says how many rows there are.

        Args:
            count: Number of rows, all of which are written.

        Raises:
            OSError: It cannot be written.
        """
        with self.path.open("r+b") as file:
            file.write(self._header(count))

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
