"""Files of labelled data as their publishers and owners have them, small and made by the tests."""

import gzip
import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from tests.unit.image_sets import describe

CIFAR = ("airplane", "automobile", "bird", "cat", "deer")


def random_bytes(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(shape[0]).integers(0, 256, shape, dtype=np.uint8)


def write_batches(path: Path, batches: Mapping[str, bytes]) -> Path:
    """Write the archive of CIFAR-10 for Python."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in batches.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


_PICKLER: Any = pickle._Pickler


class _Python2Pickler(_PICKLER):  # type: ignore[misc]
    """Writes what Python 2 wrote: strings of bytes, whatever they mean."""

    dispatch: ClassVar[dict[type, Any]] = dict(_PICKLER.dispatch)

    def _save_string(self, value: str | bytes) -> None:
        content = value.encode("latin1") if isinstance(value, str) else value
        self.write(b"T" + len(content).to_bytes(4, "little") + content)

    dispatch[str] = dispatch[bytes] = _save_string


def batch(images: NDArray[np.uint8], labels: list[int], core: str = "core") -> bytes:
    """Return a batch ``(N, 32, 32, 3)`` as Python 2 pickled it, with NumPy's name of its core."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    stream = io.BytesIO()
    content = {"batch_label": "a batch", "labels": labels, "data": planes, "filenames": ["a"]}
    _Python2Pickler(stream, protocol=2).dump(content)
    return stream.getvalue().replace(b"numpy._core.", f"numpy.{core}.".encode())


def write_matlab(path: Path, version: str, **arrays: NDArray[Any]) -> Path:
    """Write a MATLAB file of version 5, or of version 7.3 with its header and HDF5's axes."""
    if version == "5":
        savemat(path, arrays)
        return path
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in arrays.items():
            file[name] = value.T
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(128))
    return path


def write_table(path: Path, rows: NDArray[Any]) -> Path:
    with gzip.open(path, "wt") as stream:
        np.savetxt(stream, rows, fmt="%d", delimiter=",")
    return path


def write_images(folder: Path, counts: Mapping[str, int], size: tuple[int, int] = (6, 5)) -> Path:
    """Write so many images into each class's folder, no two alike; ``size`` is width and height."""
    for position, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            values = random_bytes(size[1], size[0], 3)
            values[0, 0], values[-1, -1] = number, position
            Image.fromarray(values).save(folder / name / f"{number:03d}.png")
    return folder


def write_published(
    folder: Path, layout: str, classes: list[str], files: Mapping[str, Path]
) -> Path:
    """Write the catalogue of a published set whose files lie in a mirror."""
    describe(folder, content="arrays", layout=layout, classes=classes)
    rows = [f"{name},array,{path.name},," for name, path in sorted(files.items())]
    (folder / "files.csv").write_text("\n".join(["image,role,file,bytes,sha256", *rows, ""]))
    return folder


def write_scene(folder: Path, cube: NDArray[Any], labels: NDArray[Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "cube.npy", cube)
    np.save(folder / "labels.npy", labels)
    return folder


def write_pairs(
    folder: Path, image: NDArray[Any], text: NDArray[Any], labels: NDArray[Any]
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in (("image", image), ("text", text), ("labels", labels)):
        np.save(folder / f"{name}.npy", values)
    return folder
