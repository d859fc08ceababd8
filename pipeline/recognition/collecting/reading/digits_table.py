"""Layout ``digits_table``: the digits of scikit-learn, a row an image, its class in the end."""

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples, labels_from

_SIDE = 8
_WHITE = 16
"""The largest value: pixels count the black ones among 4x4 of the scan."""


def read(files: Mapping[str, Path], classes: tuple[str, ...]) -> UnsplitSamples:
    """Return the images, float32 in [0, 1], ink bright: multiples of 1/16.

    Args:
        files: ``digits``: a compressed CSV file of 64 pixels and a label a row.
        classes: Of the labels 0, 1, and so on.

    Raises:
        DatasetError: It is another file.
    """
    path = files["digits"]
    try:
        with gzip.open(path, "rt", encoding="ascii") as stream:
            table = np.loadtxt(stream, delimiter=",", ndmin=2)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: expected a compressed table of numbers, but {error}") from (
            error
        )
    pixels = table[:, :-1]
    if pixels.shape[1] != _SIDE * _SIDE or pixels.min() < 0 or pixels.max() > _WHITE:
        raise DatasetError(
            f"{path}: expected {_SIDE * _SIDE} pixels of 0 to {_WHITE} and a label in each row, "
            f"came {table.shape[1]} columns"
        )
    values = (pixels / _WHITE).astype(np.float32).reshape(-1, _SIDE, _SIDE, 1)
    return UnsplitSamples(classes, values, labels_from(table[:, -1], classes, 0, path))
