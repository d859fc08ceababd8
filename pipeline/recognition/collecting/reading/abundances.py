"""Layout ``abundances``: a cube of the unmixing literature, with how much of what a pixel holds.

So comes Samson. The label of a pixel is what it holds most of: a stand-in for a ground truth,
as nobody labelled the pixels by hand.
"""

from collections.abc import Mapping
from math import isqrt
from pathlib import Path

import numpy as np

from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading.matlab_file import read_arrays
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples


def read(files: Mapping[str, Path], classes: tuple[str, ...]) -> UnsplitSamples:
    """Return the scene.

    Args:
        files: ``cube``: a MATLAB file with the spectra ``Y (B, P)`` and the abundances
            ``A (classes, P)`` of the P pixels of a square scene, column by column.
        classes: Of the rows of the abundances.

    Raises:
        DatasetError: It is another file.
    """
    path = files["cube"]
    arrays = read_arrays(path)
    shapes = {name: value.shape for name, value in arrays.items()}
    spectra, abundances = shapes.get("Y", ()), shapes.get("A", ())
    pixels = spectra[-1] if spectra else 0
    side = isqrt(pixels)
    if len(spectra) != 2 or abundances != (len(classes), pixels) or side * side != pixels:
        raise DatasetError(
            f"{path}: expected spectra Y (bands, pixels) and abundances A ({len(classes)}, pixels) "
            f"of a square scene, came {shapes}"
        )
    cube = arrays["Y"].astype(np.float32).T.reshape(side, side, -1, order="F")
    labels = arrays["A"].argmax(0).astype(np.int16).reshape(side, side, order="F")
    return UnsplitSamples(classes, np.ascontiguousarray(cube), np.ascontiguousarray(labels))
