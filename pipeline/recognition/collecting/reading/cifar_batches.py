"""Layout ``cifar_batches``: the archive of CIFAR-10 for Python, batches of pickled arrays.

Pickles can run any code. Those of this archive need three names to build arrays, and no other
name is looked up here.
"""

import io
import pickle
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Bytes
from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples, labels_from

_BATCH = re.compile(r"(?:\./)?cifar-10-batches-py/(data_batch_\d+|test_batch)")
_SHAPE = (3, 32, 32)
"""Of an image: a plane a colour."""


def read(files: Mapping[str, Path], classes: tuple[str, ...]) -> UnsplitSamples:
    """Return the images, uint8: the training batches in their order, then the test batch.

    Args:
        files: ``cifar-10-python.tar.gz``.
        classes: Of the labels 0, 1, and so on.

    Raises:
        DatasetError: It is no such archive, or something in it is no batch.
    """
    (path,) = files.values()
    batches = dict(sorted(_batches(path)))
    if "test_batch" not in batches or len(batches) < 2:
        raise DatasetError(
            f"{path}: expected cifar-10-batches-py/data_batch_1 and so on, and test_batch; came "
            f"{', '.join(batches) or 'none of them'}"
        )
    values = np.concatenate([images for images, _ in batches.values()])
    numbers = np.concatenate([numbers for _, numbers in batches.values()])
    test = np.concatenate(
        [np.full(len(images), name == "test_batch") for name, (images, _) in batches.items()]
    )
    return UnsplitSamples(classes, values, labels_from(numbers, classes, 0, path), test)


def _batches(path: Path) -> Iterator[tuple[str, tuple[Bytes, NDArray[np.int64]]]]:
    """Yield name, images and labels of each batch; nothing is unpacked to disk."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                match = _BATCH.fullmatch(member.name)
                stream = archive.extractfile(member) if match and member.isfile() else None
                if match and stream is not None:
                    yield match[1], _read_batch(stream.read(), f"{path}: {match[1]}")
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        reason = str(error).partition(":\n")[0]
        raise DatasetError(f"{path}: expected a whole tar archive, but {reason}") from error


def _read_batch(content: bytes, where: str) -> tuple[Bytes, NDArray[np.int64]]:
    try:
        batch: Any = _OnlyArrays(io.BytesIO(content), encoding="bytes").load()
        data, numbers = batch[b"data"], np.array(batch[b"labels"])
        length = int(np.prod(_SHAPE))
        is_batch = (
            isinstance(data, np.ndarray)
            and data.dtype == np.uint8
            and data.shape == (len(numbers), length)
        )
    except DatasetError as error:
        raise DatasetError(f"{where}: {error}") from error
    except Exception as error:  # whatever damaged bytes make of the pickle machine
        raise DatasetError(f"{where}: expected a pickled batch, but {error!r}") from error
    if not is_batch or numbers.ndim != 1:
        raise DatasetError(
            f"{where}: expected 'data', 8-bit numbers (N, {length}), and N 'labels'; came "
            f"{getattr(data, 'dtype', type(data).__name__)} {np.shape(data)} and {numbers.shape}"
        )
    return data.reshape(-1, *_SHAPE).transpose(0, 2, 3, 1), numbers


class _OnlyArrays(pickle.Unpickler):
    """Builds arrays, lists, dictionaries, numbers and strings, and calls nothing else."""

    _KNOWN: Mapping[tuple[str, str], Any] = {
        (f"numpy.{core}.multiarray", "_reconstruct"): np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        for core in ("core", "_core")
    } | {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 -- pickle's own
        """Return one of the known names.

        Raises:
            DatasetError: It is another name.
        """
        if (module, name) not in self._KNOWN:
            raise DatasetError(
                f"expected arrays and nothing else, came a pickle that asks for {module}.{name}: "
                "it was not loaded"
            )
        return self._KNOWN[module, name]
