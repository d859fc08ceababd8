"""The figure of gains: what restoring brought in PSNR against what it brought in recognition."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.report.curves import Tick, even_ticks
from pipeline.report.downstream import Downstream
from pipeline.report.recogniser_results import Shown

WIDTH, HEIGHT = 640, 380
"""Of the figure, in units of its view box."""

LEFT, RIGHT, TOP, BOTTOM = 52, 628, 14, 330
"""Edges of the plotted area."""

SERIES = 6
"""Kinds of marks; more kinds of recognisers begin again with the first."""

_MEASURES: Mapping[Shown, str] = {"accuracy": "accuracy", "map": "mAP"}
"""Names of what recognisers are compared by."""

_LETTER = 6.6
"""Width of a letter of a label, about, and a little more."""

_TALL = 12.0
"""Height of a label."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One restored input, recognised by one kind of recogniser.

    Args:
        series: Number of the kind of recogniser.
        x: Of the mark.
        y: Of the mark.
        high: Upper end of the error bar; the mark itself where there is no interval.
        low: Lower end.
        summary: What it shows, in a sentence.
    """

    series: int
    x: float
    y: float
    high: float
    low: float
    summary: str


@dataclass(frozen=True)
class Label:
    """Name of the experiment that restored an input, beside its marks.

    Args:
        text: The name.
        x: Left edge, or the right one.
        y: Base line.
        ends: Whether ``x`` is the right edge.
        line: From the mark to the label if that is further away, in SVG's notation; else empty.
    """

    text: str
    x: float
    y: float
    ends: bool
    line: str


@dataclass(frozen=True, kw_only=True)
class Gains:
    """The whole figure.

    Args:
        series: Names of the kinds of recognisers.
        measure: What their gains are of.
        points: The marks.
        labels: Of the restored inputs, each once.
        x_ticks: PSNR gain in decibels.
        y_ticks: Gain of that measure in percentage points.
        zero: Height of the line of no gain.
    """

    series: tuple[str, ...]
    measure: str
    points: tuple[Point, ...]
    labels: tuple[Label, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    zero: float


@dataclass(frozen=True)
class _Gain:
    """Gains before they are drawn: decibels, and percentage points with their interval."""

    series: int
    restored: str
    by: str
    psnr: float
    points: float
    low: float
    high: float


def draw_gains(tables: Sequence[Downstream]) -> Gains | None:
    """Return the figure, or None where no restored input was recognised.

    Args:
        tables: Of all tasks and kinds of recognisers.
    """
    shown = [table for table in tables if any(_recognised(0, table))]
    found = [gain for number, table in enumerate(shown) for gain in _recognised(number, table)]
    if not found:
        return None
    left, right = _padded([gain.psnr for gain in found])
    low, high = _padded([0.0, *(end for gain in found for end in (gain.low, gain.high))])

    def across(psnr: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (psnr - left) / (right - left), 1)

    def up(points: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (points - low) / (high - low), 1)

    points = tuple(
        Point(
            series=gain.series % SERIES,
            x=across(gain.psnr),
            y=up(gain.points),
            high=up(gain.high),
            low=up(gain.low),
            summary=f"{gain.restored}, {shown[gain.series].title}: PSNR {gain.psnr:+.2f} dB, "
            f"{gain.points:+.1f} points",
        )
        for gain in found
    )
    return Gains(
        series=tuple(table.title for table in shown),
        measure=" or ".join(dict.fromkeys(_MEASURES[table.measure] for table in shown)),
        points=points,
        labels=tuple(_labels(found, points)),
        x_ticks=tuple(Tick(across(tick), _signed(tick)) for tick in even_ticks(left, right)),
        y_ticks=tuple(Tick(up(tick), _signed(tick)) for tick in even_ticks(low, high)),
        zero=up(0),
    )


def _recognised(series: int, table: Downstream) -> Iterator[_Gain]:
    """Yield the gains of a table's restored inputs that have both."""
    for degraded in table.degraded:
        for row in degraded.restored:
            if row.change is None or row.psnr_gain is None:
                continue
            ends = row.change.interval
            yield _Gain(
                series=series,
                restored=row.name,
                by=row.by or row.name,
                psnr=row.psnr_gain,
                points=100 * row.change.mean,
                low=100 * (ends.low if ends else row.change.mean),
                high=100 * (ends.high if ends else row.change.mean),
            )


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.5
    return low - margin, high + margin


def _signed(value: float) -> str:
    text = f"{value:+g}" if value else "0"
    return text.replace("-", "\N{MINUS SIGN}")


# --------------------------------------------------------------- where the labels stand


def _labels(gains: Sequence[_Gain], points: Sequence[Point]) -> Iterator[Label]:
    """Yield a label for each restored input, at the highest of its marks, where it is free."""
    highest: dict[str, tuple[_Gain, Point]] = {}
    for gain, point in zip(gains, points, strict=True):
        if gain.restored not in highest or point.y < highest[gain.restored][1].y:
            highest[gain.restored] = (gain, point)
    names = [gain.by for gain, _ in highest.values()]
    taken: list[Box] = [box for point in points for box in _boxes(point)]
    for gain, point in sorted(highest.values(), key=lambda one: (one[1].x, one[1].y)):
        # An experiment that restored several inputs would not tell which.
        text = gain.by if names.count(gain.by) == 1 else gain.restored
        box = min(_places(point, text), key=lambda place: _cost(place, taken, point))
        taken.append(box)
        ends = box[2] < point.x
        edge = box[2] if ends else box[0]
        yield Label(text, round(edge, 1), round(box[3] - 3, 1), ends, _line(box, point))


def _boxes(point: Point) -> list[Box]:
    """Return the space that a mark takes, and that of its error bar."""
    x, y = point.x, point.y
    return [(x - 6, y - 6, x + 6, y + 6), (x - 3, point.high, x + 3, point.low)]


def _places(point: Point, text: str) -> Iterator[Box]:
    """Yield where a label may stand: to both sides of its mark, at rising distances."""
    wide = _LETTER * len(text)
    for rise in (0, 12, 24, 36, 50, 64, 80):
        for up in {0} if rise == 0 else (-rise, rise):
            for left in (point.x + 9, point.x - 9 - wide):
                top = point.y + up - _TALL / 2
                yield (left, top, left + wide, top + _TALL)


def _cost(place: Box, taken: Iterable[Box], point: Point) -> float:
    """Return how bad a place is: what it hides, how much of it is outside, how far away it is."""
    left, top, right, bottom = place
    hidden = sum(_shared(place, box) for box in taken)
    outside = max(0.0, LEFT - left) + max(0.0, right - RIGHT - 8)
    outside += max(0.0, TOP - top) + max(0.0, bottom - BOTTOM)
    away = abs((top + bottom) / 2 - point.y) + (3 if right < point.x else 0)
    return 4 * hidden + 60 * outside + away


def _shared(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def _line(box: Box, point: Point) -> str:
    """Return what joins a mark to a label that does not stand at its height."""
    middle = (box[1] + box[3]) / 2
    if math.isclose(middle, point.y, abs_tol=7):
        return ""
    near = box[0] - 2 if box[0] > point.x else box[2] + 2
    return f"M{point.x:g} {point.y:g}L{near:.1f} {middle:.1f}"
