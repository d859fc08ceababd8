"""The levels of a degradation: settings may hold one value, a list of values or a range.

A list is several levels; a range stays one level, whose value is drawn anew for every image.
Beside them the versions of a training patch, which are made of levels.
"""

import math
from collections.abc import Sequence as Several
from dataclasses import dataclass

from pipeline.degradations.settings import (
    NOISE,
    Bicubic,
    Degradation,
    Mixture,
    Noise,
    RealPairs,
    Sequence,
    Synthetic,
)


@dataclass(frozen=True)
class Level:
    """One level of a degradation.

    Args:
        label: Name of the level in folders and tables, such as ``gaussian_25``; what is rounded to
            8 bits on the way is another degradation, ``gaussian_25_8bit``, and so are JPEG blocks
            that do not begin in the corner, ``jpeg_10_phase_random``. Whether a small image is
            interpolated before the network gets it makes no other level.
        settings: The degradation with a single value, or one range, instead of a list.
        draws: Versions of each training image that are worth storing.
    """

    label: str
    settings: Synthetic | RealPairs
    draws: int

    @property
    def words(self) -> str:
        """The label in words."""
        return self.settings.words


def levels(degradation: Degradation) -> list[Level]:
    """Return the single levels of a degradation, in the order of the params."""
    if isinstance(degradation, RealPairs):
        return [Level(degradation.label, degradation, 1)]
    if isinstance(degradation, Mixture):
        return [level for part in degradation.of for level in levels(part)]
    if isinstance(degradation, Sequence):
        return [Level(degradation.label, degradation, degradation.draws)]
    values = getattr(degradation, degradation.varied)
    single = [
        degradation.model_copy(update={degradation.varied: value})
        for value in (values if isinstance(values, list) else [values])
    ]
    return [Level(one.label, one, getattr(one, "draws", 1)) for one in single]


def scale_of(level: Level) -> float:
    """Return the super-resolution scale of a level; 1 where nothing shrinks.

    That of a sequence is the product of the scales of the steps that leave a small image.
    """
    settings = level.settings
    if isinstance(settings, Sequence):
        low = [one for one in settings.steps if isinstance(one, Bicubic) and one.result == "low"]
        return round(math.prod(map(_scale, low)), 9)
    return _scale(settings) if isinstance(settings, Bicubic) else 1


def reduction_of(level: Level) -> float:
    """Return how many times larger the clean image is than the degraded one, along each axis."""
    settings = level.settings
    low = isinstance(settings, Bicubic | Sequence) and settings.result == "low"
    return scale_of(level) if low else 1


@dataclass(frozen=True)
class Version:
    """One way in which every patch of a bank is degraded for the training.

    Args:
        stored: What whole images are degraded by beforehand; none if the patches stay clean.
        draw: Number of this draw of it.
        noise: What is drawn anew at every step and added; it may have several levels, one of
            which each patch gets.
    """

    stored: Level | None
    draw: int
    noise: Noise | None


def versions(degradation: Degradation) -> list[Version]:
    """Return the versions of each training patch, in the order in which they are stored."""
    if isinstance(degradation, Mixture):
        return [version for part in degradation.of for version in versions(part)]
    if isinstance(degradation, NOISE):
        return [Version(None, 0, degradation)]
    return [
        Version(_stored(level), draw, _fresh(level))
        for level in levels(degradation)
        for draw in range(level.draws)
    ]


def in_8bit(stored: Several[Version]) -> bool:
    """Tell whether what is stored of all these versions are 8-bit values."""
    return all(one.stored is None or one.stored.settings.in_8bit for one in stored)


def _stored(level: Level) -> Level | None:
    settings = level.settings
    if not isinstance(settings, Sequence) or settings.fresh is None:
        return level
    if not settings.stored:
        return None
    before = settings.model_copy(update={"steps": settings.stored})
    return Level(level.label, before, level.draws)


def _fresh(level: Level) -> Noise | None:
    return level.settings.fresh if isinstance(level.settings, Sequence) else None


def _scale(settings: Bicubic) -> float:
    if isinstance(settings.scale, list):
        raise ValueError("expected a single level; call levels() first")
    return settings.scale
