"""Comparisons: who is better than whom on the same images, and whether that could be chance."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pipeline.measuring.statistics import Difference, difference, paired_difference
from pipeline.report.results import Place, Result, bounds, fixed

COLUMNS = (
    "data_set",
    "degradation",
    "protocol",
    "experiment",
    "other",
    "images",
    "difference",
    "low",
    "high",
    "within_noise",
)
"""Of ``comparisons.csv``, in this order."""

SAME_INPUT = 0.001
"""Two degraded images whose PSNR differs by less, in decibels, are taken to be the same."""

WITHIN_NOISE = {True: "true", False: "false", None: ""}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Mean difference of two results on the same images, in decibels."""

    one: Result
    other: Result
    difference: Difference


def compare(one: Result, other: Result) -> Difference | None:
    """Return by how much one result is better than another.

    Args:
        one: A result.
        other: Another one at the same place.

    Returns:
        None if the two have no image in common, or were not given the same degraded images, such
        as when one works on RGB and the other on luma.
    """
    return paired_difference(one.psnr_of, other.psnr_of) if have_same_input(one, other) else None


def have_same_input(one: Result, other: Result) -> bool:
    """Tell whether two results were given the same degraded images, as far as both have them."""
    common = one.input_of.keys() & other.input_of.keys()
    return all(
        abs(difference(one.input_of[image], other.input_of[image])) <= SAME_INPUT
        for image in common
    )


def compare_all(groups: Mapping[Place, Sequence[Result]]) -> Iterator[Comparison]:
    """Yield every pair of experiments at each place, the best classical method among them.

    Args:
        groups: Results by place, in the order of the table.
    """
    for results in groups.values():
        classical = [result for result in results if result.is_baseline]
        best = max(classical, key=lambda result: result.psnr, default=None)
        compared = [result for result in results if not result.is_baseline or result is best]
        for one, other in combinations(compared, 2):
            found = compare(one, other)
            if found is not None:
                yield Comparison(one=one, other=other, difference=found)


def write_comparisons(path: Path, comparisons: Iterable[Comparison]) -> None:
    """Write ``comparisons.csv``: ``experiment`` minus ``other``, in decibels."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for compared in comparisons:
            found = compared.difference
            writer.writerow(
                [
                    *compared.one.place,
                    *(compared.one.experiment, compared.other.experiment, found.images),
                    *(fixed(found.mean, 4), *bounds(found.interval)),
                    WITHIN_NOISE[found.within_noise],
                ]
            )
