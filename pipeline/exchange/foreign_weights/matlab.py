"""Read MATLAB's .mat files, of versions 5 to 7.3, into plain Python values."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import loadmat, whosmat

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.containers import Container
from pipeline.exchange.foreign_weights.limits import MOST_VALUES

Value = Any
"""A struct is a dict, a cell or struct array a list, text a str, numbers an array of MATLAB's
shape (but for ones at its end); None is what no network needs: objects and function handles."""

_DEEPEST = 12
_MOST_ITEMS = 100_000
"""A file of references to one another has no end; a deep network has a few thousand items."""


def read_variables(path: Path, container: Container, wanted: Sequence[str]) -> dict[str, Value]:
    """Return those of the ``wanted`` variables that a file has.

    Raises:
        ForeignWeightsError: The file is damaged, or has none of them.
    """
    read = _read_hdf5 if container == "hdf5" else _read_version_5
    try:
        names, variables = read(path, wanted)
    except ForeignWeightsError:
        raise
    except Exception as error:  # the readers are made for sound files: they raise anything
        raise ForeignWeightsError(
            f"{path}: damaged, or not MATLAB's (download it again?): {error}"
        ) from error
    if not variables:
        raise ForeignWeightsError(
            f"{path}: expected a network in a variable {' or '.join(wanted)}; the file has "
            f"{', '.join(names) or 'none'}"
        )
    return variables


# -------------------------------------------------------------- versions 5 to 7, by scipy


_READ = "import sys; from scipy.io import loadmat; loadmat(sys.argv[1])"


def _read_version_5(path: Path, wanted: Sequence[str]) -> tuple[list[str], dict[str, Value]]:
    # Of some damaged files scipy dies, and takes along whoever asked it.
    tried = subprocess.run(  # noqa: S603  (this very program)
        [sys.executable, "-c", _READ, path], capture_output=True, check=False
    )
    if tried.returncode < 0:
        raise ForeignWeightsError(
            f"{path}: expected a whole MATLAB file, came one that is damaged so that reading it "
            "ends the reader (download it again?)"
        )
    names = [name for name, _, _ in whosmat(path)]
    content = loadmat(path, variable_names=list(wanted), squeeze_me=False)
    return names, {name: _plain(content[name]) for name in wanted if name in content}


def _plain(value: Value) -> Value:
    if not isinstance(value, np.ndarray):
        return None
    if value.dtype.names:
        structs = [
            {name: _plain(one[name]) for name in value.dtype.names}
            for one in value.ravel(order="F")
        ]
        return structs[0] if len(structs) == 1 else structs
    if value.dtype == object:
        return [_plain(one) for one in value.ravel(order="F")]
    if value.dtype.kind == "U":
        return "".join(value.ravel())
    return value if value.dtype.kind in "fiub" else None


# ---------------------------------------------------------------- version 7.3, which is HDF5


def _read_hdf5(path: Path, wanted: Sequence[str]) -> tuple[list[str], dict[str, Value]]:
    with h5py.File(path, "r") as file:
        names = [name for name in file if not name.startswith("#")]
        reader = _Hdf5(file)
        return names, {name: reader.plain(file[name]) for name in wanted if name in names}


class _Hdf5:
    """One open file, and how much of it was read."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._values = 0
        self._items = 0

    def plain(self, item: Any, depth: int = 0) -> Value:  # noqa: ANN401  (h5py has no types)
        self._items += 1
        if depth > _DEEPEST or self._items > _MOST_ITEMS:
            raise ForeignWeightsError("its structs and cells lie within one another without end")
        if isinstance(item, h5py.Group):
            return self._struct(item, depth)
        kind = item.attrs.get("MATLAB_class", b"")
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if "MATLAB_object_decode" in item.attrs:
            return None
        if item.attrs.get("MATLAB_empty", 0):
            return {"char": "", "cell": []}.get(kind, np.zeros((0, 0)))
        if h5py.check_ref_dtype(item.dtype):
            return self._follow(item, depth)
        if item.dtype.kind not in "fiub":
            return None
        values = self._numbers(item)
        return "".join(map(chr, values.ravel())) if kind == "char" else values.T

    def _struct(self, group: h5py.Group, depth: int) -> Value:
        if "MATLAB_object_decode" in group.attrs:
            return None
        fields = {name: group[name] for name in group}
        # Each field of a struct array lists references, and unlike a cell array has no class.
        if fields and all(
            isinstance(field, h5py.Dataset)
            and h5py.check_ref_dtype(field.dtype)
            and "MATLAB_class" not in field.attrs
            for field in fields.values()
        ):
            columns = {name: self._follow(field, depth) for name, field in fields.items()}
            return [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
        return {name: self.plain(field, depth + 1) for name, field in fields.items()}

    def _follow(self, references: h5py.Dataset, depth: int) -> list[Value]:
        return [
            self.plain(self._file[reference], depth + 1)
            for reference in self._numbers(references).ravel()
        ]

    def _numbers(self, item: h5py.Dataset) -> Any:  # noqa: ANN401
        self._values += item.size
        if self._values > MOST_VALUES:
            raise ForeignWeightsError(f"expected at most {MOST_VALUES:,} values, came more")
        return item[()]
