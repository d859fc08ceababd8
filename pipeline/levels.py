"""The levels of a degradation: settings may hold one value, a list of values or a range.

A list is several levels; a range stays one level, whose value is drawn anew for every image.
"""

from dataclasses import dataclass

from pipeline.degradation_settings import (
    VARIED_SETTING,
    Bicubic,
    Degradation,
    FloatRange,
    Gaussian,
    Jpeg,
    QualityRange,
    RealPairs,
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
    settings: Gaussian | Bicubic | Jpeg | RealPairs
    draws: int


def levels(degradation: Degradation) -> list[Level]:
    """Return the single levels of a degradation, in the order of the params."""
    if isinstance(degradation, RealPairs):
        return [Level("paired", degradation, 1)]
    key, prefix = VARIED_SETTING[degradation.kind], _PREFIXES[degradation.kind]
    values = getattr(degradation, key)
    draws = degradation.draws if isinstance(degradation, Jpeg) else 1
    return [
        Level(
            f"{prefix}{_shown(value)}{_suffix(degradation)}",
            degradation.model_copy(update={key: value}),
            draws,
        )
        for value in (values if isinstance(values, list) else [values])
    ]


def scale_of(level: Level) -> float:
    """Return the super-resolution scale of a level; 1 for every other degradation."""
    settings = level.settings
    if isinstance(settings, Bicubic) and not isinstance(settings.scale, list):
        return settings.scale
    return 1


def reduction_of(level: Level) -> float:
    """Return how many times larger the clean image is than the degraded one, along each axis."""
    settings = level.settings
    return scale_of(level) if isinstance(settings, Bicubic) and settings.result == "low" else 1


_PREFIXES = {"gaussian": "gaussian_", "bicubic": "bicubic_x", "jpeg": "jpeg_"}
"""How the label of a level begins."""


def _suffix(degradation: Gaussian | Bicubic | Jpeg) -> str:
    if not isinstance(degradation, Jpeg):
        return "_8bit" if degradation.quantise else ""
    if degradation.phase == "aligned":
        return ""
    if degradation.phase == "random":
        return "_phase_random"
    return "_phase_{}_{}".format(*degradation.phase)


def _shown(value: float | FloatRange | QualityRange) -> str:
    if isinstance(value, FloatRange | QualityRange):
        return f"{value.min:g}-{value.max:g}"
    return f"{value:g}"
