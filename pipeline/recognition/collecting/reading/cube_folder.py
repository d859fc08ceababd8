"""A hyperspectral scene of the user's own: ``cube.npy``, ``labels.npy`` and ``classes.txt``."""

from pathlib import Path

import numpy as np

from pipeline.recognition.collecting.reading.class_names import read_class_names
from pipeline.recognition.collecting.reading.npy_file import read_npy
from pipeline.recognition.collecting.reading.unsplit_samples import (
    UnsplitSamples,
    labels_from,
    require_whole,
)


def read(folder: Path) -> UnsplitSamples:
    """Return the scene of a folder.

    ``cube.npy`` is ``(H, W, B)`` in any unit, ``labels.npy`` is ``(H, W)``, and ``classes.txt``,
    which need not be there, has a name a line. Labels count from 1 and 0 is unlabelled; if there
    are both -1 and 0, then -1 is unlabelled and labels count from 0.

    Raises:
        DatasetError: A file is missing or is another one.
    """
    cube = read_npy(folder / "cube.npy", 3)
    numbers = read_npy(folder / "labels.npy", 2)
    require_whole(numbers, folder / "labels.npy")
    first = 0 if (numbers < 0).any() and (numbers == 0).any() else 1
    last = int(numbers.max(initial=0))
    classes = read_class_names(folder / "classes.txt", first, last)
    labels = labels_from(numbers, classes, first, folder / "labels.npy")
    return UnsplitSamples(classes, cube.astype(np.float32), labels)
