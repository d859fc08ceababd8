"""The figure of costs: the PSNR of the networks of a test against what each costs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.report.curves import Tick, even_ticks, logarithmic_ticks
from pipeline.report.labels import Box, Label, Named, place_labels
from pipeline.report.network_table import Network
from pipeline.report.results import Result
from pipeline.report.words import decimal, describe_method

WIDTH, HEIGHT = 480, 400
"""Of the figure, in units of its view box."""

LEFT, RIGHT, TOP, BOTTOM = 46, 468, 14, 346
"""Edges of the plotted area."""

MOST_METHODS = 2
"""Classical methods that are drawn, the best of them."""


MOST_NAMED = 12
"""Networks that all have their names beside their marks; of more, only those that no other is
better than at less cost."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A kind of cost.

    Args:
        name: What it is called where it is chosen.
        axis: What is along the lower edge, with its unit.
        of: What a network costs, in that unit; None where that is not known.
    """

    name: str
    axis: str
    of: Callable[[Network], float | None]


def _multiply_adds(network: Network) -> float | None:
    return None if network.multiply_adds is None else network.multiply_adds / 256**2 / 1e3


def _training(network: Network) -> float | None:
    return None if network.training is None else network.training / 1e12


COSTS = (
    Cost(
        name="multiply-adds",
        axis="multiply-adds of one restored pixel, thousands, log scale",
        of=_multiply_adds,
    ),
    Cost(
        name="parameters",
        axis="parameters, thousands, log scale",
        of=lambda network: network.parameters / 1e3,
    ),
    Cost(
        name="training",
        axis="multiply-adds of the training, in units of 10\N{SUPERSCRIPT ONE}"
        "\N{SUPERSCRIPT TWO}, log scale",
        of=_training,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network.

    Args:
        x: Of its mark.
        y: Of its mark.
        summary: What it shows, in a sentence.
    """

    x: float
    y: float
    summary: str


@dataclass(frozen=True, kw_only=True)
class Level:
    """A PSNR without a cost, drawn as a line: a classical or a published one.

    Args:
        kind: Of which of the two it is.
        y: Its height.
        summary: What it shows.
    """

    kind: str
    y: float
    summary: str


@dataclass(frozen=True, kw_only=True)
class CostFigure:
    """The networks of one test by one kind of cost.

    Args:
        cost: What is along the lower edge.
        points: The networks.
        levels: What they are compared with.
        labels: Names of all of them, or of many networks those on the frontier.
        x_ticks: Cost.
        y_ticks: PSNR in decibels.
        without: Networks whose cost is not known, so that they have no mark.
    """

    cost: Cost
    points: Sequence[Point]
    levels: Sequence[Level]
    labels: Sequence[Label]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    without: Sequence[str]

    @property
    def marks(self) -> Sequence[Point | Level]:
        """All that is drawn, for those who do not see it."""
        return [*self.points, *self.levels]


def draw_costs(
    networks: Sequence[Result], methods: Sequence[Result], costs: Mapping[str, Network]
) -> list[CostFigure]:
    """Return a figure for each kind of cost that is known of any of the networks.

    Args:
        networks: Results of networks on one test, by one protocol.
        methods: Those of classical methods.
        costs: What the networks cost, by the names of their experiments.
    """
    levels = _levels(networks, methods)
    figures = [_draw(cost, networks, levels, costs) for cost in COSTS]
    return [figure for figure in figures if figure.points]


def _levels(networks: Sequence[Result], methods: Sequence[Result]) -> list[tuple[str, str, float]]:
    """Return kind, name and PSNR of what is drawn as a line."""
    best = sorted(methods, key=lambda method: method.psnr, reverse=True)[:MOST_METHODS]
    published = {one.published.system: one.published.psnr for one in networks if one.published}
    levels = [
        *(("classical", describe_method(one.experiment), one.psnr) for one in best),
        *(("published", f"{name}, published", psnr) for name, psnr in published.items()),
    ]
    return [level for level in levels if math.isfinite(level[2])]


def _draw(
    cost: Cost,
    networks: Sequence[Result],
    levels: Sequence[tuple[str, str, float]],
    costs: Mapping[str, Network],
) -> CostFigure:
    known = {
        result.experiment: (value, result.psnr)
        for result in networks
        if math.isfinite(result.psnr)
        and (network := costs.get(result.experiment)) is not None
        and (value := cost.of(network))
    }
    left, right = _padded([math.log10(value) for value, _ in known.values()], 0.12, least=0.5)
    shown = [psnr for _, psnr in known.values()] + [psnr for _, _, psnr in levels]
    low, high = _padded(shown, 0.12, least=0.2)

    def across(value: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (math.log10(value) - left) / (right - left), 1)

    def up(psnr: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (psnr - low) / (high - low), 1)

    marks = {name: (across(value), up(psnr)) for name, (value, psnr) in known.items()}
    lines = {name: up(psnr) for _, name, psnr in levels}
    named = [Named(name, *marks[name]) for name in _worth_naming(known)]
    named += [Named(name, LEFT, y - 7) for name, y in lines.items()]
    return CostFigure(
        cost=cost,
        points=[
            Point(x=x, y=y, summary=f"{name}: {decimal(known[name][1], 2)} dB")
            for name, (x, y) in marks.items()
        ],
        levels=[
            Level(kind=kind, y=lines[name], summary=f"{name}: {decimal(psnr, 2)} dB")
            for kind, name, psnr in levels
        ],
        labels=place_labels(
            named,
            [*map(_around, marks.values()), *map(_along, lines.values())],
            (LEFT, TOP, RIGHT, BOTTOM),
        ),
        x_ticks=[Tick(across(tick), f"{tick:g}") for tick in logarithmic_ticks(left, right)],
        y_ticks=[Tick(up(tick), f"{tick:g}") for tick in even_ticks(low, high)],
        without=[one.experiment for one in networks if one.experiment not in known],
    )


def _worth_naming(known: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return the networks, of many only those on the frontier of cost and PSNR."""
    if len(known) <= MOST_NAMED:
        return list(known)
    frontier: list[str] = []
    for name in sorted(known, key=lambda one: (known[one][0], -known[one][1])):
        if not frontier or known[name][1] > known[frontier[-1]][1]:
            frontier.append(name)
    return frontier


def _around(mark: tuple[float, float]) -> Box:
    x, y = mark
    return (x - 6, y - 6, x + 6, y + 6)


def _along(height: float) -> Box:
    """Return the space that a line takes."""
    return (LEFT, height - 1, RIGHT, height + 1)


def _padded(values: Sequence[float], share: float, least: float) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    margin = max(share * (high - low), least / 2)
    return low - margin, high + margin
