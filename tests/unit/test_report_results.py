import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.arrays.stage_outputs import StageNotRunError
from pipeline.arrays.tables import columns_of
from pipeline.literature.published import Published
from pipeline.measuring.score_table import INPUT, Score
from pipeline.report.results import (
    Measurement,
    ResultRow,
    merge_baselines,
    read_baselines,
    read_measurements,
    summarise,
    summarise_baselines,
    write_results,
)
from tests.unit.report_data import PAPER

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

COMMA = 'comma, "quote" and ü'

INPUTS = {
    (ONE.place, "one"): (20.0, 0.4),
    (ONE.place, COMMA): (21.0, 0.5),
}


def write_measurements(path: Path, *rows: Measurement) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns_of(Score), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(map(vars, rows))
    return path


def table(
    path: Path, *measurements: Measurement, published: Published = PAPER, system: str = "DnCNN-S"
) -> list[dict[str, str]]:
    results = summarise(measurements, {published.key: published}, {"net": system})
    write_results(path, results, {"net_again": "net"})
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_the_promised_columns(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE)

    assert tuple(row) == columns_of(ResultRow)
    assert ",".join(columns_of(ResultRow)) == (
        "experiment,model,data_set,degradation,protocol,images,psnr,ssim,psnr_input,ssim_input,"
        "psnr_published,psnr_gap,psnr_low,psnr_high,repetition_of"
    )


def test_a_result_is_the_mean_over_its_images(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE, TWO)

    assert row["images"] == "2"
    assert (row["psnr"], row["ssim"]) == ("29.5000", "0.85000")
    assert (row["psnr_input"], row["ssim_input"]) == ("20.5000", "0.45000")


OTHERS = {
    "experiment": "other",
    "data_set": "set12",
    "degradation": "gaussian_5",
    "protocol": "gray-float",
}


@pytest.mark.parametrize("key", OTHERS)
def test_images_are_never_averaged_across(tmp_path: Path, key: str) -> None:
    other = Measurement(**(vars(TWO) | {key: OTHERS[key]}))

    rows = table(tmp_path / "results.csv", ONE, other)

    assert sorted(row["psnr"] for row in rows) == ["29.0000", "30.0000"]


def test_the_gap_is_measured_minus_published(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE)

    assert (row["psnr_published"], row["psnr_gap"]) == ("29.2300", "-0.2300")


@pytest.mark.parametrize("key", OTHERS)
def test_a_number_published_for_something_else_is_not_joined(tmp_path: Path, key: str) -> None:
    (row,) = table(tmp_path / "results.csv", Measurement(**(vars(ONE) | {key: OTHERS[key]})))

    assert (row["psnr_published"], row["psnr_gap"]) == ("", "")


def test_a_number_of_a_system_that_is_not_named_is_not_joined(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE, system="DnCNN-B")

    assert row["psnr_published"] == ""


def test_a_number_from_memory_never_makes_a_gap(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE, published=replace(PAPER, from_memory=True))

    assert (row["psnr_published"], row["psnr_gap"]) == ("", "")


def test_classical_methods_are_joined_by_what_the_literature_calls_them() -> None:
    noisy = replace(PAPER, system="Noisy input")

    (result,) = summarise_baselines(
        [replace(ONE, experiment="identity", model="identity")], {noisy.key: noisy}
    )

    assert result.published == noisy
    assert result.is_baseline


def test_the_bounds_of_a_mean_lie_around_it(tmp_path: Path) -> None:
    images = [replace(ONE, image=str(number), psnr=29.0 + number) for number in range(8)]

    (row,) = table(tmp_path / "results.csv", *images)

    assert 29 <= float(row["psnr_low"]) < float(row["psnr"]) < float(row["psnr_high"]) <= 36


def test_a_single_image_has_no_bounds(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE)

    assert (row["psnr_low"], row["psnr_high"]) == ("", "")


def test_a_repetition_names_what_it_repeats(tmp_path: Path) -> None:
    rows = table(tmp_path / "results.csv", ONE, replace(ONE, experiment="net_again"))

    assert [row["repetition_of"] for row in rows] == ["", "net"]


def test_a_gap_of_nothing_has_no_sign(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", replace(ONE, psnr=29.23 - 1e-9))

    assert row["psnr_gap"] == "0.0000"


def test_perfect_images_make_an_infinite_mean(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "results.csv", ONE, replace(TWO, psnr=math.inf))

    assert (row["psnr"], row["psnr_gap"]) == ("inf", "inf")


def test_perfect_images_restored_from_perfect_ones_gain_nothing() -> None:
    perfect = replace(ONE, psnr=math.inf, psnr_input=math.inf)

    (result,) = summarise([perfect], {}, {})

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

    forwards = summarise(rows, {}, {})

    assert summarise(reversed(rows), {}, {}) == forwards


def test_an_image_is_counted_once() -> None:
    with pytest.raises(ValueError, match="came two for 'one' of net"):
        summarise([ONE, ONE], {}, {})


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
    perfect = replace(TWO, psnr=math.inf, image=COMMA)
    path = write_measurements(tmp_path / "net.csv", ONE, perfect)

    assert read_measurements(path, "evaluate@net", INPUTS) == [ONE, perfect]


def test_a_missing_file_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"net.csv: .*'dvc repro evaluate@net'"):
        read_measurements(tmp_path / "net.csv", "evaluate@net", INPUTS)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("29.0", "much"), "line 2: .*'much'.*evaluate@net"),
        (("29.0", "nan"), "line 2: expected a number for psnr, came 'nan'.*evaluate@net"),
        ((",0.8", ""), "line 2: .*evaluate@net"),
        (("gray-uint8", "gray"), "line 2: unknown protocol 'gray'.*gray-uint8.*evaluate@net"),
        (("psnr,", "db,"), "line 1: expected the columns .*evaluate@net"),
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    path = write_measurements(tmp_path / "net.csv", ONE)
    path.write_text(path.read_text().replace(*change))

    with pytest.raises(ValueError, match=complaint):
        read_measurements(path, "evaluate@net", INPUTS)


def test_the_degraded_images_of_a_benchmark_are_no_row_of_their_own(tmp_path: Path) -> None:
    degraded = replace(ONE, experiment=INPUT, model=INPUT, psnr=20.0, ssim=0.4)
    method = replace(ONE, experiment="tv", model="tv")
    path = write_measurements(tmp_path / "denoise.csv", degraded, method)

    inputs, rows = read_baselines(path, "baseline@denoise")

    assert inputs == {(ONE.place, "one"): (20.0, 0.4)}
    assert rows == [method]


def test_a_row_whose_degraded_image_was_not_measured_is_refused(tmp_path: Path) -> None:
    path = write_measurements(tmp_path / "net.csv", ONE)

    with pytest.raises(
        StageNotRunError, match=r"line 2: the degraded image 'one' .* was not measured"
    ):
        read_measurements(path, "evaluate@net", {})
