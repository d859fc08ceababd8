"""The figure of gains: what restoring brought in PSNR against what it brought in recognition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.report.curves import Tick, even_ticks
from pipeline.report.downstream import Downstream
from pipeline.report.labels import Box, Label, Named, place_labels
from pipeline.report.recogniser_results import Shown

WIDTH, HEIGHT = 640, 380
"""Of the figure, in units of its view box."""

LEFT, RIGHT, TOP, BOTTOM = 52, 628, 14, 330
"""Edges of the plotted area."""

SERIES = 6
"""Kinds of marks; more kinds of recognisers begin again with the first."""

_MEASURES: Mapping[Shown, str] = {"accuracy": "accuracy", "map": "mAP"}
"""Names of what recognisers are compared by."""


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


def _labels(gains: Sequence[_Gain], points: Sequence[Point]) -> list[Label]:
    """Return a label for each restored input, at the highest of its marks."""
    highest: dict[str, tuple[_Gain, Point]] = {}
    for gain, point in zip(gains, points, strict=True):
        if gain.restored not in highest or point.y < highest[gain.restored][1].y:
            highest[gain.restored] = (gain, point)
    names = [gain.by for gain, _ in highest.values()]
    # An experiment that restored several inputs would not tell which.
    named = [
        Named(gain.by if names.count(gain.by) == 1 else gain.restored, point.x, point.y)
        for gain, point in highest.values()
    ]
    marks = [box for point in points for box in _boxes(point)]
    return place_labels(named, marks, (LEFT, TOP, RIGHT, BOTTOM))


def _boxes(point: Point) -> list[Box]:
    """Return the space that a mark takes, and that of its error bar."""
    x, y = point.x, point.y
    return [(x - 6, y - 6, x + 6, y + 6), (x - 3, point.high, x + 3, point.low)]
