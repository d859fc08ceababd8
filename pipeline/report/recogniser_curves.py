"""Training curves of recognisers, drawn like those of restoring networks."""

from pathlib import Path

from pipeline.arrays.curve_points import RecognisingPoint
from pipeline.arrays.tables import read_table
from pipeline.report.curves import Chart, line_chart, loss_chart
from pipeline.settings.tasks import Kind


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
    points = read_table(path, RecognisingPoint, stage)
    if not points:
        raise ValueError(f"{path}: expected at least one step; run 'dvc repro --force {stage}'")
    step = [point.step for point in points]
    validated = [
        (point.step, point.accuracy_validation)
        for point in points
        if point.accuracy_validation is not None
    ]
    what, factor = ("mAP", 1.0) if kind == "features" else ("Accuracy in %", 100.0)
    charts = [
        line_chart(
            "Accuracy in % of the training samples",
            step,
            [100 * point.accuracy_train for point in points],
        )
    ]
    if validated:
        charts.append(
            line_chart(
                f"{what} of the validation samples",
                [at for at, _ in validated],
                [factor * score for _, score in validated],
            )
        )
    return (
        *charts,
        loss_chart(step, [point.loss for point in points]),
        line_chart("Learning rate", step, [point.learning_rate for point in points]),
    )
