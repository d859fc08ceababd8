"""Files restored to files: rows are read and written while others are computed."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pipeline.arrays.array_file import ArrayFile
from pipeline.arrays.pixels import to_8bit
from pipeline.images.files import write_8bit_png
from pipeline.tiling.restorer import Band, Restorer
from pipeline.tiling.rows import NpyRows


def restore_file(
    degraded: Path,
    restored: Path,
    picture: Path,
    restorer: Restorer,
    sigma_8bit: float | None = None,
) -> None:
    """Restore one image from file to file, with a few bands of it in memory.

    Args:
        degraded: ``.npy`` file, float32 ``(H, W, C)`` in [0, 1] up to noise.
        restored: ``.npy`` file to write, ``(S * H, S * W, C)``, not clipped; S is the scale of the
            network.
        picture: PNG file to write, clipped and rounded to 8 bits; it is in memory as a whole,
            one byte a value.
        restorer: The network.
        sigma_8bit: The level of the noise, for a network that is told.

    Raises:
        ValueError: ``degraded`` holds something else, or an image smaller than the network's
            grid.
        OSError: A file cannot be read or written.
        TooLittleMemoryError: There is none even for small tiles.
    """
    rows = NpyRows(degraded)
    height, width, channels = rows.shape
    height, width = restorer.scale * height, restorer.scale * width
    shown = np.empty((height, width, channels), np.uint8)
    file = ArrayFile(restored, (width, channels), np.float32)
    with file.writer() as write_rows, ThreadPoolExecutor(1, "writer") as writing:

        def write(band: Band) -> None:
            write_rows(band.first, band.rows)
            shown[band.first : band.first + len(band.rows)] = to_8bit(band.rows)

        pending: Future[None] | None = None
        for band in _named(restorer.bands(rows, sigma_8bit), degraded):
            if pending is not None:
                pending.result()
            pending = writing.submit(write, band)
        if pending is not None:
            pending.result()
    file.finish(height)
    write_8bit_png(picture, shown)


def _named(bands: Iterator[Band], path: Path) -> Iterator[Band]:
    """Yield the same, and say of errors which image they are about."""
    try:
        yield from bands
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
