"""Stage ``extract``: cut the clean images of a data set into a patch bank."""

from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path

from pipeline.arrays.patches import write_bank
from pipeline.arrays.pixels import Bytes, from_8bit, to_8bit
from pipeline.images.colours import in_colour_8bit
from pipeline.images.files import read_8bit
from pipeline.images.raw_images import RawImage, list_images
from pipeline.images.resize import rescale
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.running.workers import each
from pipeline.settings.params import Patches


def extract(*, bank: Patches, images: Path, out: Path) -> None:
    """Write the patch bank of one data set.

    Args:
        bank: How to cut.
        images: Folder of the downloaded data set.
        out: Folder to make; ``pipeline/arrays/patches.py`` describes its files.

    Raises:
        ValueError: An image is smaller than a patch, or only some images have partners.
        ImageError: An image cannot be read.
    """
    read = partial(_versions, bank=bank)
    with new_folder(out) as folder, closing(each(read, list_images(images))) as versions:
        write_bank(folder, chain.from_iterable(versions), bank.size, bank.stride)


def _versions(image: RawImage, bank: Patches) -> list[tuple[str, Bytes, Bytes | None]]:
    """Return an image at each scale, in 8 bits: name, clean, degraded partner."""
    clean = in_colour_8bit(read_8bit(image.clean), bank.colour)
    partner = None
    if image.degraded is not None:
        partner = in_colour_8bit(read_8bit(image.degraded), bank.colour)
    return [
        (
            image.name if scale == 1 else f"{image.name}@{scale:g}",
            _scaled(clean, scale),
            None if partner is None else _scaled(partner, scale),
        )
        for scale in bank.scales
    ]


def _scaled(values: Bytes, scale: float) -> Bytes:
    return values if scale == 1 else to_8bit(rescale(from_8bit(values), scale))


if __name__ == "__main__":
    run_stage(extract)
