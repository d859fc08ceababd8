"""The leaderboard: results in blocks that can be compared, with published numbers between."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.report.published import Published
from pipeline.report.results import Result, order

Place = tuple[str, str, str]
"""Data set, level and protocol: what numbers must share to be compared."""


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
    """

    result: Result | None
    published: Published | None
    note: int | None
    bar: Bar | None
    best_psnr: bool
    best_ssim: bool


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows that can be compared: one data set, one level, one protocol; the best is first."""

    data_set: str
    degradation: str
    protocol: str
    images: str
    rows: Sequence[Row]


def by_place(results: Iterable[Result]) -> dict[Place, list[Result]]:
    """Group the results that can be compared, in the order of the table."""
    groups: dict[Place, list[Result]] = {}
    for result in sorted(results, key=order):
        place = (result.data_set, result.degradation, result.protocol)
        groups.setdefault(place, []).append(result)
    return groups


def published_only(
    groups: Mapping[Place, Sequence[Result]], references: Iterable[Published]
) -> dict[Place, list[Published]]:
    """Return the numbers of the literature that belong to a group but to none of its rows."""
    measured = {(row.model, *place) for place, rows in groups.items() for row in rows}
    found: dict[Place, list[Published]] = {place: [] for place in groups}
    for entry in references:
        if entry.key[1:] in found and entry.key not in measured:
            found[entry.key[1:]].append(entry)
    return found


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
            Row(
                result=None,
                published=entry,
                note=sources[entry.source],
                bar=None,
                best_psnr=False,
                best_ssim=False,
            )
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
    # What is printed decides: two rows that show the same number are both the best.
    best_psnr = max(round(result.psnr, 2) for result in results)
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
