"""Repetitions: experiments that differ in nothing but their names, and so in their random numbers.

The names key the weights at the start, the batches and the noise: what repetitions differ by is
what chance does to a training.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.arrays.tables import write_table
from pipeline.measuring.statistics import mean, mean_interval, spread
from pipeline.report.results import Decibels, Result, Similarity, bounds, order
from pipeline.settings.params import Experiment, Recognition


@dataclass(frozen=True, kw_only=True)
class RepetitionRow:
    """A row of ``repetitions.csv``: mean and spread over the runs of one experiment."""

    experiment: str
    runs: int
    names: str
    data_set: str
    degradation: str
    protocol: str
    images: int
    psnr: Decibels
    psnr_spread: Decibels | None
    ssim: Similarity
    ssim_spread: Similarity | None
    psnr_low: Decibels | None
    psnr_high: Decibels | None


def find_repetitions(
    experiments: Mapping[str, Experiment] | Mapping[str, Recognition],
) -> dict[str, str]:
    """Return which experiments repeat another one, and the first of its name.

    Args:
        experiments: The section of the params, in its order.
    """
    first: dict[tuple[str, ...], str] = {}
    found = {}
    for name, entry in experiments.items():
        causes = entry.model_dump(exclude={"compare_with"})
        original = first.setdefault(tuple(causes.values()), name)
        if original != name:
            found[name] = original
    return found


def merge_repetitions(results: Iterable[Result], repetition_of: Mapping[str, str]) -> list[Result]:
    """Make one result of the runs of an experiment: means over the runs, image by image.

    Args:
        results: One an experiment and place.
        repetition_of: What ``find_repetitions`` returned.

    Returns:
        Sorted like the table; a result without repetitions is returned as it is.

    Raises:
        ValueError: Two runs were measured on different images.
    """
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        name = repetition_of.get(result.experiment, result.experiment)
        groups.setdefault((name, result.model, *result.place), []).append(result)
    return sorted((_merge(key[0], runs) for key, runs in groups.items()), key=order)


def _merge(name: str, runs: Sequence[Result]) -> Result:
    first = runs[0]
    if len(runs) == 1:
        return first
    for run in runs:
        if run.psnr_of.keys() != first.psnr_of.keys():
            raise ValueError(
                f"expected {run.experiment} to be measured on the same images of {run.data_set} "
                f"as {first.experiment}, whose repetition it is; "
                f"run 'dvc repro --force evaluate@{run.experiment}'"
            )
    psnr_of = {image: mean([run.psnr_of[image] for run in runs]) for image in first.psnr_of}
    return replace(
        first,
        experiment=name,
        psnr_of=psnr_of,
        psnr=mean([run.psnr for run in runs]),
        ssim=mean([run.ssim for run in runs]),
        interval=mean_interval(psnr_of),
        runs=tuple(run.experiment for run in runs),
        spread=spread([run.psnr for run in runs]),
        published=next((run.published for run in runs if run.published), None),
    )


def write_repetitions(
    path: Path, results: Sequence[Result], repetition_of: Mapping[str, str]
) -> None:
    """Write mean and spread of every experiment that was run more than once.

    Args:
        path: File to write; a header alone if no experiment has repetitions.
        results: One an experiment and place.
        repetition_of: What ``find_repetitions`` returned.
    """
    single: dict[tuple[str, ...], Result] = {
        (result.experiment, *result.place): result for result in results
    }
    merged = merge_repetitions(results, repetition_of)
    rows = (_row(one, single) for one in merged if len(one.runs) > 1)
    write_table(path, RepetitionRow, rows)


def _row(merged: Result, single: Mapping[tuple[str, ...], Result]) -> RepetitionRow:
    low, high = bounds(merged.interval)
    return RepetitionRow(
        experiment=merged.experiment,
        runs=len(merged.runs),
        names=" ".join(merged.runs),
        data_set=merged.data_set,
        degradation=merged.degradation,
        protocol=merged.protocol,
        images=merged.images,
        psnr=merged.psnr,
        psnr_spread=merged.spread,
        ssim=merged.ssim,
        ssim_spread=spread([single[run, *merged.place].ssim for run in merged.runs]),
        psnr_low=low,
        psnr_high=high,
    )
