"""An array of real numbers in a ``.npy`` file, which may come from anybody."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.images.raw_images import DatasetError


def read_npy(path: Path, dimensions: int) -> NDArray[Any]:
    """Return the array; pickled objects are refused.

    Args:
        path: The file.
        dimensions: How many the array must have.

    Raises:
        DatasetError: There is no such file, or something else in it.
    """
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: expected this file, there is none") from error
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path}: expected an array as numpy.save writes it, but {error}") from (
            error
        )
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        came = values.dtype if isinstance(values, np.ndarray) else "an archive of arrays"
        raise DatasetError(f"{path}: expected real numbers, came {came}")
    if values.ndim != dimensions:
        raise DatasetError(
            f"{path}: expected an array of {dimensions} dimensions, came the shape {values.shape}"
        )
    return values
