"""Layout ``cifar_sheets``: images of 32x32 pixels as the rows of a few larger ones.

A row of a sheet is an image: 1024 pixels, which are its 32 rows one after the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Bytes
from pipeline.arrays.tables import read_table
from pipeline.images.files import read_8bit
from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples, labels_from

_SIDE = 32
_TEST = "cifar10_batch_50.png"
"""The sheet with test images: each sheet has 1000 of the 60000, the last 10000 of which test."""


@dataclass(frozen=True)
class _Label:
    """The label of an image: of a row of a sheet."""

    batch_file: str
    row: int
    label: int


def read(files: Mapping[str, Path], classes: tuple[str, ...]) -> UnsplitSamples:
    """Return the images, uint8, in the order of the sheets' names.

    Args:
        files: ``labels``: a CSV file with columns batch_file, row and label; all others are sheets.
        classes: Of the labels 0, 1, and so on.

    Raises:
        DatasetError: A sheet has another size, or an image has no label.
        ImageError: A sheet is no image.
    """
    table = _read_labels(files["labels"])
    values, numbers, tested = [], [], []
    for sheet in sorted(name for name in files if name != "labels"):
        images = _read_sheet(files[sheet])
        values.append(images)
        numbers.append(_labels_of(f"{sheet}.png", len(images), table, files["labels"]))
        tested.append(np.full(len(images), f"{sheet}.png" == _TEST))
    labels = labels_from(np.concatenate(numbers), classes, 0, files["labels"])
    return UnsplitSamples(classes, np.concatenate(values), labels, np.concatenate(tested))


def _read_sheet(path: Path) -> Bytes:
    sheet = read_8bit(path)
    if sheet.shape[1:] != (_SIDE * _SIDE, 3):
        raise DatasetError(
            f"{path}: expected a colour image, {_SIDE * _SIDE} pixels wide, of which each row is "
            f"an image of {_SIDE}x{_SIDE}; came {sheet.shape[1]} pixels, {sheet.shape[2]} channels"
        )
    return sheet.reshape(-1, _SIDE, _SIDE, 3)


def _read_labels(path: Path) -> dict[tuple[str, int], int]:
    try:
        return {(row.batch_file, row.row): row.label for row in read_table(path, _Label)}
    except (OSError, ValueError) as error:
        raise DatasetError(f"expected the labels of sheets, but {error}") from error


def _labels_of(
    sheet: str, images: int, table: Mapping[tuple[str, int], int], path: Path
) -> NDArray[np.int64]:
    missing = [row for row in range(images) if (sheet, row) not in table]
    if missing:
        raise DatasetError(
            f"{path}: {len(missing)} of the {images} images in {sheet} have no label, the first "
            f"one in row {missing[0]}"
        )
    return np.array([table[sheet, row] for row in range(images)])
