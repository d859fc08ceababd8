"""The figures of strengths: what networks gain where the degradation is weak, and where strong."""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pipeline.arrays.tables import read_mappings
from pipeline.measuring.score_table import Place
from pipeline.measuring.statistics import mean
from pipeline.report.curves import Tick, even_ticks
from pipeline.report.labels import Label
from pipeline.report.results import Result
from pipeline.report.words import describe_method, signed

WIDTH, HEIGHT = 560, 320
"""Of the figure, in units of its view box."""

LEFT, RIGHT, TOP, BOTTOM = 46, 410, 14, 266
"""Edges of the plotted area; the names stand to the right of it."""

STRENGTHS = {
    "sigma_8bit": "noise, sigma on the scale of 0 to 255",
    "peak": "photons of a white pixel",
    "scale": "scale",
    "quality": "JPEG quality",
    "sigma_px": "blur, sigma in pixels",
}
"""Values of a card that say how strong a degradation is, and what is written along the axis."""

FEWEST = 3
"""Values that a figure needs at least: of fewer, the table says all."""

MOST_VALUES = 12
"""Values that each have a point of their own; where images drew more, neighbours share one."""

MOST_TOLD = 6
"""Values that each stand along the axis; of more, round numbers do."""

MOST_LINES = 10
"""Networks that are drawn, those with the highest gain."""

MOST_METHODS = 2
"""Classical methods that are drawn beside them."""

_TALL = 14
"""From the base line of a name to that of the next."""

Drawn = Mapping[tuple[str, str, str], Mapping[str, str]]
"""The card of each image, by data set, level and name of the image."""


@dataclass(frozen=True, kw_only=True)
class Strand:
    """The line of a network or of a classical method.

    Args:
        kind: Which of the two it is.
        path: Of the line, in SVG's notation.
        dots: Its points.
        summary: What it shows, in a sentence.
    """

    kind: str
    path: str
    dots: Sequence[tuple[float, float]]
    summary: str


@dataclass(frozen=True, kw_only=True)
class StrengthFigure:
    """What networks gain on one test set, against one value of the degradation.

    Args:
        data_set: Name of the test set.
        protocol: How PSNR was measured.
        axis: What is along the lower edge.
        strands: The lines.
        labels: Their names.
        x_ticks: The value.
        y_ticks: Gain over the input in decibels.
        without: Networks that have no line, for there are too many.
    """

    data_set: str
    protocol: str
    axis: str
    strands: Sequence[Strand]
    labels: Sequence[Label]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    without: Sequence[str]


def read_cards(benchmarks: Iterable[Path]) -> dict[tuple[str, str, str], dict[str, str]]:
    """Return what was drawn for each test image, by data set, level and name of the image.

    Args:
        benchmarks: Folders that the stage ``degrade_test`` wrote.

    Raises:
        OSError: A card cannot be read.
        ValueError: A card is no table, or lacks a column.
    """
    return {
        (row["data_set"], row["label"], row["image"]): row
        for folder in benchmarks
        for row in read_mappings(folder / "card.csv", ("data_set", "image", "label"))
    }


def draw_strengths(
    groups: Mapping[Place, Sequence[Result]], headline: Collection[Place], drawn: Drawn
) -> list[StrengthFigure]:
    """Return a figure for each value of a card that differs between the images of a test set.

    Args:
        groups: Results by place.
        headline: Places of the protocol that each trial leads with.
        drawn: What was drawn for each image.
    """
    gains: dict[tuple[str, str, str, str], dict[str, list[tuple[float, float]]]] = {}
    classical: set[str] = set()
    for place, results in groups.items():
        if place not in headline:
            continue
        for result in results:
            if result.is_baseline:
                classical.add(result.experiment)
            for value, strength, gain in _strengths(result, drawn):
                # Rounded or small images are another degradation than others of the same sigma.
                form = re.sub(r"[\d.]+", "#", result.degradation)
                key = (result.data_set, result.protocol, value, form)
                gains.setdefault(key, {}).setdefault(result.experiment, []).append((strength, gain))
    return [
        figure
        for (data_set, protocol, value, _), lines in gains.items()
        if (figure := _draw(data_set, protocol, STRENGTHS[value], lines, classical))
    ]


