"""Blocks of images in a MATLAB file, as the validation data of SIDD come."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import from_8bit
from pipeline.datasets.catalogue import Members
from pipeline.datasets.finding import FoundFile
from pipeline.images.files import write_png
from pipeline.images.raw_images import DatasetError


def unpack_blocks(file: Path, members: tuple[Members, ...], out: Path) -> list[FoundFile]:
    r"""Write every block as ``out/ROLE/IMAGE.png``.

    The pattern of the members is the name of an array ``(images, blocks, H, W, 3)`` of 8-bit
    values; ``\1`` and ``\2`` in the name of an image are the numbers of image and block, from 1.

    Raises:
        DatasetError: The file has no such array.
        OSError: An image cannot be written.
    """
    found = []
    for one in members:
        blocks = _read(file, one.pattern)
        for image, block in np.ndindex(blocks.shape[:2]):
            name = one.image.replace(r"\1", f"{image + 1:04d}").replace(r"\2", f"{block + 1:02d}")
            target = out / one.role / f"{name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_png(target, from_8bit(blocks[image, block]))
            found.append(FoundFile(name, one.role, target))
    return found


def _read(file: Path, name: str) -> NDArray[np.uint8]:
    from scipy.io import loadmat  # half a second that other data sets need not wait

    try:
        blocks: NDArray[np.uint8] | None = loadmat(file, variable_names=[name]).get(name)
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        raise DatasetError(f"{file}: expected a MATLAB file, but {error}") from error
    if blocks is None or blocks.dtype != np.uint8 or blocks.ndim != 5 or blocks.shape[-1] != 3:
        came = "none" if blocks is None else f"{blocks.dtype} {blocks.shape}"
        raise DatasetError(
            f"{file}: expected an array '{name}' of 8-bit blocks (images, blocks, H, W, 3), "
            f"came {came}"
        )
    return blocks
