"""The patch grid, and the patch bank on disk that holds the patches of a whole data set.

A bank is one array and two tables, never one file a patch:

- ``clean.npy``: uint8 ``(N, size, size, C)``, memory-mappable; for real pairs also
  ``degraded.npy`` of the same shape; large ones are in shards (``shards.py``);
- ``index.csv``: image, row, column of each patch, in the order of the array;
- ``images.csv``: size of each image, what part of it the patches cover, and how many there are.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.array_file import Writer
from pipeline.arrays.pixels import Bytes
from pipeline.arrays.shards import Rows, ShardedArray, ShardedFile, open_array
from pipeline.arrays.stage_outputs import StageNotRunError
from pipeline.arrays.tables import read_lines, write_table

Pixel = TypeVar("Pixel", np.uint8, np.float16, np.float32)

_GATHERED = 3 << 20
"""Bytes of images to gather before they are cut; more of them are no faster (measured)."""

_BUFFER = 1 << 20
"""Bytes of patches to cut before they are written, which fit into the cache of a core."""


@dataclass(frozen=True)
class Grid:
    """Positions of square patches on an image, row by row, from its upper left corner.

    Args:
        height: Rows of the image.
        width: Columns of the image.
        size: Side of a patch, in pixels.
        stride: Distance of neighbouring patches, at most ``size``.
    """

    height: int
    width: int
    size: int
    stride: int

    @property
    def rows(self) -> range:
        """Upper edges of the patches."""
        return range(0, self.height - self.size + 1, self.stride)

    @property
    def columns(self) -> range:
        """Left edges of the patches."""
        return range(0, self.width - self.size + 1, self.stride)

    @property
    def covered(self) -> tuple[int, int]:
        """Height and width of the part of the image that the patches cover."""
        return self.rows[-1] + self.size, self.columns[-1] + self.size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((row, column) for row in self.rows for column in self.columns)

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)


def grid_on(height: int, width: int, size: int, stride: int, name: str) -> Grid:
    """Return the grid on an image.

    Raises:
        ValueError: The image called ``name`` is smaller than one patch.
    """
    if height < size or width < size:
        raise ValueError(
            f"image '{name}' has {height}x{width} pixels, smaller than a patch of {size}x{size}: "
            "choose a smaller patch size (patches in params.yaml) or leave the image out"
        )
    return Grid(height, width, size, stride)


def cut(image: NDArray[Pixel], grid: Grid) -> NDArray[Pixel]:
    """Cut an image at the positions of ``grid``.

    Args:
        image: ``(H, W, C)``, any range and type.
        grid: Where its patches lie.

    Returns:
        ``(len(grid), size, size, C)``, the same range and type.

    Raises:
        ValueError: The image is smaller than what the patches cover.
    """
    if image.shape[0] < grid.covered[0] or image.shape[1] < grid.covered[1]:
        raise ValueError(f"expected an image of {grid.covered} pixels or more, came {image.shape}")
    down, right, step = image.strides
    windows = np.lib.stride_tricks.as_strided(
        image,
        (len(grid.rows), len(grid.columns), grid.size, grid.size, image.shape[2]),
        (grid.stride * down, grid.stride * right, down, right, step),
        writeable=False,
    )
    return np.ascontiguousarray(windows.reshape(len(grid), *windows.shape[2:]))


def write_cut(write: Writer, first: int, image: NDArray[Pixel], grid: Grid) -> None:
    """Cut an image and write its patches, a few rows of them at a time.

    Args:
        write: Writes patches at a position.
        first: Position of the first of them.
        image: ``(H, W, C)``, any range, and the type of what is written.
        grid: Where its patches lie.

    Raises:
        OSError: They cannot be written.
    """
    across = len(grid.columns)
    step = max(1, _BUFFER // (across * grid.size * grid.size * image[0, 0].nbytes))
    for row in range(0, len(grid.rows), step):
        part = grid.rows[row : row + step]
        band = image[part[0] : part[-1] + grid.size]
        patches = cut(band, Grid(len(band), grid.width, grid.size, grid.stride))
        write(first + row * across, patches)


def join(patches: NDArray[Pixel], grid: Grid) -> NDArray[Pixel]:
    """Put the patches of one image together again.

    Args:
        patches: ``(len(grid), size, size, C)``; where they overlap they agree.
        grid: Where they lie.

    Returns:
        The covered part of the image, ``(height, width, C)``.
    """
    by_place = patches.reshape(len(grid.rows), len(grid.columns), *patches.shape[1:])
    # Of patches that overlap, those that lie side by side are enough, with the last of each row
    # and column: of each the upper left part, but of the last ones all.
    apart = max(1, grid.size // grid.stride)
    side = min(apart * grid.stride, grid.size)
    some = by_place[::apart, ::apart]
    height, width = side * some.shape[0], side * some.shape[1]
    image = np.empty((*grid.covered, patches.shape[-1]), patches.dtype)
    bottom, right = grid.rows[-1], grid.columns[-1]
    _tile(image[:height, :width], some[:, :, :side, :side])
    _tile(image[bottom:, :width], by_place[-1:, ::apart, :, :side])
    _tile(image[:height, right:], by_place[::apart, -1:, :side])
    image[bottom:, right:] = by_place[-1, -1]
    return image


def _tile(area: NDArray[Pixel], tiles: NDArray[Pixel]) -> None:
    """Fill an area, ``(H, W, C)``, with tiles, ``(rows, columns, height, width, C)``."""
    rows, columns, height, width, channels = tiles.shape
    # A view: splitting axes never copies.
    places = area.reshape(rows, height, columns, width, channels)
    places[...] = tiles.swapaxes(1, 2)


@dataclass(frozen=True)
class BankImage:
    """One image of a bank.

    Args:
        name: Name of the image, with its scale when it was cut at several.
        height: Rows of the image that was cut.
        width: Columns of it.
        first: Position of its first patch in the bank's array.
        grid: Where its patches lie.
    """

    name: str
    height: int
    width: int
    first: int
    grid: Grid

    @property
    def patches(self) -> slice:
        """Its patches in the bank's array."""
        return slice(self.first, self.first + len(self.grid))


