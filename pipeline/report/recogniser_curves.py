"""Training curves of recognisers, drawn like those of restoring networks."""

import math
from collections.abc import Sequence
from pathlib import Path

from pipeline.report.curves import Chart, line_chart
from pipeline.running.stage_tables import read_rows
from pipeline.settings.tasks import Kind

COLUMNS = ("step", "loss", "accuracy_train", "accuracy_validation", "learning_rate")
"""Of a curve file, in this order; without a validation part its column is empty."""


def draw_recogniser_curve(path: Path, stage: str, kind: Kind) -> tuple[Chart, ...]:
    """Return the charts of one training: accuracies, loss and learning rate over its steps.

    Args:
        path: File to read.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.
        kind: Of the task: validation pairs of features have a mAP in the place of an accuracy.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The columns or a value are not what the stage writes.
    """
    rows = [_numbers(row, where) for where, row in read_rows(path, COLUMNS, stage)]
    if not rows:
        raise ValueError(f"{path}: expected at least one step; run 'dvc repro --force {stage}'")
    step, loss, train, validation, rate = zip(*rows, strict=True)
    what, factor = ("mAP", 1.0) if kind == "features" else ("Accuracy in %", 100.0)
    titled = {
        "Accuracy in % of the training samples": _known(step, train, 100.0),
        f"{what} of the validation samples": _known(step, validation, factor),
    }
    charts = [line_chart(title, *points) for title, points in titled.items() if points[0]]
    return (
        *charts,
        line_chart("Loss", step, loss, logarithmic=min(loss) > 0),
        line_chart("Learning rate", step, rate),
    )


def _known(
    steps: Sequence[float], values: Sequence[float], factor: float
) -> tuple[list[float], list[float]]:
    """Leave out the steps at which nothing was measured."""
    pairs = [(step, value) for step, value in zip(steps, values, strict=True) if value == value]
    return [step for step, _ in pairs], [factor * value for _, value in pairs]


def _numbers(row: Sequence[str], where: str) -> list[float]:
    """Return the values of a row; NaN for an accuracy that was not measured."""
    try:
        values = [math.nan if text == "" else float(text) for text in row]
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    measured = [value for value, text in zip(values, row, strict=True) if text]
    always = [row[at] for at in (0, 1, 4)] if len(row) == len(COLUMNS) else [""]
    if not all(always) or not all(map(math.isfinite, measured)):
        raise ValueError(
            f"{where}: expected {len(COLUMNS)} finite numbers, only accuracies may be left out; "
            f"came {', '.join(row)}"
        )
    return values
