"""Comparisons: who is better than whom on the same images, and whether that could be chance."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pipeline.arrays.tables import write_table
from pipeline.measuring.score_table import Place
from pipeline.measuring.statistics import Difference, difference, paired_difference
from pipeline.report.results import Decibels, Result, bounds

SAME_INPUT = 0.001
"""Two degraded images whose PSNR differs by less, in decibels, are taken to be the same."""


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """A row of ``comparisons.csv``: ``experiment`` minus ``other``."""

    data_set: str
    degradation: str
    protocol: str
    experiment: str
    other: str
    images: int
    difference: Decibels
    low: Decibels | None
    high: Decibels | None
    within_noise: bool | None


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
    """Write ``comparisons.csv``."""
    write_table(path, ComparisonRow, map(_row, comparisons))


def _row(compared: Comparison) -> ComparisonRow:
    found = compared.difference
    low, high = bounds(found.interval)
    return ComparisonRow(
        data_set=compared.one.data_set,
        degradation=compared.one.degradation,
        protocol=compared.one.protocol,
        experiment=compared.one.experiment,
        other=compared.other.experiment,
        images=found.images,
        difference=found.mean,
        low=low,
        high=high,
        within_noise=found.within_noise,
    )
