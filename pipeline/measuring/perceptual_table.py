"""The table of perceptual measures: one row an image and measure, apart from PSNR and SSIM."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pipeline.arrays.tables import Number
from pipeline.measuring.statistics import mean
from pipeline.settings.perceptual import Perceptual

LOOKS = "perceptual.csv"
"""The file of this table, beside that of the scores."""

CLEAN = "clean"
"""What stands for the experiment in the rows of clean images."""

KEY = "perceptual"
"""Under which the means stand where protocols stand, lest anybody take one for a PSNR."""

Seen = tuple[str, str, Perceptual]
"""Data set, level and measure: what numbers must share to be compared."""


@dataclass(frozen=True, kw_only=True)
class Perceived:
    """A row of the table.

    Args:
        experiment: Name of the experiment, or of the classical method; ``CLEAN`` for the clean
            image where a measure asks for none, ``input`` for the degraded one.
        data_set: Name of the test set.
        image: Name of the image.
        degradation: Label of the level.
        measure: What was measured.
        value: Lower is better; None of an image without texture.
    """

    experiment: str
    data_set: str
    image: str
    degradation: str
    measure: Perceptual
    value: Annotated[float, Number(".6f")] | None

    @property
    def seen(self) -> Seen:
        """Return what other rows must share to be compared with this one."""
        return (self.data_set, self.degradation, self.measure)


def mean_of(values: Iterable[float | None]) -> float | None:
    """Return the mean over images; None where one of them has no value."""
    known = list(values)
    numbers = [value for value in known if value is not None]
    return mean(numbers) if numbers and len(numbers) == len(known) else None


def perceptual_means(rows: Iterable[Perceived]) -> dict[tuple[str, str], dict[str, float]]:
    """Return the means over the images by data set and degradation, those that there are.

    Args:
        rows: Of one experiment.
    """
    groups: dict[Seen, list[float | None]] = {}
    for row in rows:
        groups.setdefault(row.seen, []).append(row.value)
    means: dict[tuple[str, str], dict[str, float]] = {}
    for (data_set, degradation, measure), values in groups.items():
        value = mean_of(values)
        if value is not None:
            means.setdefault((data_set, degradation), {})[measure] = round(value, 4)
    return means
