"""Arrays of a MATLAB file: version 5 and its like, or version 7.3, which is HDF5."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.images.raw_images import DatasetError


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of real numbers in a MATLAB file, by name, in MATLAB's shape.

    Raises:
        DatasetError: It is no MATLAB file, or a damaged one.
    """
    import h5py  # half a second each, that other data sets need not wait
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                # HDF5 has the axes in the other order.
                found = {k: np.asarray(v).T for k, v in file.items() if isinstance(v, h5py.Dataset)}
        else:
            found = loadmat(path)
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError, MatReadError) as error:
        raise DatasetError(f"{path}: expected a MATLAB file, but {error}") from error
    return {name: value for name, value in found.items() if _is_numeric(value)}


def the_array(path: Path, dimensions: int, *names: str) -> NDArray[Any]:
    """Return the one array of so many dimensions that a MATLAB file has.

    Args:
        path: The file.
        dimensions: Number of them.
        names: The array must have one of these names; any, if none is given.

    Raises:
        DatasetError: The file has no such array, or several.
    """
    arrays = read_arrays(path)
    fitting = [
        name
        for name, value in arrays.items()
        if value.ndim == dimensions and (not names or name in names)
    ]
    if len(fitting) != 1:
        came = ", ".join(f"{name} {value.shape}" for name, value in sorted(arrays.items()))
        called = f" called {' or '.join(names)}" if names else ""
        raise DatasetError(
            f"{path}: expected one array of {dimensions} dimensions{called}, came {came or 'none'}"
        )
    return arrays[fitting[0]]


def _is_numeric(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
