"""The leaderboard: results in blocks that can be compared, with published numbers between."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.literature.published import Published
from pipeline.measuring.score_table import Place
from pipeline.measuring.statistics import Difference
from pipeline.report.comparisons import compare
from pipeline.report.results import Result, order

STRONGEST = 4
"""Published systems without a measured row that a block shows."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A horizontal bar, in percent of the place for it."""

    left: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the leaderboard.

    Args:
        result: What was measured; none if the row is only published.
        published: What was published; none if nothing was.
        note: Number of the source of ``published``.
        bar: The gain over the input, none if it is infinite.
        best_psnr: No other measured row of the group has a higher PSNR.
        best_ssim: No other measured row of the group has a higher SSIM.
        to_best: Difference to the first of the measured rows, image by image; none for that row
            itself, and where the two were not given the same degraded images.
        is_first: The row that the others are compared with.
    """

    result: Result | None
    published: Published | None
    note: int | None
    bar: Bar | None = None
    best_psnr: bool = False
    best_ssim: bool = False
    to_best: Difference | None = None
    is_first: bool = False


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows that can be compared: one data set, one level, one protocol; the best is first."""

    data_set: str
    degradation: str
    protocol: str
    images: str
    rows: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class ProtocolTable:
    """The same results by every protocol that applies.

    Args:
        data_set: Name of the test set.
        degradation: Label of the level.
        protocols: The columns.
        rows: Results by protocol, one mapping an experiment or classical method.
    """

    data_set: str
    degradation: str
    protocols: Sequence[str]
    rows: Sequence[Mapping[str, Result]]


def by_place(results: Iterable[Result]) -> dict[Place, list[Result]]:
    """Group the results that can be compared, in the order of the table."""
    groups: dict[Place, list[Result]] = {}
    for result in sorted(results, key=order):
        groups.setdefault(result.place, []).append(result)
    return groups


def shown_places(
    groups: Mapping[Place, Sequence[Result]], leading: Collection[Place]
) -> dict[Place, Sequence[Result]]:
    """Return the groups worth a block: those that trials lead with, and those in the literature.

    Args:
        groups: Results by place, by every protocol that applies.
        leading: Places with a protocol that a trial names.
    """
    return {
        place: rows
        for place, rows in groups.items()
        if place in leading or any(row.published for row in rows)
    }


def tabulate_protocols(groups: Mapping[Place, Sequence[Result]]) -> list[ProtocolTable]:
    """Return one table a data set and level, with a column for each protocol."""
    tables: dict[tuple[str, str], dict[tuple[str, str], dict[str, Result]]] = {}
    for (data_set, degradation, protocol), results in groups.items():
        rows = tables.setdefault((data_set, degradation), {})
        for result in results:
            rows.setdefault((result.experiment, result.model), {})[protocol] = result
    return [
        ProtocolTable(
            data_set=data_set,
            degradation=degradation,
            protocols=sorted({protocol for row in rows.values() for protocol in row}),
            rows=list(rows.values()),
        )
        for (data_set, degradation), rows in tables.items()
    ]


def published_only(
    groups: Mapping[Place, Sequence[Result]], references: Iterable[Published]
) -> dict[Place, list[Published]]:
    """Return the strongest numbers of the literature that stand beside no result of their group.

    Args:
        groups: Results by place.
        references: Numbers of the literature.
    """
    measured = {
        row.published.key for rows in groups.values() for row in rows if row.published is not None
    }
    found: dict[Place, list[Published]] = {place: [] for place in groups}
    for entry in references:
        if entry.key[1:] in found and entry.key not in measured:
            found[entry.key[1:]].append(entry)
    return {
        place: sorted(entries, key=lambda entry: entry.psnr, reverse=True)[:STRONGEST]
        for place, entries in found.items()
    }


def number_sources(
    groups: Mapping[Place, Sequence[Result]], numbers: Mapping[Place, Sequence[Published]]
) -> dict[str, int]:
    """Number the sources in the order in which the groups name them."""
    named = [
        entry.source
        for place, rows in groups.items()
        for entry in [*(row.published for row in rows), *numbers[place]]
        if entry is not None
    ]
    return {source: number for number, source in enumerate(dict.fromkeys(named), start=1)}


def rank(
    groups: Mapping[Place, Sequence[Result]],
    numbers: Mapping[Place, Sequence[Published]],
    sources: Mapping[str, int],
) -> list[Group]:
    """Return the blocks of the leaderboard, the highest PSNR of each first.

    Args:
        groups: Results by place.
        numbers: Published numbers without a result, by place.
        sources: Numbers of the sources.
    """
    gains = [row.gain for rows in groups.values() for row in rows if math.isfinite(row.gain)]
    low, high = min([0.0, *gains]), max([0.0, *gains])
    board = []
    for (data_set, degradation, protocol), results in groups.items():
        rows = list(_rows(results, sources, low, high))
        rows += [
            Row(result=None, published=entry, note=sources[entry.source])
            for entry in numbers[data_set, degradation, protocol]
        ]
        counts = sorted({result.images for result in results})
        images = "\N{EN DASH}".join(map(str, dict.fromkeys([counts[0], counts[-1]])))
        board.append(
            Group(
                data_set=data_set,
                degradation=degradation,
                protocol=protocol,
                images=f"{images} image" if counts == [1] else f"{images} images",
                rows=sorted(rows, key=_psnr, reverse=True),
            )
        )
    return board


def _rows(
    results: Sequence[Result], sources: Mapping[str, int], low: float, high: float
) -> Iterator[Row]:
    first = max(results, key=lambda result: result.psnr)
    # What is printed decides: two rows that show the same number are both the best.
    best_psnr = round(first.psnr, 2)
    best_ssim = max(round(result.ssim, 4) for result in results)
    contest = len(results) > 1
    for result in results:
        drawn = math.isfinite(result.gain) and high > low
        published = result.published
        yield Row(
            result=result,
            published=published,
            note=None if published is None else sources[published.source],
            bar=_bar(result.gain, low, high) if drawn else None,
            best_psnr=contest and round(result.psnr, 2) == best_psnr,
            best_ssim=contest and round(result.ssim, 4) == best_ssim,
            to_best=None if result is first else compare(result, first),
            is_first=result is first,
        )


def _bar(gain: float, low: float, high: float) -> Bar:
    span = high - low
    return Bar(
        left=round(100 * (min(gain, 0) - low) / span, 1), width=round(100 * abs(gain) / span, 1)
    )


def _psnr(row: Row) -> float:
    if row.result is not None:
        return row.result.psnr
    return -math.inf if row.published is None else row.published.psnr
