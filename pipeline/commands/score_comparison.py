"""Two experiments on the same test images: their mean scores, and what the difference is worth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.measuring.statistics import Difference, mean, paired_difference

Place = tuple[str, str, str]
"""Data set, level and protocol."""

Scores = Mapping[Place, Mapping[str, tuple[float, float]]]
"""PSNR and SSIM of each image, by place and by its name."""


@dataclass(frozen=True, kw_only=True)
class ScorePair:
    """What two experiments reached at one place, means over the images that both restored.

    Args:
        place: Where.
        before: PSNR and SSIM of the first.
        after: Those of the second.
        difference: Of the second's PSNR minus the first's, image by image.
    """

    place: Place
    before: tuple[float, float]
    after: tuple[float, float]
    difference: Difference


def compare_scores(before: Scores, after: Scores, places: Iterable[Place]) -> list[ScorePair]:
    """Compare two experiments at some places, but for those where they have no image in common.

    Args:
        before: Scores of the first.
        after: Scores of the second.
        places: In the order of the answer.
    """
    pairs = []
    for place in places:
        one, other = before.get(place, {}), after.get(place, {})
        common = sorted(one.keys() & other.keys())
        found = paired_difference(
            {image: other[image][0] for image in common}, {image: one[image][0] for image in common}
        )
        if found is not None:
            pairs.append(
                ScorePair(
                    place=place,
                    before=_means([one[image] for image in common]),
                    after=_means([other[image] for image in common]),
                    difference=found,
                )
            )
    return pairs


def _means(scores: list[tuple[float, float]]) -> tuple[float, float]:
    return mean([psnr for psnr, _ in scores]), mean([ssim for _, ssim in scores])
