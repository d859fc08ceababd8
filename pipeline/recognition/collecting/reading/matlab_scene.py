"""Layout ``matlab_scene``: a hyperspectral cube and its ground truth, each a MATLAB file.

So come Indian Pines, Salinas and Pavia University. In the ground truth 0 is unlabelled.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.recognition.collecting.reading.matlab_file import the_array
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples, labels_from


def read(files: Mapping[str, Path], classes: tuple[str, ...]) -> UnsplitSamples:
    """Return the scene.

    Args:
        files: ``cube``, with one array ``(H, W, B)``, and ``labels``, with one ``(H, W)``.
        classes: Of the labels 1, 2, and so on.

    Raises:
        DatasetError: A file is none of these.
    """
    cube = the_array(files["cube"], 3)
    numbers = the_array(files["labels"], 2)
    labels = labels_from(numbers, classes, 1, files["labels"])
    return UnsplitSamples(classes, cube.astype(np.float32), labels)