def _strengths(result: Result, drawn: Drawn) -> Iterable[tuple[str, float, float]]:
    """Yield each value of the card of each image, its name first, with what the image gained."""
    for image, psnr in result.psnr_of.items():
        card = drawn.get((result.data_set, result.degradation, image), {})
        gain = psnr - result.input_of[image]
        for value in STRENGTHS:
            if card.get(value) and math.isfinite(gain):
                yield value, float(card[value]), gain


def _draw(
    data_set: str,
    protocol: str,
    axis: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    classical: Collection[str],
) -> StrengthFigure | None:
    points = {
        name: _points(measured)
        for name, measured in lines.items()
        if len({strength for strength, _ in measured}) >= FEWEST
        and any(gain for _, gain in measured)
    }
    ranked = sorted(points, key=lambda name: mean([gain for _, gain in points[name]]), reverse=True)
    networks = [name for name in ranked if name not in classical]
    shown = networks[:MOST_LINES] + [name for name in ranked if name in classical][:MOST_METHODS]
    if not networks:
        return None
    all_points = [point for name in shown for point in points[name]]
    strengths = sorted({strength for strength, _ in all_points})
    left, right = _padded(strengths)
    low, high = _padded([gain for _, gain in all_points])

    def across(strength: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (strength - left) / (right - left), 1)

    def up(gain: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (gain - low) / (high - low), 1)

    told = strengths if len(strengths) <= MOST_TOLD else even_ticks(left, right)
    dots = {name: [(across(x), up(y)) for x, y in points[name]] for name in shown}
    words = {name: describe_method(name) if name in classical else name for name in shown}
    return StrengthFigure(
        data_set=data_set,
        protocol=protocol,
        axis=axis,
        strands=[
            Strand(
                kind="classical" if name in classical else "network",
                path="M" + "L".join(f"{x:g} {y:g}" for x, y in dots[name]),
                dots=dots[name],
                summary=f"{words[name]}: "
                + ", ".join(f"{signed(y)} dB at {x:.3g}" for x, y in points[name]),
            )
            for name in shown
        ],
        labels=_labels({words[name]: dots[name][-1] for name in shown}),
        x_ticks=[Tick(across(tick), f"{tick:g}") for tick in told],
        y_ticks=[Tick(up(tick), f"{tick:g}") for tick in even_ticks(low, high)],
        without=networks[MOST_LINES:],
    )


def _points(measured: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return mean gains by rising strength, of neighbours together where the images drew many."""
    by_strength = [list(same) for _, same in groupby(sorted(measured), key=lambda one: one[0])]
    if len(by_strength) > MOST_VALUES:
        size, rising = math.ceil(len(measured) / (MOST_VALUES // 2)), sorted(measured)
        by_strength = [rising[at : at + size] for at in range(0, len(rising), size)]
    return [
        (mean([strength for strength, _ in some]), mean([gain for _, gain in some]))
        for some in by_strength
    ]


def _labels(ends: Mapping[str, tuple[float, float]]) -> list[Label]:
    """Return the names in a column beside the plotted area, each as near to its line as it can."""
    heights: list[float] = []
    by_height = sorted(ends, key=lambda name: (ends[name][1], name))
    for name in by_height:
        heights.append(max(ends[name][1], heights[-1] + _TALL if heights else TOP))
    # What was pushed below the area moves up, and those above it with it.
    lowest = float(BOTTOM)
    for number in reversed(range(len(heights))):
        heights[number] = min(heights[number], lowest)
        lowest = heights[number] - _TALL
    return [
        Label(
            text=name,
            x=RIGHT + 14,
            y=round(height + 4, 1),
            ends=False,
            line=f"M{ends[name][0] + 5:g} {ends[name][1]:g}L{RIGHT + 10} {height:.1f}",
        )
        for name, height in zip(by_height, heights, strict=True)
    ]


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.5
    return low - margin, high + margin