@dataclass(frozen=True)
class BankImages:
    """The images of a bank, read from its table one by one whenever they are gone through.

    Args:
        folder: Of the bank.
    """

    folder: Path

    def __iter__(self) -> Iterator[BankImage]:
        first = 0
        table = self.folder / "images.csv"
        for _, row in read_lines(table, _ImageRow, f"extract@{self.folder.name}"):
            grid = Grid(row.height, row.width, row.size, row.stride)
            yield BankImage(row.image, row.height, row.width, first, grid)
            first += len(grid)


class PatchBank:
    """A patch bank on disk.

    Args:
        folder: Where ``stages/extract.py`` wrote it.

    Raises:
        OSError: A file of it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        clean = open_array(folder, "clean")
        if clean is None:
            stage = f"extract@{folder.name}"
            raise StageNotRunError(
                f"{folder / 'clean.npy'}: no such file; run 'dvc repro {stage}', which writes it",
                stage,
            )
        self.clean: Rows = clean
        self.degraded: Rows | None = open_array(folder, "degraded")
        self.images = BankImages(folder)

    def __len__(self) -> int:
        return len(self.clean)

    def clean_image(self, image: BankImage) -> Bytes:
        """Return the covered part of a clean image, uint8 ``(height, width, C)``."""
        return _whole(self.clean, image)

    def degraded_image(self, image: BankImage) -> Bytes:
        """Return that of the degraded partner of an image.

        Raises:
            ValueError: The bank has none.
        """
        if self.degraded is None:
            raise ValueError(
                f"{self.folder}: expected degraded partners of the clean patches, came none: the "
                "degradation 'paired' needs a data set of real pairs"
            )
        return _whole(self.degraded, image)


def _whole(patches: Rows, image: BankImage) -> Bytes:
    # A view of the same file: each slice of a memmap is a slow object of its own.
    rows = patches if isinstance(patches, ShardedArray) else np.asarray(patches)
    return join(rows[image.patches], image.grid)


@dataclass(frozen=True)
class _ImageRow:
    """A row of ``images.csv``."""

    image: str
    height: int
    width: int
    size: int
    stride: int
    patches: int
    rows_left: int
    columns_left: int


def write_bank(
    folder: Path,
    images: Iterable[tuple[str, Bytes, Bytes | None]],
    size: int,
    stride: int,
) -> None:
    """Cut images and write them as a patch bank.

    Args:
        folder: An existing, empty folder.
        images: Name, clean image and, for real pairs, degraded image, uint8 ``(H, W, C)``.
        size: Side of a patch, in pixels.
        stride: Distance of neighbouring patches.

    Raises:
        ValueError: An image is smaller than a patch, its partner has another size, only some
            have partners, or there are no images.
    """
    with (
        _Patches(folder, "clean", size) as clean,
        _Patches(folder, "degraded", size) as degraded,
        (folder / "index.csv").open("w", newline="") as index,
    ):
        index.write("image,row,column\n")

        def rows() -> Iterator[_ImageRow]:
            for name, image, partner in _gathered(images):
                grid = grid_on(image.shape[0], image.shape[1], size, stride, name)
                clean.add(image, grid)
                if partner is not None:
                    _check_partner(name, image, partner)
                    degraded.add(partner, grid)
                index.write(_index_lines(name, grid))
                yield _image_row(name, grid)

        # Row by row: there may be millions of images.
        write_table(folder / "images.csv", _ImageRow, rows())
    if not clean.images:
        raise ValueError("expected at least one image to cut, came none")
    if degraded.images not in {0, clean.images}:
        raise ValueError(
            f"expected degraded partners of all {clean.images} images or of none, came "
            f"{degraded.images}"
        )


def _check_partner(name: str, image: Bytes, partner: Bytes) -> None:
    if partner.shape != image.shape:
        raise ValueError(
            f"image '{name}': expected a degraded partner of shape {image.shape}, "
            f"came {partner.shape}"
        )


def _gathered(images: Iterable[tuple[str, Bytes, Bytes | None]]) -> Iterator[Any]:
    """Yield the same images, but take small ones several at a time.

    Threads that read the next ones and the one that writes would have to wait for Python's lock
    at each of them, and that takes longer than to read and to write by turns.
    """
    waiting = []
    size = 0
    try:
        for entry in images:
            waiting.append(entry)
            size += entry[1].nbytes
            if size >= _GATHERED:
                yield from waiting
                waiting.clear()
                size = 0
    except Exception:  # that of an image behind those
        yield from waiting
        raise
    yield from waiting


class _Patches:
    """The patches of images one after the other, in an array that is made for the first one.

    Args:
        folder: Where to.
        name: Of the array.
        size: Side of a patch, in pixels.
    """

    def __init__(self, folder: Path, name: str, size: int) -> None:
        self.images = 0
        self._folder = folder
        self._name = name
        self._size = size
        self._count = 0
        self._file: ShardedFile | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()
        if self._file:
            self._file.finish(self._count)

    def add(self, image: Bytes, grid: Grid) -> None:
        """Cut an image and write its patches behind those of the images before."""
        if self._file is None:
            row = (self._size, self._size, image.shape[2])
            self._file = ShardedFile(self._folder, self._name, row, np.uint8)
            self._write = self._open.enter_context(self._file.writer())
        write_cut(self._write, self._count, image, grid)
        self._count += len(grid)
        self.images += 1


def _image_row(name: str, grid: Grid) -> _ImageRow:
    rows, columns = grid.covered
    return _ImageRow(
        image=name,
        height=grid.height,
        width=grid.width,
        size=grid.size,
        stride=grid.stride,
        patches=len(grid),
        rows_left=grid.height - rows,
        columns_left=grid.width - columns,
    )


def _index_lines(name: str, grid: Grid) -> str:
    """Return the lines of the index for one image.

    There may be millions, of which all but the name come again with the next image.
    """
    start = io.StringIO()
    csv.writer(start, lineterminator="").writerow([name, ""])  # quoted if need be
    return _places(grid).replace("\0", start.getvalue())


@lru_cache(maxsize=16)
def _places(grid: Grid) -> str:
    """Return the lines of the index for an image whose name is a zero."""
    return "".join(f"\0{row},{column}\n" for row, column in grid)
