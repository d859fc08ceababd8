"""Files of restored images, as other programs write them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.images.files import read_8bit

_BEYOND = 1.5
"""Values that no overshoot explains: they were not divided by 255."""


class ResultError(ValueError):
    """A file cannot be the restored version of a test image."""


@dataclass(frozen=True)
class ResultFile:
    """What a file holds.

    Args:
        pixels: ``(H, W, C)`` in [0, 1] up to overshoot.
        in_8bit: Whether it holds 8-bit values.
    """

    pixels: Array
    in_8bit: bool


def read_result(path: Path, shape: tuple[int, ...]) -> ResultFile:
    """Read a restored image: ``.npy``, TIFF of integers or floats, or any 8-bit image.

    Args:
        path: The file. Floats are in [0, 1], integers in the range of their type.
        shape: ``(H, W, C)`` of the clean image. An image of one channel may be written without
            an axis for it, or as RGB of three equal channels.

    Raises:
        ResultError: It holds something else.
        OSError: It cannot be read.
    """
    values = _values(path)
    pixels = _in_unit_range(values)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if shape[-1] == 1 and pixels.shape == (*shape[:2], 3) and np.ptp(pixels, axis=-1).max() == 0:
        pixels = pixels[..., :1]
    if pixels.shape != shape:
        raise ResultError(
            f"expected {_size(shape)}, as the clean image is; came {_size(pixels.shape)}"
        )
    return ResultFile(np.ascontiguousarray(pixels), values.dtype == np.uint8)


def _values(path: Path) -> NDArray[Any]:
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            found: NDArray[Any] = np.load(path, allow_pickle=False)
            return found
        if suffix in {".tif", ".tiff"}:
            return np.asarray(tifffile.imread(path))
        return read_8bit(path)
    except OSError:
        raise
    except Exception as error:  # readers of damaged files raise anything
        raise ResultError(f"cannot be read: {error}") from error


def _in_unit_range(values: NDArray[Any]) -> Array:
    if values.dtype == np.uint8:
        return from_8bit(values)
    if values.dtype == np.uint16:
        scaled: Array = np.divide(values, np.float32(65535), dtype=np.float32)
        return scaled
    if values.dtype.kind != "f":
        raise ResultError(f"expected floats or unsigned integers, came {values.dtype}")
    if not np.isfinite(values).all():
        raise ResultError("has values that are infinite or not a number")
    largest = float(np.abs(values).max(initial=0))
    if largest > _BEYOND:
        raise ResultError(
            f"expected floats in [0, 1], came values up to {largest:.3g}: divide them by 255"
        )
    found: Array = values.astype(np.float32)
    return found


def _size(shape: tuple[int, ...]) -> str:
    if len(shape) != 3:
        return f"an array of shape {shape}"
    return f"{shape[0]}x{shape[1]} pixels of {shape[2]} channel{'' if shape[2] == 1 else 's'}"
