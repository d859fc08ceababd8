"""Layout ``lfw_stack``: the gray images of scikit-image's LFW subset, faces first."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.recognition.collecting.reading.npy_file import read_npy
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples


def read(files: Mapping[str, Path], classes: tuple[str, ...]) -> UnsplitSamples:
    """Return the images, float32 in [0, 1].

    Args:
        files: ``lfw_subset``: an array ``(N, H, W)`` in [0, 1], of which the first half are faces.
        classes: Of the first and of the second half.

    Raises:
        DatasetError: It is another file.
    """
    values = read_npy(files["lfw_subset"], 3).astype(np.float32)
    labels = np.arange(len(values)) >= len(values) // 2
    return UnsplitSamples(classes, values[..., None], labels.astype(np.int16))
