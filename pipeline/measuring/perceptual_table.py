"""The table of perceptual measures: one row an image and measure, apart from PSNR and SSIM."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.arrays.pixels import Array
from pipeline.arrays.tables import Number
from pipeline.images.benchmarks import BenchmarkImage
from pipeline.measuring.niqe import FeaturelessError, niqe
from pipeline.measuring.perceptual_measures import MEASURES
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


def perceive(image: BenchmarkImage, shown: Array, experiment: str) -> Iterator[Perceived]:
    """Measure one image by every perceptual measure that its trial asks for.

    Args:
        image: The test image.
        shown: Its clean, degraded or restored version, ``(H, W, C)`` in [0, 1] or a little outside.
        experiment: As ``Perceived`` says.

    Raises:
        ValueError: The image is too small, or a value is not a number; the message names it.
        WeightsFileError: The weights of a measure are not at hand.
    """
    for measure in image.trial.perceptual or ():
        if experiment == CLEAN and MEASURES[measure].network:
            continue  # a distance from itself
        try:
            value = _value(measure, image, shown)
        except FeaturelessError:  # what a network makes of an image may be flat
            value = None
        except ValueError as error:
            where = f"data set '{image.trial.dataset}', test image '{image.name}'"
            raise ValueError(f"{where}, {experiment}: {error}") from error
        yield Perceived(
            experiment=experiment,
            data_set=image.trial.dataset,
            image=image.name,
            degradation=image.level.label,
            measure=measure,
            value=value,
        )


def _value(measure: Perceptual, image: BenchmarkImage, shown: Array) -> float:
    if MEASURES[measure].network is None:
        return niqe(shown)
    # torch takes a second to import, which other measures do without.
    from pipeline.measuring.network_distance import network_distance

    return network_distance(measure, image.clean(), shown)


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
