"""Stage ``extract``: cut the clean images of a data set into a patch bank."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.images import Array, Bytes, in_colour, read_image, to_8bit
from pipeline.outputs import new_folder
from pipeline.params import Patches
from pipeline.patches import write_bank
from pipeline.raw_images import RawImage, list_images
from pipeline.resize import rescale
from pipeline.stage_runner import run_stage


def extract(*, bank: Patches, images: Path, out: Path) -> None:
    """Write the patch bank of one data set.

    Args:
        bank: How to cut.
        images: Folder of the downloaded data set.
        out: Folder to make; ``pipeline/patches.py`` describes its files.

    Raises:
        ValueError: An image is smaller than a patch, or only some images have partners.
        ImageError: An image cannot be read.
    """
    with new_folder(out) as folder:
        write_bank(folder, _versions(list_images(images), bank), bank.size, bank.stride)


def _versions(images: list[RawImage], bank: Patches) -> Iterator[tuple[str, Bytes, Bytes | None]]:
    """Yield each image at each scale, in 8 bits: name, clean, degraded partner."""
    for image in images:
        clean = in_colour(read_image(image.clean), bank.colour)
        partner = None
        if image.degraded is not None:
            partner = in_colour(read_image(image.degraded), bank.colour)
        for scale in bank.scales:
            name = image.name if scale == 1 else f"{image.name}@{scale:g}"
            scaled_partner = None if partner is None else _scaled(partner, scale)
            yield name, _scaled(clean, scale), scaled_partner


def _scaled(image: Array, scale: float) -> Bytes:
    return to_8bit(image if scale == 1 else rescale(image, scale))


if __name__ == "__main__":
    run_stage(extract)
