"""Features of the user's own: ``image.npy``, ``text.npy``, ``labels.npy`` and ``classes.txt``."""

from pathlib import Path

import numpy as np

from pipeline.raw_images import DatasetError
from pipeline.recognition.reading.class_names import read_class_names
from pipeline.recognition.reading.npy_file import read_npy
from pipeline.recognition.reading.samples import (
    Samples,
    labels_from,
    pairs_of,
    require_whole,
)


def read(folder: Path) -> Samples:
    """Return the pairs of a folder.

    ``image.npy`` is ``(N, D1)``, ``text.npy`` ``(N, D2)``, ``labels.npy`` ``(N,)`` counts from
    0, and ``classes.txt``, which need not be there, has a name a line.

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
    return Samples(classes, values, labels, image_features=image.shape[1])
