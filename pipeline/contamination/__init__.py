"""Contamination guard: which training images show what test images show.

Equal pixels are found by a checksum. Copies that were cut, rescaled, compressed, turned, mirrored
or made gray are found by keypoints that look alike (``keypoints``, ``code_index``), agree on
where one image lies in the other (``alignment``), and are confirmed by comparing pixels there
(``pictures``). Scales from 1/4 to 4 are searched; angles other than quarter turns are not.

What has no structure cannot be recognised: of crops with 100 keypoints or more, hardly one in 500
is missed, of those with 8 to 50 one in 25, and below 8 an image counts as not judged
(``python -m tests.bench.guard`` prints the figures).
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.arrays.pixels import Bytes, to_8bit
from pipeline.contamination.pictures import Pictures, Sighting
from pipeline.images.colours import in_colour
from pipeline.images.files import read_image
from pipeline.images.raw_images import RawImage
from pipeline.running.workers import each

SAME_PIXELS = "same pixels"


class ContaminationError(ValueError):
    """Test images are in a training set; the message names them and says what to do."""


@dataclass(frozen=True)
class Overlap:
    """A training image and a test image that show the same, wholly or in part.

    Args:
        train_image: Name of the training image.
        test_set: Data set of the test image.
        test_image: Its name.
        how: What the training image is to the test image: ``same pixels``, ``same picture``,
            ``cut from``, ``contains``, ``shares a part`` or (another photograph) ``same scene``.
        correlation: Of the pixels that both show, at most 1.
        keypoints: Number that agree on where one lies in the other; 0 if none were needed.
        scale: Pixels of the test image for each of the training image.
        train_share: Part of the training image's area that the test image shows, 0 to 1.
        test_share: Part of the test image's area that the training image shows.
    """

    train_image: str
    test_set: str
    test_image: str
    how: str
    correlation: float
    keypoints: int
    scale: float
    train_share: float
    test_share: float


@dataclass(frozen=True)
class Findings:
    """What the guard found.

    Args:
        overlaps: In the order of the training images, then of the test images.
        not_judged: Data set (None is the training set) and name of the images that were not found
            and are too small or too smooth to be recognised by anything but equal pixels.
    """

    overlaps: list[Overlap]
    not_judged: list[tuple[str | None, str]]


def find_overlaps(
    train: Iterable[RawImage], test: Mapping[str, Iterable[RawImage]], threads: int = 1
) -> Findings:
    """Look for test images in a training set, clean images only.

    Args:
        train: The training images.
        test: The test images of each data set; there are none where no experiment trains on a set.
        threads: Training images to look at side by side.

    Raises:
        ImageError: An image cannot be read.
    """
    images = [(name, image) for name, some in test.items() for image in some]
    tested = [(name, image.name) for name, image in images]
    if not tested:
        return Findings(overlaps=[], not_judged=[])
    test_pixels = [gray_pixels(image.clean) for _, image in images]
    digests = [_digest(pixels) for pixels in test_pixels]
    pictures = Pictures(test_pixels)

    def look(image: RawImage) -> tuple[str, bool, list[Overlap]]:
        pixels = gray_pixels(image.clean)
        judgeable, sightings = pictures.find(pixels)
        seen = {sighting.position: sighting for sighting in sightings}
        digest = _digest(pixels)
        for at, known in enumerate(digests):
            if known == digest:
                seen[at] = Sighting(at, 1.0, 0, 1.0, 1.0, 1.0)
        found = [
            _overlap(image.name, tested[at], seen[at], digests[at] == digest) for at in sorted(seen)
        ]
        return image.name, judgeable, found

    overlaps: list[Overlap] = []
    not_judged: list[tuple[str | None, str]] = []
    with closing(each(look, train, most=threads)) as looks:
        for name, judgeable, found in looks:
            overlaps += found
            if not judgeable and not found:
                not_judged.append((None, name))
    seen = {(overlap.test_set, overlap.test_image) for overlap in overlaps}
    not_judged += [
        name
        for name, judgeable in zip(tested, pictures.judgeable, strict=True)
        if not judgeable and name not in seen
    ]
    return Findings(overlaps, not_judged)


def _overlap(name: str, tested: tuple[str, str], seen: Sighting, equal: bool) -> Overlap:
    return Overlap(
        train_image=name,
        test_set=tested[0],
        test_image=tested[1],
        how=SAME_PIXELS if equal else seen.how,
        correlation=seen.correlation,
        keypoints=seen.votes,
        scale=seen.scale,
        train_share=seen.share,
        test_share=seen.known_share,
    )


def gray_pixels(path: Path) -> Bytes:
    """Return the gray values of an image file, 8 bits, ``(H, W)``."""
    return to_8bit(in_colour(read_image(path), "gray")[..., 0])


def _digest(pixels: Bytes) -> bytes:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
