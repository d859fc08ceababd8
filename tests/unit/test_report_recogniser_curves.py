from pathlib import Path

import pytest

from pipeline.arrays.curve_points import RecognisingPoint
from pipeline.arrays.tables import columns_of
from pipeline.report.recogniser_curves import draw_recogniser_curve

HEADER = ",".join(columns_of(RecognisingPoint))


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "net.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_accuracies_loss_and_learning_rate_are_drawn(tmp_path: Path) -> None:
    path = write(tmp_path, "100,1.5,0.4,0.35,0.01", "200,0.9,0.7,0.6,0.001")

    charts = draw_recogniser_curve(path, "learn@net", "images")

    assert [(chart.title, chart.last) for chart in charts] == [
        ("Accuracy in % of the training samples", "70"),
        ("Accuracy in % of the validation samples", "60"),
        ("Loss, log scale", "0.9"),
        ("Learning rate", "0.001"),
    ]


def test_pairs_are_validated_by_mean_average_precision(tmp_path: Path) -> None:
    path = write(tmp_path, "100,1.5,0.4,0.35,0.01")

    charts = draw_recogniser_curve(path, "learn@net", "features")

    assert (charts[1].title, charts[1].last) == ("mAP of the validation samples", "0.35")


def test_without_a_validation_part_there_is_no_chart_of_it(tmp_path: Path) -> None:
    path = write(tmp_path, "100,1.5,0.4,,0.01", "200,0,0.7,,0.001")

    charts = draw_recogniser_curve(path, "learn@net", "images")

    assert [chart.title for chart in charts] == [
        "Accuracy in % of the training samples",
        "Loss",
        "Learning rate",
    ]


def test_a_validation_at_some_steps_is_drawn_at_these(tmp_path: Path) -> None:
    path = write(tmp_path, "100,1.5,0.4,,0.01", "200,0.9,0.7,0.6,0.001", "300,0.8,0.8,,0.001")

    charts = draw_recogniser_curve(path, "learn@net", "images")

    assert charts[1].path.count("L") == 0
    assert charts[1].last == "60"


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "at least one step"),
        (["100,,0.4,0.35,0.01"], "line 2: expected a finite number for loss, came ''"),
        (["100,nan,0.4,0.35,0.01"], "line 2: expected a finite number for loss, came 'nan'"),
        (["100,1.5,0.4,0.35"], "line 2: expected 5 values, came 4"),
        (["100,1.5,high,0.35,0.01"], "line 2: .*'high'"),
    ],
)
def test_a_file_that_is_no_curve_is_refused(
    tmp_path: Path, rows: list[str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        draw_recogniser_curve(write(tmp_path, *rows), "learn@net", "images")


def test_a_missing_file_and_other_columns_name_the_stage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="'dvc repro learn@net'"):
        draw_recogniser_curve(tmp_path / "none.csv", "learn@net", "images")
    with pytest.raises(ValueError, match=r"columns step, loss, .*learn@net'"):
        draw_recogniser_curve(write(tmp_path, header="step,loss"), "learn@net", "images")
