import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.report.published import Published
from pipeline.report.results import (
    COLUMNS,
    Measurement,
    merge_baselines,
    read_measurements,
    summarise,
    write_results,
)
from pipeline.scores import COLUMNS as MEASURED_COLUMNS

ONE = Measurement(
    experiment="net",
    model="dncnn.dncnn_s",
    data_set="bsd68",
    image="one",
    degradation="gaussian_25",
    protocol="gray-uint8",
    psnr=29.0,
    ssim=0.8,
    psnr_input=20.0,
    ssim_input=0.4,
)
TWO = replace(ONE, image="two", psnr=30.0, ssim=0.9, psnr_input=21.0, ssim_input=0.5)
PAPER = Published(
    model="dncnn.dncnn_s",
    data_set="bsd68",
    degradation="gaussian_25",
    protocol="gray-uint8",
    psnr=29.23,
    ssim=None,
    source="a paper",
    verified=True,
    system="DnCNN-S",
)


def write_measurements(path: Path, *rows: Measurement) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, MEASURED_COLUMNS)
        writer.writeheader()
        writer.writerows(map(vars, rows))
    return path


def table(path: Path, *measurements: Measurement) -> list[dict[str, str]]:
    results = summarise(measurements, {PAPER.key: PAPER}, are_baselines=False)
    write_results(path, results)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_the_promised_columns(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE)

    assert tuple(row) == COLUMNS
    assert ",".join(COLUMNS) == (
        "experiment,model,data_set,degradation,protocol,images,psnr,ssim,psnr_input,ssim_input,"
        "psnr_published,psnr_gap"
    )


def test_a_result_is_the_mean_over_its_images(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE, TWO)

    assert row["images"] == "2"
    assert (row["psnr"], row["ssim"]) == ("29.5000", "0.85000")
    assert (row["psnr_input"], row["ssim_input"]) == ("20.5000", "0.45000")


@pytest.mark.parametrize("key", ["experiment", "data_set", "degradation", "protocol"])
def test_images_are_never_averaged_across(tmp_path: Path, key: str) -> None:
    rows = table(tmp_path / "results.csv", ONE, Measurement(**(vars(TWO) | {key: "other_5"})))

    assert sorted(row["psnr"] for row in rows) == ["29.0000", "30.0000"]


def test_the_gap_is_measured_minus_published(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE)

    assert (row["psnr_published"], row["psnr_gap"]) == ("29.2300", "-0.2300")


@pytest.mark.parametrize("key", ["model", "data_set", "degradation", "protocol"])
def test_a_number_published_for_something_else_is_not_joined(tmp_path: Path, key: str) -> None:
    (row,) = table(tmp_path / "results.csv", Measurement(**(vars(ONE) | {key: "other"})))

    assert (row["psnr_published"], row["psnr_gap"]) == ("", "")


def test_a_gap_of_nothing_has_no_sign(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", replace(ONE, psnr=29.23 - 1e-9))

    assert row["psnr_gap"] == "0.0000"


def test_perfect_images_make_an_infinite_mean(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE, replace(TWO, psnr=math.inf))

    assert (row["psnr"], row["psnr_gap"]) == ("inf", "inf")


def test_perfect_images_restored_from_perfect_ones_gain_nothing() -> None:
    perfect = replace(ONE, psnr=math.inf, psnr_input=math.inf)

    (result,) = summarise([perfect], {}, are_baselines=True)

    assert perfect.gain == 0
    assert result.gain == 0


def test_levels_are_sorted_by_value(tmp_path: Path) -> None:
    labels = ["gaussian_25", "gaussian_5", "paired", "gaussian_0-55", "bicubic_x2.5", "bicubic_x2"]

    rows = table(tmp_path / "results.csv", *(replace(ONE, degradation=label) for label in labels))

    assert [row["degradation"] for row in rows] == [
        *("bicubic_x2", "bicubic_x2.5", "gaussian_0-55", "gaussian_5", "gaussian_25", "paired")
    ]


def test_a_mean_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = [replace(ONE, image=str(n), psnr=0.1 * n, ssim=1e-3 * n) for n in range(99)]

    forwards = summarise(rows, {}, are_baselines=False)

    assert summarise(reversed(rows), {}, are_baselines=False) == forwards


def test_an_image_is_counted_once() -> None:
    with pytest.raises(ValueError, match="came two for 'one' of net"):
        summarise([ONE, ONE], {}, are_baselines=False)


def test_equal_rows_of_two_benchmarks_are_merged() -> None:
    method = replace(ONE, experiment="nl_means", model="nl_means")

    merged = merge_baselines({"small": [method], "large": [method]})

    assert merged == [method]


def test_unlike_rows_of_two_benchmarks_both_stay_and_say_where_they_are_from() -> None:
    method = replace(ONE, experiment="nl_means", model="nl_means")

    merged = merge_baselines({"luma": [method], "rgb": [replace(method, psnr=27.0)]})

    assert [(row.experiment, row.model, row.psnr) for row in merged] == [
        ("nl_means@luma", "nl_means", 29.0),
        ("nl_means@rgb", "nl_means", 27.0),
    ]


def test_measurements_are_read_back(tmp_path: Path) -> None:
    perfect = replace(TWO, psnr=math.inf, image='comma, "quote" and ü')
    path = write_measurements(tmp_path / "net.csv", ONE, perfect)

    assert read_measurements(path, "evaluate@net") == [ONE, perfect]


def test_a_missing_file_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"net.csv: .*'dvc repro evaluate@net'"):
        read_measurements(tmp_path / "net.csv", "evaluate@net")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("29.0", "much"), "line 2: .*'much'.*evaluate@net"),
        (("29.0", "nan"), "line 2: .*nan for image 'one'.*evaluate@net"),
        ((",0.4", ""), "line 2: .*evaluate@net"),
        (("psnr,", "db,"), "line 1: expected the columns .*evaluate@net"),
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    path = write_measurements(tmp_path / "net.csv", ONE)
    path.write_text(path.read_text().replace(*change))

    with pytest.raises(ValueError, match=complaint):
        read_measurements(path, "evaluate@net")
