"""Pictures that were seen before: a set of them, and which of them another image shares."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.arrays.pixels import Bytes, from_8bit
from pipeline.contamination.alignment import Placement, correlation, place, shares
from pipeline.contamination.code_index import CodeIndex
from pipeline.contamination.keypoints import COARSE, FINE, Floats, Keypoints, find_keypoints

SMALLEST_SIDE = 64
FEWEST_KEYPOINTS = 8
"""What an image needs to be judged, in pixels and keypoints; with less it may well be missed."""

# Between the published sets, pairs that show nothing in common reach 13 votes, and a correlation
# of 0.9 where they share a few smooth pixels, of 0.71 where they share much (two colour charts).
_SAME_PIXELS = 0.8
_MANY_VOTES, _BEYOND_DOUBT = 12, 30
_LARGE_SHARE = 0.5
_LEAST_PART_OF_KEYPOINTS = 0.005
"""Of those where both show the same: copies reach 0.035, a photograph of a print 0.0075."""

_WHOLE = 0.9


@dataclass(frozen=True)
class Sighting:
    """One image found in another.

    Args:
        position: Of the known picture.
        correlation: Of the pixels that both show, at most 1.
        votes: Keypoints that agree on where one lies in the other.
        scale: Pixels of the known picture for each of the image.
        share: Part of the image's area that the known picture shows, 0 to 1.
        known_share: Part of the known picture's area that the image shows.
    """

    position: int
    correlation: float
    votes: int
    scale: float
    share: float
    known_share: float

    @property
    def how(self) -> str:
        """What the image is to the known picture, in words."""
        if self.correlation < _SAME_PIXELS:
            return "same scene"
        whole, known_whole = self.share >= _WHOLE, self.known_share >= _WHOLE
        return {
            (True, True): "same picture",
            (True, False): "cut from",
            (False, True): "contains",
            (False, False): "shares a part",
        }[whole, known_whole]


class Pictures:
    """Known pictures, to look for in others.

    Args:
        images: 8-bit gray, ``(H, W)``.
    """

    def __init__(self, images: Sequence[Bytes]) -> None:
        self._images = images
        keypoints = [find_keypoints(from_8bit(image), FINE) for image in images]
        self.judgeable = [_can_judge(i, k) for i, k in zip(images, keypoints, strict=True)]
        """Whether each picture has enough to be recognised by."""
        self._index = CodeIndex(keypoints)

    def find(self, image: Bytes) -> tuple[bool, list[Sighting]]:
        """Look for the known pictures in an image.

        Args:
            image: 8-bit gray, ``(H, W)``.

        Returns:
            Whether there is enough in the image to be recognised by, and what was recognised,
            the best sighting of each picture, in their order.
        """
        values = from_8bit(image)
        keypoints = find_keypoints(values, COARSE)
        best: dict[int, Sighting] = {}
        for position, pairs in self._index.pairs(keypoints):
            placed = place(pairs)
            if placed is not None:
                seen = self._verify(values, len(keypoints), position, *placed)
                known = best.get(position)
                if seen is not None and (known is None or seen.correlation > known.correlation):
                    best[position] = seen
        return _can_judge(image, keypoints), [best[position] for position in sorted(best)]

    def _verify(
        self, values: Floats, keypoints: int, position: int, placement: Placement, votes: int
    ) -> Sighting | None:
        known = self._images[position]
        share, known_share = shares(values.shape, known.shape, placement)
        if votes < _MANY_VOTES and max(share, known_share) < _LARGE_SHARE:
            return None
        if votes < _LEAST_PART_OF_KEYPOINTS * share * keypoints:
            return None
        similar = correlation(values, from_8bit(known), placement)
        if similar < _SAME_PIXELS and votes < _BEYOND_DOUBT:
            return None
        return Sighting(position, similar, votes, placement.scale, share, known_share)


def _can_judge(image: Bytes, keypoints: Keypoints) -> bool:
    """Tell whether an image is large enough and has enough structure to be recognised by."""
    return min(image.shape) >= SMALLEST_SIDE and len(keypoints) >= FEWEST_KEYPOINTS
