"""Files restored to files: rows are read and written while others are computed."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pipeline.array_file import ArrayFile
from pipeline.images import to_8bit, write_8bit_png
from pipeline.tiling.restoring import Band, Restorer
from pipeline.tiling.rows import NpyRows


def restore_file(degraded: Path, restored: Path, picture: Path, restorer: Restorer) -> None:
    """Restore one image from file to file, with a few bands of it in memory.

    Args:
        degraded: ``.npy`` file, float32 ``(H, W, C)`` in [0, 1] up to noise.
        restored: ``.npy`` file to write, the same shape, not clipped.
        picture: PNG file to write, clipped and rounded to 8 bits; it is in memory as a whole,
            one byte a value.
        restorer: The network.

    Raises:
        ValueError: ``degraded`` holds something else.
        OSError: A file cannot be read or written.
        TooLittleMemoryError: There is none even for small tiles.
    """
    rows = NpyRows(degraded)
    height, *row = rows.shape
    shown = np.empty(rows.shape, np.uint8)
    file = ArrayFile(restored, tuple(row), np.float32)
    with file.writer() as write_rows, ThreadPoolExecutor(1, "writer") as writing:

        def write(band: Band) -> None:
            write_rows(band.first, band.rows)
            shown[band.first : band.first + len(band.rows)] = to_8bit(band.rows)

        pending: Future[None] | None = None
        for band in restorer.bands(rows):
            if pending is not None:
                pending.result()
            pending = writing.submit(write, band)
        if pending is not None:
            pending.result()
    file.finish(height)
    write_8bit_png(picture, shown)
