"""The levels of a degradation: settings may hold one value, a list of values or a range.

A list is several levels; a range stays one level, whose value is drawn anew for every image.
"""

from dataclasses import dataclass

from pipeline.params import (
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
        label: Name of the level in folders and tables, such as ``gaussian_25``.
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
    key, prefix = _VARIED[degradation.kind]
    values = getattr(degradation, key)
    draws = degradation.draws if isinstance(degradation, Jpeg) else 1
    return [
        Level(f"{prefix}{_shown(value)}", degradation.model_copy(update={key: value}), draws)
        for value in (values if isinstance(values, list) else [values])
    ]


_VARIED = {
    "gaussian": ("sigma_8bit", "gaussian_"),
    "bicubic": ("scale", "bicubic_x"),
    "jpeg": ("quality", "jpeg_"),
}
"""For each kind the setting that may have several levels, and how its label begins."""


def _shown(value: float | FloatRange | QualityRange) -> str:
    if isinstance(value, FloatRange | QualityRange):
        return f"{value.min:g}-{value.max:g}"
    return f"{value:g}"
