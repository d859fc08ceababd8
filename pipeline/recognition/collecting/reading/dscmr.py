"""Layout ``dscmr``: features of images and texts, as the authors of DSCMR publish them.

Labels are numbers from 0. Of Pascal Sentence the features of the training images are missing
where everything else is public: then the pairs that the publisher tests on are all there is.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading.matlab_file import the_array
from pipeline.recognition.collecting.reading.unsplit_samples import (
    UnsplitSamples,
    labels_from,
    pairs_of,
)


def read(files: Mapping[str, Path], classes: tuple[str, ...]) -> UnsplitSamples:
    """Return the pairs: those of training first.

    Args:
        files: Of ``train`` and ``test``: ``PART_img``, ``PART_txt``, and ``PART_img_lab``, the
            labels of both; MATLAB files with an array of the same name.
        classes: Of the labels 0, 1, and so on.

    Raises:
        DatasetError: A file is none of these, or not all have as many rows.
    """
    complete = "train_img" in files
    parts = {part: _read_part(files, part, classes) for part in ("train", "test")[not complete :]}
    widths = {part: shape for part, (_, _, shape) in parts.items()}
    if len(set(widths.values())) > 1:
        raise DatasetError(f"expected features of one length in both parts, came {widths}")
    labels = np.concatenate([labels for _, labels, _ in parts.values()])
    test = [np.full(len(labels), part == "test") for part, (_, labels, _) in parts.items()]
    note = None
    if not complete:
        note = (
            "the features of the training images are not public: only the pairs that the "
            "publisher tests on are here, so that no number can be held against published ones"
        )
    return UnsplitSamples(
        classes,
        np.concatenate([values for values, _, _ in parts.values()]),
        labels,
        np.concatenate(test) if complete else None,
        image_features=widths["test"][0],
        note=note,
    )


def _read_part(
    files: Mapping[str, Path], part: str, classes: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Return pairs, labels, and lengths of the features of image and text."""
    image, text, numbers = (
        the_array(files[name], 2, name)
        for name in (f"{part}_img", f"{part}_txt", f"{part}_img_lab")
    )
    where = files[f"{part}_img_lab"]
    labels = labels_from(numbers.ravel(), classes, 0, where)
    values = pairs_of(image, text, files[f"{part}_txt"])
    if len(labels) != len(values):
        raise DatasetError(f"{where}: expected {len(values)} labels, came {len(labels)}")
    return values, labels, (image.shape[1], text.shape[1])
