"""The table of results: what was measured, averaged over images, beside what was published."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pipeline.arrays.stage_outputs import StageNotRunError
from pipeline.arrays.tables import Number, read_lines, write_table
from pipeline.literature.published import Key, Published, system_of_baseline
from pipeline.measuring.score_table import INPUT, Inputs, Place, Score, inputs_of
from pipeline.measuring.statistics import Interval, difference, mean, mean_interval
from pipeline.settings.params import Protocol

Decibels = Annotated[float, Number(".4f", infinite=True)]
"""In a table; images without any difference have infinitely many."""

Similarity = Annotated[float, Number(".5f")]
"""SSIM in a table."""


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """A row of ``results.csv``: means over the images, as ``Result`` says."""

    experiment: str
    model: str
    data_set: str
    degradation: str
    protocol: str
    images: int
    psnr: Decibels
    ssim: Similarity
    psnr_input: Decibels
    ssim_input: Similarity
    psnr_published: Decibels | None
    psnr_gap: Decibels | None
    psnr_low: Decibels | None
    psnr_high: Decibels | None
    repetition_of: str | None


ResultKey = tuple[str, str, str, str, str]
"""Experiment, model, data set, degradation and protocol."""


@dataclass(frozen=True, kw_only=True)
class Measurement(Score):
    """One image, restored and measured by one protocol, and how the degraded one scores."""

    psnr_input: float
    ssim_input: float

    @property
    def key(self) -> ResultKey:
        """Return what the rows of one result have in common."""
        return (self.experiment, self.model, self.data_set, self.degradation, self.protocol)

    @property
    def gain(self) -> float:
        """Return by how many decibels the restored image is better than the degraded one."""
        return difference(self.psnr, self.psnr_input)


@dataclass(frozen=True, kw_only=True)
class Result:
    """Means over the images of one data set, at one level, by one protocol.

    Args:
        experiment: Name of the experiment, or of the classical method.
        model: ``arch.name``, or the name of the classical method.
        data_set: Name of the test set.
        degradation: Label of the level.
        protocol: How all the numbers here were measured.
        psnr_of: PSNR of each restored image, by its name, in decibels.
        input_of: PSNR of each degraded image.
        psnr: Mean of ``psnr_of``; infinite if one of the images is perfect.
        ssim: Of the restored images.
        psnr_input: Mean of ``input_of``.
        ssim_input: Of the degraded images.
        interval: Of ``psnr``, over the images; none of a single or a perfect image.
        runs: Names of the experiments that were averaged; one, or the repetitions of one.
        spread: Standard deviation of ``psnr`` over the runs; none of a single run.
        published: The same system, data, level and protocol in the literature.
        is_baseline: A classical method, not an experiment.
    """

    experiment: str
    model: str
    data_set: str
    degradation: str
    protocol: Protocol
    psnr_of: Mapping[str, float]
    input_of: Mapping[str, float]
    psnr: float
    ssim: float
    psnr_input: float
    ssim_input: float
    interval: Interval | None
    runs: tuple[str, ...]
    spread: float | None
    published: Published | None
    is_baseline: bool

    @property
    def place(self) -> Place:
        """Return what other results must share to be compared with this one."""
        return (self.data_set, self.degradation, self.protocol)

    @property
    def images(self) -> int:
        """Return how many images were measured."""
        return len(self.psnr_of)

    @property
    def gain(self) -> float:
        """Return by how many decibels restoring is better than leaving the image alone."""
        return difference(self.psnr, self.psnr_input)

    @property
    def gap(self) -> float | None:
        """Return measured minus published PSNR; none where nothing was published."""
        return None if self.published is None else difference(self.psnr, self.published.psnr)


def read_baselines(path: Path, stage: str) -> tuple[Inputs, list[Measurement]]:
    """Read the scores of the degraded images of a benchmark, and of its classical methods.

    Args:
        path: File to read.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The columns or a value are not what the stage writes.
    """
    rows = list(read_lines(path, Score, stage))
    inputs = inputs_of(row for _, row in rows)
    methods = [
        _measurement(row, f"{path}, line {line}", stage, inputs)
        for line, row in rows
        if row.experiment != INPUT
    ]
    return inputs, methods


def read_measurements(path: Path, stage: str, inputs: Inputs) -> list[Measurement]:
    """Read the rows that an evaluation wrote, one an image and protocol.

    Args:
        path: File to read.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.
        inputs: Scores of the degraded images of the same benchmark.

    Raises:
        StageNotRunError: The stage has not run, or not with the degraded images of the benchmark.
        ValueError: The columns or a value are not what the stage writes.
    """
    return [
        _measurement(row, f"{path}, line {line}", stage, inputs)
        for line, row in read_lines(path, Score, stage)
    ]


def _measurement(row: Score, where: str, stage: str, inputs: Inputs) -> Measurement:
    before = inputs.get((row.place, row.image))
    if before is None:
        raise StageNotRunError(
            f"{where}: the degraded image '{row.image}' of {', '.join(row.place)} was not "
            f"measured; run 'dvc repro {stage}'",
            stage,
        )
    return Measurement(**vars(row), psnr_input=before[0], ssim_input=before[1])


def merge_baselines(benchmarks: Mapping[str, Sequence[Measurement]]) -> list[Measurement]:
    """Put the classical rows of all benchmarks together, each result once.

    Two benchmarks may hold the same trial, whose rows are then equal. If they are not, for
    one works in luma and the other in RGB, both stay and are called ``METHOD@BENCHMARK``.

    Args:
        benchmarks: The rows by name of the benchmark.
    """
    results: dict[ResultKey, dict[str, list[Measurement]]] = {}
    for benchmark, rows in benchmarks.items():
        for key, same in _by_result(rows).items():
            results.setdefault(key, {})[benchmark] = same
    merged: list[Measurement] = []
    for found in results.values():
        first, *others = found.values()
        if all(_scores(other) == _scores(first) for other in others):
            merged += first
            continue
        for benchmark, rows in found.items():
            merged += [replace(row, experiment=f"{row.experiment}@{benchmark}") for row in rows]
    return merged


def _scores(rows: Iterable[Measurement]) -> dict[str, tuple[float, ...]]:
    return {row.image: (row.psnr, row.ssim, row.psnr_input, row.ssim_input) for row in rows}


def summarise(
    measurements: Iterable[Measurement],
    published: Mapping[Key, Published],
    systems: Mapping[str, str | None],
) -> list[Result]:
    """Average over the images of each experiment, and put the published number beside it.

    Args:
        measurements: One row an image and protocol.
        published: Numbers of the literature; those from memory are never put beside a result.
        systems: What the literature calls each experiment; none where nothing was published.

    Returns:
        Sorted by data set, degradation, protocol and name.

    Raises:
        ValueError: An image is there twice.
    """
    return _summarise(measurements, published, lambda key: systems.get(key[0]), are_baselines=False)


def summarise_baselines(
    measurements: Iterable[Measurement], published: Mapping[Key, Published]
) -> list[Result]:
    """Average over the images of each classical method, as ``summarise`` does of experiments.

    Raises:
        ValueError: An image is there twice.
    """
    return _summarise(
        measurements,
        published,
        lambda key: system_of_baseline(method=key[1], degradation=key[3], protocol=key[4]),
        are_baselines=True,
    )


def _summarise(
    measurements: Iterable[Measurement],
    published: Mapping[Key, Published],
    system_of: Callable[[ResultKey], str | None],
    *,
    are_baselines: bool,
) -> list[Result]:
    results = []
    for key, rows in _by_result(measurements).items():
        psnr_of = {row.image: row.psnr for row in rows}
        input_of = {row.image: row.psnr_input for row in rows}
        results.append(
            Result(
                experiment=key[0],
                model=key[1],
                data_set=key[2],
                degradation=key[3],
                protocol=rows[0].protocol,
                psnr_of=psnr_of,
                input_of=input_of,
                psnr=mean(list(psnr_of.values())),
                ssim=mean([row.ssim for row in rows]),
                psnr_input=mean(list(input_of.values())),
                ssim_input=mean([row.ssim_input for row in rows]),
                interval=mean_interval(psnr_of),
                runs=(key[0],),
                spread=None,
                published=_counterpart(published, system_of(key), key),
                is_baseline=are_baselines,
            )
        )
    return sorted(results, key=order)


def _counterpart(
    published: Mapping[Key, Published], system: str | None, key: ResultKey
) -> Published | None:
    entry = None if system is None else published.get((system, *key[2:]))
    return None if entry is None or entry.from_memory else entry


def _by_result(measurements: Iterable[Measurement]) -> dict[ResultKey, list[Measurement]]:
    groups: dict[ResultKey, list[Measurement]] = {}
    seen: set[tuple[ResultKey, str]] = set()
    for row in measurements:
        if (row.key, row.image) in seen:
            raise ValueError(
                f"expected one row for an image, came two for '{row.image}' of {', '.join(row.key)}"
            )
        seen.add((row.key, row.image))
        groups.setdefault(row.key, []).append(row)
    return groups


Order = tuple[str, list[tuple[int, float, str]], str, bool, str, str]


def order(result: Result) -> Order:
    """Return the key to sort results by: levels by their value, so that 5 is before 25."""
    level = [
        (0, float(part), "") if part.replace(".", "", 1).isdigit() else (1, 0.0, part)
        for part in re.findall(r"\d+(?:\.\d+)?|\D+", result.degradation)
    ]
    return (
        result.data_set,
        level,
        result.protocol,
        result.is_baseline,
        result.experiment,
        result.model,
    )


def write_results(path: Path, results: Iterable[Result], repetition_of: Mapping[str, str]) -> None:
    """Write ``results.csv``.

    Args:
        path: File to write.
        results: One row each.
        repetition_of: Names of the experiments that repeat another one, and which.
    """
    rows = (_row(result, repetition_of.get(result.experiment)) for result in results)
    write_table(path, ResultRow, rows)


def _row(result: Result, repetition_of: str | None) -> ResultRow:
    low, high = bounds(result.interval)
    return ResultRow(
        experiment=result.experiment,
        model=result.model,
        data_set=result.data_set,
        degradation=result.degradation,
        protocol=result.protocol,
        images=result.images,
        psnr=result.psnr,
        ssim=result.ssim,
        psnr_input=result.psnr_input,
        ssim_input=result.ssim_input,
        psnr_published=result.published.psnr if result.published else None,
        psnr_gap=result.gap,
        psnr_low=low,
        psnr_high=high,
        repetition_of=repetition_of,
    )


def bounds(interval: Interval | None) -> tuple[float | None, float | None]:
    """Return the bounds of an interval for a table; none if there is none."""
    return (None, None) if interval is None else (interval.low, interval.high)
