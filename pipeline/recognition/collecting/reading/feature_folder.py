"""Features of the user's own, or of a network of ours, in ``.npy`` files."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading.class_names import read_class_names
from pipeline.recognition.collecting.reading.npy_file import read_npy
from pipeline.recognition.collecting.reading.unsplit_samples import (
    UnsplitSamples,
    labels_from,
    pairs_of,
    require_whole,
)


def read(folder: Path) -> UnsplitSamples:
    """Return the pairs of a folder.

    ``image.npy`` is ``(N, D1)``, ``text.npy`` ``(N, D2)``, ``labels.npy`` ``(N,)`` counts from
    0. Two files need not be there: ``test.npy``, ``(N,)``, true for the pairs that are tested on
    as published, and ``classes.txt``, a name a line.

    Raises:
        DatasetError: A file is missing or is another one, or there are not as many of each.
    """
    image, text = read_npy(folder / "image.npy", 2), read_npy(folder / "text.npy", 2)
    numbers = read_npy(folder / "labels.npy", 1)
    require_whole(numbers, folder / "labels.npy")
    values = pairs_of(image, text, folder)
    if len(numbers) != len(values):
        raise DatasetError(
            f"{folder / 'labels.npy'}: expected a label for each of {len(values)} pairs, came "
            f"{len(numbers)}"
        )
    if (numbers < 0).any():
        raise DatasetError(
            f"{folder / 'labels.npy'}: expected labels from 0 on, came {numbers.min()}: a pair "
            "without a class can be in no part"
        )
    classes = read_class_names(folder / "classes.txt", 0, int(np.max(numbers, initial=0)))
    labels = labels_from(numbers, classes, 0, folder / "labels.npy")
    test = _read_test(folder / "test.npy", len(values))
    return UnsplitSamples(classes, values, labels, test, image_features=image.shape[1])


def write(folder: Path, pairs: UnsplitSamples) -> None:
    """Write pairs into a folder that exists, as ``read`` reads them."""
    np.save(folder / "image.npy", pairs.values[:, : pairs.image_features])
    np.save(folder / "text.npy", pairs.values[:, pairs.image_features :])
    np.save(folder / "labels.npy", pairs.labels)
    if pairs.test is not None:
        np.save(folder / "test.npy", pairs.test)
    (folder / "classes.txt").write_text("".join(f"{n}\n" for n in pairs.classes), encoding="utf-8")


def _read_test(path: Path, pairs: int) -> NDArray[np.bool_] | None:
    if not path.exists():
        return None
    test = read_npy(path, 1)
    if test.dtype != np.bool_ or len(test) != pairs:
        raise DatasetError(
            f"{path}: expected true or false for each of {pairs} pairs, came {len(test)} values "
            f"of {test.dtype}"
        )
    return test
