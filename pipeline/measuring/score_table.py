"""The table of scores: one row an image and protocol."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pipeline.arrays.pixels import Array
from pipeline.arrays.tables import Number
from pipeline.images.benchmarks import BenchmarkImage
from pipeline.measuring.metrics import measure
from pipeline.measuring.protocols import applicable
from pipeline.measuring.statistics import mean
from pipeline.settings.params import Protocol

Means = dict[str, dict[str, dict[str, dict[str, float]]]]
"""Mean scores by data set, level and protocol, and their names."""

DIGITS = {"psnr": 4, "ssim": 5, "psnr_input": 4, "ssim_input": 5}
"""Scores, and how many digits a mean has after the point."""

_SHORT = {"psnr": 2, "gain": 2, "ssim": 4, "mean_gain": 2}
"""The same of the numbers that a person compares."""

SCORES = "scores.csv"
"""The file of this table."""

INPUT = "input"
"""What stands for experiment and model in the rows of degraded images, as they are."""

Place = tuple[str, str, str]
"""Data set, level and protocol: what numbers must share to be compared."""

Inputs = Mapping[tuple[Place, str], tuple[float, float]]
"""PSNR and SSIM of degraded images, by place and name of the image."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A row of the table.

    Args:
        experiment: Name of the experiment, or of the classical method; ``INPUT`` where the image
            is the degraded one.
        model: Name of the model, or the same again.
        data_set: Name of the test set.
        image: Name of the image.
        degradation: Label of the level.
        protocol: How it was measured.
        psnr: In decibels; infinite for images without any difference.
        ssim: At most 1.
    """

    experiment: str
    model: str
    data_set: str
    image: str
    degradation: str
    protocol: Protocol
    psnr: Annotated[float, Number(".6f", infinite=True)]
    ssim: Annotated[float, Number(".6f")]

    @property
    def place(self) -> Place:
        """Return what other rows must share to be compared with this one."""
        return (self.data_set, self.degradation, self.protocol)


def rows_of(image: BenchmarkImage, restored: Array, experiment: str, model: str) -> Iterator[Score]:
    """Measure one image by every protocol that applies.

    Args:
        image: The test image.
        restored: ``(H, W, C)`` in [0, 1], or a little outside.
        experiment: As ``Score`` says.
        model: Likewise.
    """
    clean = image.clean()
    for protocol in applicable(image.trial.colour, image.trial.degradation):
        score = measure(protocol, clean, restored, image.scale)
        yield Score(
            experiment=experiment,
            model=model,
            data_set=image.trial.dataset,
            image=image.name,
            degradation=image.level.label,
            protocol=protocol,
            psnr=score.psnr,
            ssim=score.ssim,
        )


def inputs_of(rows: Iterable[Score]) -> Inputs:
    """Return the scores of degraded images among those that the stage ``baseline`` wrote."""
    return {(row.place, row.image): (row.psnr, row.ssim) for row in rows if row.experiment == INPUT}


def mean_scores(rows: Iterable[Score], inputs: Inputs) -> Means:
    """Return the means over the images, nested by data set, degradation and protocol.

    Equal images have an infinite PSNR, for which JSON has no number: such a mean is left out.

    Args:
        rows: Of one experiment.
        inputs: Scores of its degraded images.

    Raises:
        KeyError: The degraded image of a row was not measured.
    """
    groups: dict[Place, list[tuple[float, ...]]] = {}
    for row in rows:
        before = inputs[row.place, row.image]
        groups.setdefault(row.place, []).append((row.psnr, row.ssim, *before))
    nested: Means = {}
    for (data_set, degradation, protocol), scores in groups.items():
        means = dict(zip(DIGITS, map(mean, zip(*scores, strict=True)), strict=True))
        nested.setdefault(data_set, {}).setdefault(degradation, {})[protocol] = {
            name: round(value, DIGITS[name])
            for name, value in means.items()
            if math.isfinite(value)
        }
    return nested


def summarise_scores(means: Means, places: Sequence[Place]) -> dict[str, float | str]:
    """Return the few numbers that a person compares, under short names.

    They are ``psnr``, ``gain`` over the degraded images and ``ssim`` of the first place, ``test``,
    which names it, and ``mean_gain`` over all places where there are several. What JSON has no
    number for is left out.

    Args:
        means: What ``mean_scores`` returned.
        places: Where the experiment was measured, by the protocol that each trial leads with.
    """
    scores = [means[data_set][level][protocol] for data_set, level, protocol in places]
    gains = list(map(_gain, scores))
    numbers = {
        "psnr": scores[0].get("psnr", math.inf),
        "gain": gains[0],
        "ssim": scores[0]["ssim"],
        "mean_gain": mean(gains) if len(places) > 1 else math.inf,
    }
    found = {name: round(it, _SHORT[name]) for name, it in numbers.items() if math.isfinite(it)}
    return found | {"test": " ".join(places[0])}


def _gain(scores: Mapping[str, float]) -> float:
    """Return the gain over the input, infinite where either PSNR is."""
    return scores.get("psnr", math.inf) - scores.get("psnr_input", -math.inf)
