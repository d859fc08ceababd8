"""Training curves: from the file that a training wrote to the geometry of small charts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from pipeline.arrays.curve_points import RestoringPoint
from pipeline.arrays.tables import read_table

WIDTH, HEIGHT = 320, 176
"""Of a chart, in units of its view box."""

LEFT, RIGHT, TOP, BOTTOM = 46, 312, 10, 150
"""Edges of the plotted area."""

MOST_POINTS = 200
"""Drawn of one curve; neighbours of a longer one are averaged."""

FEWEST_JUDGED = 10
"""Points in the second half of a training; among fewer, noise hides a fall."""

SURE_FALL = 1.645
"""Standard deviations of Kendall's statistic that a loss without a trend exceeds once in 20."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A training seen from outside: one entry a logged step.

    Args:
        step: Steps done.
        loss: The recipe's loss.
        psnr: Of the restored training patches, in decibels.
        learning_rate: Of the optimiser.
    """

    step: tuple[float, ...]
    loss: tuple[float, ...]
    psnr: tuple[float, ...]
    learning_rate: tuple[float, ...]


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis, in units of the view box."""

    position: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawn curve.

    Args:
        title: What it shows, with its unit.
        summary: The same in a sentence, for those who do not see it.
        path: Of the line, in SVG's notation.
        end: Last point of the line.
        last: Last value, as text.
        x_ticks: Along the lower edge.
        y_ticks: Along the left edge.
        warning: What is suspicious about it, in a sentence; empty if nothing is.
    """

    title: str
    summary: str
    path: str
    end: tuple[float, float]
    last: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    warning: str = ""


def read_curve(path: Path, stage: str) -> Curve:
    """Read what a training logged.

    Args:
        path: File to read.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The columns or a value are not what the stage writes.
    """
    points = read_table(path, RestoringPoint, stage)
    if not points:
        raise ValueError(f"{path}: expected at least one step; run 'dvc repro --force {stage}'")
    return Curve(
        step=tuple(point.step for point in points),
        loss=tuple(point.loss for point in points),
        psnr=tuple(point.psnr_train_patches for point in points),
        learning_rate=tuple(point.learning_rate for point in points),
    )


def draw_curve(curve: Curve) -> tuple[Chart, ...]:
    """Return the charts of one training: PSNR, loss and learning rate over its steps."""
    return (
        line_chart("PSNR of the training patches, dB", curve.step, curve.psnr),
        loss_chart(curve.step, curve.loss),
        line_chart("Learning rate", curve.step, curve.learning_rate),
    )


def loss_chart(steps: Sequence[float], loss: Sequence[float]) -> Chart:
    """Return the curve of a loss, with a warning if it no longer falls.

    Args:
        steps: Steps done, rising; at least one.
        loss: One a step, finite.
    """
    chart = line_chart("Loss", steps, loss, logarithmic=min(loss) > 0)
    if not _has_stalled(loss):
        return chart
    fault = "the loss has not fallen over the second half of the training, beyond its noise"
    return replace(chart, warning=fault)


def _has_stalled(loss: Sequence[float]) -> bool:
    """Tell whether the second half of a loss does not fall by more than its noise.

    The test is that of Mann and Kendall: it counts the pairs of points of which the later is the
    lower, so that single peaks and the scale of the loss do not matter.
    """
    points = _thinned(loss, _mean)
    half = points[len(points) // 2 :]
    count = len(half)
    if count < FEWEST_JUDGED:
        return False
    pairs = combinations(half, 2)
    falls = sum((later < earlier) - (later > earlier) for earlier, later in pairs)
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return falls < SURE_FALL * deviation


def line_chart(
    title: str, steps: Sequence[float], values: Sequence[float], *, logarithmic: bool = False
) -> Chart:
    """Return one curve.

    Args:
        title: What it shows, with its unit.
        steps: Steps done, rising; at least one.
        values: One a step, finite.
        logarithmic: Whether equal factors are equally far apart; needs positive values.
    """
    steps, values = _thinned(steps, max), _thinned(values, _mean)
    scale: Callable[[float], float] = math.log10 if logarithmic else float
    low, high = _padded(scale(min(values)), scale(max(values)))
    ticks = logarithmic_ticks(low, high) if logarithmic else even_ticks(low, high)

    def across(step: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * step / steps[-1], 1)

    def up(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (scale(value) - low) / (high - low), 1)

    points = [(across(step), up(value)) for step, value in zip(steps, values, strict=True)]
    first, last = _short(values[0]), _short(values[-1])
    return Chart(
        title=f"{title}, log scale" if logarithmic else title,
        summary=f"{title}: from {first} to {last} in {steps[-1]:g} steps",
        path="M" + "L".join(f"{x:g} {y:g}" for x, y in points),
        end=points[-1],
        last=last,
        x_ticks=tuple(Tick(across(step), _steps(step)) for step in even_ticks(0, steps[-1])),
        y_ticks=tuple(Tick(up(value), _short(value)) for value in ticks),
    )


def _thinned(values: Sequence[float], merge: Callable[[Sequence[float]], float]) -> list[float]:
    together = math.ceil(len(values) / MOST_POINTS)
    return [merge(values[at : at + together]) for at in range(0, len(values), together)]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = 0.06 * (high - low) or max(abs(high) * 0.1, 1e-12)
    return low - margin, high + margin


def even_ticks(low: float, high: float) -> list[float]:
    """Return some three to six round values, evenly spaced, within two bounds."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    distance = min((power * factor for factor in (1, 2, 5, 10)), key=lambda d: abs(d - rough))
    first, last = math.ceil(low / distance), math.floor(high / distance)
    # A count times a power of ten carries rounding noise that would show in the labels.
    return [float(f"{count * distance:.10g}") for count in range(first, last + 1)]


def logarithmic_ticks(low: float, high: float) -> list[float]:
    """Return round values between two powers of ten, given by their exponents."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        ticks = [float(f"{factor}e{decade}") for decade in decades for factor in factors]
        inside = [tick for tick in ticks if low <= math.log10(tick) <= high]
        if len(inside) >= 3:
            return inside[:: math.ceil(len(inside) / 6)]
    return [tick for tick in even_ticks(10**low, 10**high) if tick > 0]


def _short(value: float) -> str:
    """Return a number in few characters, with a true minus sign in its exponent."""
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "\N{MINUS SIGN}") if exponent else text


def _steps(step: float) -> str:
    return f"{step:g}" if step < 10_000 else f"{step / 1000:g}k"
