"""Every image of a set, decoded once, and what is wrong with some of them or with all together."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.datasets.finding import FoundFile, refusal
from pipeline.images.files import ImageError, read_with_depth
from pipeline.images.raw_images import DatasetError
from pipeline.running.workers import each

_FEWEST_PIXELS = 1000
"""In files of 16 bits, before these are suspected to hold fewer: a small image may well be dark."""

_SHALLOW = {1: 8, 4: 10, 16: 12}
"""Bits of values that become no more than so much, of 255, where they are taken for 16 bits."""

_DOUBTFUL = 64
"""The same of 14 bits; but a dark set may well be no brighter."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DecodedImage:
    """What is known of an image once it was decoded.

    Args:
        file: Where it was.
        height: In pixels, upright.
        width: In pixels, upright.
        channels: 1 of gray, 3 of colour.
        bits: Of each value in the file.
        brightest: Largest value in 8 bits.
    """

    file: FoundFile
    height: int
    width: int
    channels: int
    bits: int
    brightest: int

    @property
    def colour(self) -> str:
        """Gray or colour, in words."""
        return "gray" if self.channels == 1 else "colour"


def decode_all(found: Sequence[FoundFile], name: str) -> list[DecodedImage]:
    """Decode every image of a set once.

    Args:
        found: The files.
        name: Of the set, for messages.

    Raises:
        DatasetError: Images cannot be used, partners differ in size or in colour, or files of 16
            bits hold values of fewer bits.
    """
    faults, decoded = [], []
    for file, one in zip(found, each(_decode, found), strict=True):
        if isinstance(one, ImageError):
            faults.append(f"image '{file.image}': {one}")
        else:
            decoded.append(one)
    faults += _partner_faults(decoded)
    if faults:
        raise refusal(name, "unusable image(s)", faults)
    _require_all_bits([one for one in decoded if one.bits == 16], name)
    return decoded


def _decode(file: FoundFile) -> DecodedImage | ImageError:
    """Return what is known of an image, or why it cannot be used."""
    try:
        values, bits = read_with_depth(file.path)
    except ImageError as error:
        return error
    height, width, channels = values.shape
    return DecodedImage(file, height, width, channels, bits, brightest=int(values.max()))


def _partner_faults(decoded: Sequence[DecodedImage]) -> Iterator[str]:
    by_image: dict[str, list[DecodedImage]] = defaultdict(list)
    for one in decoded:
        by_image[one.file.image].append(one)
    for image, partners in by_image.items():
        if len({(one.height, one.width) for one in partners}) > 1:
            sizes = ", ".join(f"{one.file.role} {one.width}x{one.height}" for one in partners)
            yield f"image '{image}': expected partners of one size, came {sizes} pixels"
        if len({one.colour for one in partners}) > 1:
            colours = ", ".join(f"{one.file.role} {one.colour}" for one in partners)
            yield (
                f"image '{image}': expected partners that are both gray or both in colour, came "
                f"{colours}"
            )


def _require_all_bits(deep: Sequence[DecodedImage], name: str) -> None:
    """Refuse a set of 16-bit files with values of fewer bits, of which little would be left."""
    if sum(one.height * one.width for one in deep) < _FEWEST_PIXELS:
        return
    brightest = max(one.brightest for one in deep)
    seen = f"the {len(deep)} file(s) of 16 bits have no pixel brighter than {brightest} of 255"
    for most, bits in _SHALLOW.items():
        if brightest <= most:
            raise DatasetError(
                f"data set '{name}': {seen}, so that their values seem to have {bits} bits; in 8 "
                f"bits {brightest + 1} gray levels would be left of them. Multiply all values by "
                f"65535/{2**bits - 1} first. If the set is as dark as that after all, brighten it, "
                "or save it with 8 bits, which are taken as they are"
            )
    if brightest <= _DOUBTFUL:
        _log.warning(
            "data set '%s': %s; if their values have 14 bits, multiply them by 65535/16383",
            name,
            seen,
        )
