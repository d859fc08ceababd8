"""The overview: all that an experiment reached, on one scale with what it is compared with."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.measuring.score_table import Place
from pipeline.measuring.statistics import difference
from pipeline.report.comparisons import compare, have_same_input
from pipeline.report.curves import even_ticks
from pipeline.report.leaderboard import Bar
from pipeline.report.results import Result
from pipeline.report.words import describe_method


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A PSNR on a scale; ``left`` in percent of its width."""

    kind: str
    name: str
    psnr: float
    left: float


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A labelled place on a scale; ``left`` in percent of its width."""

    label: str
    left: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """One result of an experiment in the overview, with all that it can be compared with.

    Args:
        result: What the network reached.
        dots: Everything on the scale, the network last.
        span: From the input to the network; none if one of them is infinite.
        rival: Name of the best classical method on the same data; none if there is none.
        lead: By how many decibels the network is better than ``rival``.
        within_noise: Another choice of images could turn the sign of ``lead``.
    """

    result: Result
    dots: Sequence[Dot]
    span: Bar | None
    rival: str | None
    lead: float
    within_noise: bool


@dataclass(frozen=True, kw_only=True)
class Overview:
    """All results of an experiment on one scale."""

    lines: Sequence[Line]
    ticks: Sequence[Mark]


def draw_overview(experiment: str, groups: Mapping[Place, Sequence[Result]]) -> Overview:
    """Return the results of one experiment, each with its input, its rivals and the literature.

    Args:
        experiment: Name of the experiment.
        groups: All results by place.
    """
    own = [
        (result, [rival for rival in group if _is_rival(rival, result)])
        for group in groups.values()
        for result in group
        if result.experiment == experiment and not result.is_baseline
    ]
    named = [list(_values(result, rivals)) for result, rivals in own]
    finite = [psnr for values in named for _, _, psnr in values if math.isfinite(psnr)]
    low, high = _bounds(finite)
    return Overview(
        lines=[
            _line(result, rivals, values, low, high)
            for (result, rivals), values in zip(own, named, strict=True)
        ],
        ticks=[
            Mark(label=f"{tick:g}", left=_along(tick, low, high)) for tick in even_ticks(low, high)
        ],
    )


def _is_rival(method: Result, network: Result) -> bool:
    """Tell whether a row is a classical method that did the same task as a network.

    One that leaves the image alone is the input, which is on the scale already.
    """
    return method.is_baseline and method.gain != 0 and have_same_input(method, network)


def _values(result: Result, rivals: Iterable[Result]) -> Iterator[tuple[str, str, float]]:
    """Yield kind, name and PSNR of all that is on the scale; what comes last lies on top."""
    yield "input", "input", result.psnr_input
    for rival in rivals:
        yield "baseline", describe_method(rival.experiment), rival.psnr
    if result.published is not None:
        yield "published", result.published.system, result.published.psnr
    yield "network", result.experiment, result.psnr


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 20.0, 40.0
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def _along(psnr: float, low: float, high: float) -> float:
    return round(100 * (psnr - low) / (high - low), 2)


def _line(
    result: Result,
    rivals: Sequence[Result],
    values: Iterable[tuple[str, str, float]],
    low: float,
    high: float,
) -> Line:
    best = max(rivals, key=lambda rival: rival.psnr, default=None)
    found = None if best is None else compare(result, best)
    span = None
    if math.isfinite(result.gain):
        ends = sorted(_along(psnr, low, high) for psnr in (result.psnr_input, result.psnr))
        span = Bar(left=ends[0], width=round(ends[1] - ends[0], 2))
    return Line(
        result=result,
        dots=[
            Dot(kind=kind, name=name, psnr=psnr, left=_along(psnr, low, high))
            for kind, name, psnr in values
            if math.isfinite(psnr)
        ],
        span=span,
        rival=None if best is None else best.experiment,
        lead=0.0 if best is None else difference(result.psnr, best.psnr),
        within_noise=found is not None and found.within_noise is True,
    )
