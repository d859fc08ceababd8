"""Arrays that may be too large for one file: their rows are in shards, and used as one array.

An array ``clean`` is the file ``clean.npy`` while it has at most ``SHARD_BYTES``. A larger one is
``clean-00000-of-00003.npy`` and so on, each with as many rows as fit into so many bytes, the last
one with what is left. So DVC takes, sends and fetches a large array piece by piece, its pieces may
lie on several disks, and the files of small arrays are what ``numpy.save`` makes of them.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pipeline.arrays.array_file import ArrayFile, Writer

SHARD_BYTES = 1 << 31
"""Of the rows of one file."""

_SHARD = re.compile(r"-\d{5,}-of-(\d{5,})\.npy")


@dataclass(frozen=True)
class ShardedArray:
    """An array whose rows are in several files, none of them read before its rows are asked for.

    Args:
        shards: ``(M, *row)`` each, the same M for all but the last one, which may have fewer.
    """

    shards: Sequence[NDArray[Any]]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Rows, and the shape of one."""
        return (sum(map(len, self.shards)), *self.shards[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.shards[0].dtype

    @property
    def nbytes(self) -> int:
        """Of all rows."""
        return sum(shard.nbytes for shard in self.shards)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        """Return some rows, in their order: a slice without a step, or positions from 0 on."""
        if isinstance(rows, slice):
            return self._run(*rows.indices(len(self))[:2])
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        numbers, inside = np.divmod(rows, len(self.shards[0]))
        for number in np.unique(numbers):
            its = numbers == number
            found[its] = self.shards[number][inside[its]]
        return found

    def _run(self, begin: int, end: int) -> NDArray[Any]:
        most = len(self.shards[0])
        first, last = begin // most, max(begin, end - 1) // most
        parts = [
            self.shards[number][max(0, begin - number * most) : max(0, end - number * most)]
            for number in range(first, min(last + 1, len(self.shards)))
        ]
        if not parts:
            return self.shards[0][:0]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


Rows = NDArray[Any] | ShardedArray
"""An array in memory, in a mapped file, or in several."""


class ShardedFile:
    """A new array in the making, in as many files as it needs.

    Args:
        folder: An existing folder.
        name: Of the array.
        row: Shape of one row.
        dtype: Of the values.
    """

    def __init__(self, folder: Path, name: str, row: tuple[int, ...], dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._folder = folder
        self._name = name
        self._row = row
        row_bytes = int(np.prod(row, dtype=np.int64)) * self.dtype.itemsize
        self._most = max(1, SHARD_BYTES // max(1, row_bytes))

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Give a function that writes rows at a position, as that of ``ArrayFile`` does.

        Several writers may write to different places at the same time.

        Raises:
            OSError: A file cannot be opened or written.
            ValueError: Rows are of another shape or type.
        """
        now = -1
        write_now: Writer
        with ExitStack() as opened:

            def write(first: int, rows: NDArray[Any]) -> None:
                nonlocal now, write_now
                while len(rows):
                    number, inside = divmod(first, self._most)
                    if number != now:
                        opened.close()
                        write_now = opened.enter_context(self._shard(number).writer())
                        now = number
                    some = rows[: self._most - inside]
                    write_now(inside, some)
                    first += len(some)
                    rows = rows[len(some) :]

            yield write

    def finish(self, count: int) -> None:
        """Write what says how many rows there are, and give the files their names.

        Args:
            count: Number of rows, all of which are written.

        Raises:
            OSError: It cannot be written.
        """
        shards = max(1, -(-count // self._most))
        for number in range(shards):
            file = self._shard(number)
            file.finish(min(self._most, count - number * self._most))
            if shards == 1:
                name = f"{self._name}.npy"
            else:
                name = f"{self._name}-{number:05d}-of-{shards:05d}.npy"
            file.path.rename(self._folder / name)

    def _shard(self, number: int) -> ArrayFile:
        return ArrayFile(self._folder / f"{self._name}-{number:05d}.npy", self._row, self.dtype)


def array_files(folder: Path, name: str) -> list[Path]:
    """Return the files of an array, in the order of their rows; none where there is no such array.

    Raises:
        FileNotFoundError: Some of them are lost.
    """
    plain = folder / f"{name}.npy"
    if plain.exists():
        return [plain]
    found = {
        path: int(shard[1])
        for path in sorted(folder.glob(f"{name}-*.npy"))
        if (shard := _SHARD.fullmatch(path.name.removeprefix(name)))
    }
    if found and set(found.values()) != {len(found)}:
        raise FileNotFoundError(
            f"{folder}: expected the {max(found.values())} files of the array '{name}', came "
            f"{len(found)}; 'dvc checkout' brings back those that are in DVC's cache"
        )
    return list(found)


def open_array(folder: Path, name: str) -> Rows | None:
    """Return an array whose rows stay on disk until they are used; None where there is none.

    Args:
        folder: Where it was written.
        name: Of the array.

    Returns:
        A mapped file, or several of them as one array.

    Raises:
        OSError: A file is lost or cannot be read.
        ValueError: A file is not what was written.
    """
    files = array_files(folder, name)
    mapped = [np.load(file, mmap_mode="r") for file in files]
    if len(mapped) < 2:
        return mapped[0] if mapped else None
    # Views: each piece of a memmap is a slow object of its own.
    return ShardedArray([np.asarray(one) for one in mapped])
