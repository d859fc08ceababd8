import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.degradations.levels import levels
from pipeline.images.benchmarks import BenchmarkImage
from pipeline.images.files import write_png
from pipeline.images.resize import resize
from pipeline.measuring.metrics import measure
from pipeline.measuring.score_table import COLUMNS, Row, rows_of, write_rows
from pipeline.settings.params import Trial


def noise(seed: int) -> Array:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.1, (24, 30, 1)).astype(np.float32)


@pytest.fixture
def image(tmp_path: Path) -> BenchmarkImage:
    """Return the only image of a benchmark of doubled images."""
    trial = Trial.model_validate(
        {
            "dataset": "set",
            "colour": "y",
            "degradation": {
                "kind": "bicubic",
                "scale": 2,
                "quantise": False,
                "result": "interpolated",
            },
            "protocols": ["y-shave"],
            "baselines": [],
        }
    )
    clean = from_8bit(np.random.default_rng(0).integers(0, 256, (24, 30, 1), dtype=np.uint8))
    place = tmp_path / "set" / "bicubic_x2"
    for kind in ("clean", "degraded"):
        (place / kind).mkdir(parents=True)
    write_png(place / "clean" / "one.png", clean)
    np.save(place / "degraded" / "one.npy", clean + noise(1))
    return BenchmarkImage(trial, levels(trial.degradation)[0], "one", tmp_path)


def test_every_protocol_that_applies_has_a_row(image: BenchmarkImage) -> None:
    rows = list(rows_of(image, image.clean() + noise(2), "my_experiment", "vdsr.small"))

    assert [row["protocol"] for row in rows] == ["y-uint8", "y-float", "y-shave", "y-shave-float"]
    for row in rows:
        assert tuple(row) == COLUMNS
        assert (row["experiment"], row["model"]) == ("my_experiment", "vdsr.small")
        assert (row["data_set"], row["image"], row["degradation"]) == ("set", "one", "bicubic_x2")


def test_row_measures_the_restored_and_the_degraded_image(image: BenchmarkImage) -> None:
    restored = image.clean() + noise(2)

    rows = list(rows_of(image, restored, "e", "m"))

    for row in rows:
        after = measure(row["protocol"], image.clean(), restored, 2)  # type: ignore[arg-type]
        before = measure(row["protocol"], image.clean(), image.degraded(), 2)  # type: ignore[arg-type]
        assert (row["psnr"], row["ssim"]) == (after.psnr, after.ssim)
        assert (row["psnr_input"], row["ssim_input"]) == (before.psnr, before.ssim)


def test_small_input_is_measured_as_it_is_interpolated(image: BenchmarkImage) -> None:
    small = image.trial.degradation.model_copy(update={"result": "low"})
    low = replace(image, level=levels(small)[0])
    np.save(low.folder / low.place / "degraded" / "one.npy", resize(low.clean(), 12, 15))

    rows = list(rows_of(low, low.clean() + noise(2), "e", "m"))

    interpolated = resize(resize(low.clean(), 12, 15), 24, 30)
    for row in rows:
        before = measure(row["protocol"], low.clean(), interpolated, 2)  # type: ignore[arg-type]
        assert (row["psnr_input"], row["ssim_input"]) == (before.psnr, before.ssim)


def test_table_comes_back_to_six_digits(image: BenchmarkImage, tmp_path: Path) -> None:
    rows: list[Row] = list(rows_of(image, image.clean() + noise(2), "e", "m"))

    write_rows(tmp_path / "scores.csv", rows)

    with (tmp_path / "scores.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert len(read) == len(rows)
    for row, entry in zip(rows, read, strict=True):
        for key, value in row.items():
            expected = value if isinstance(value, str) else pytest.approx(value, abs=5e-7)
            assert (entry[key] if isinstance(value, str) else float(entry[key])) == expected


def test_perfect_restoration_can_be_written(image: BenchmarkImage, tmp_path: Path) -> None:
    write_rows(tmp_path / "scores.csv", rows_of(image, image.clean(), "e", "m"))

    with (tmp_path / "scores.csv").open(newline="") as file:
        assert [float(row["psnr"]) for row in csv.DictReader(file)] == [float("inf")] * 4


def test_same_rows_give_the_same_bytes(image: BenchmarkImage, tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_rows(tmp_path / name, rows_of(image, image.clean() + noise(2), "e", "m"))

    content = (tmp_path / "one").read_bytes()
    assert content == (tmp_path / "other").read_bytes()
    assert b"\r" not in content


def test_table_without_rows_has_its_header(tmp_path: Path) -> None:
    write_rows(tmp_path / "scores.csv", [])

    assert (tmp_path / "scores.csv").read_text() == ",".join(COLUMNS) + "\n"
