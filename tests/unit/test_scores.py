from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.arrays.tables import columns_of, read_table, write_table
from pipeline.degradations.levels import levels
from pipeline.images.benchmarks import BenchmarkImage
from pipeline.images.files import write_png
from pipeline.images.resize import resize
from pipeline.measuring.metrics import measure
from pipeline.measuring.score_table import (
    INPUT,
    Score,
    inputs_of,
    mean_scores,
    rows_of,
    summarise_scores,
)
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

    assert [row.protocol for row in rows] == ["y-uint8", "y-float", "y-shave", "y-shave-float"]
    for row in rows:
        assert (row.experiment, row.model) == ("my_experiment", "vdsr.small")
        assert (*row.place, row.image) == ("set", "bicubic_x2", row.protocol, "one")


def test_row_measures_the_restored_image(image: BenchmarkImage) -> None:
    restored = image.clean() + noise(2)

    for row in rows_of(image, restored, "e", "m"):
        after = measure(row.protocol, image.clean(), restored, 2)
        assert (row.psnr, row.ssim) == (after.psnr, after.ssim)


def test_small_input_is_measured_as_it_is_interpolated(image: BenchmarkImage) -> None:
    small = image.trial.degradation.model_copy(update={"result": "low"})
    low = replace(image, level=levels(small)[0])
    np.save(low.folder / low.place / "degraded" / "one.npy", resize(low.clean(), 12, 15))

    inputs = inputs_of(rows_of(low, low.interpolated(), INPUT, INPUT))

    interpolated = resize(resize(low.clean(), 12, 15), 24, 30)
    assert len(inputs) == 4
    for row in rows_of(low, interpolated, "e", "m"):
        assert inputs[row.place, "one"] == (row.psnr, row.ssim)


def test_means_stand_beside_those_of_the_degraded_images(image: BenchmarkImage) -> None:
    row = next(iter(rows_of(image, image.clean(), "e", "m")))
    rows = [replace(row, image=str(at), psnr=30.0 + at, ssim=0.5) for at in range(3)]
    inputs = {(row.place, row.image): (20.0 + at, 0.25) for at, row in enumerate(rows)}

    means = mean_scores(rows, inputs)

    assert means == {
        "set": {
            "bicubic_x2": {
                row.protocol: {"psnr": 31.0, "ssim": 0.5, "psnr_input": 21.0, "ssim_input": 0.25}
            }
        }
    }


def test_a_mean_that_is_infinite_is_left_out(image: BenchmarkImage) -> None:
    row = next(iter(rows_of(image, image.clean(), "e", "m")))

    means = mean_scores([row], {(row.place, row.image): (20.0, 0.25)})

    assert means["set"]["bicubic_x2"][row.protocol].keys() == {"ssim", "psnr_input", "ssim_input"}


def test_table_comes_back_to_six_digits(image: BenchmarkImage, tmp_path: Path) -> None:
    rows = list(rows_of(image, image.clean() + noise(2), "e", "m"))

    write_table(tmp_path / "scores.csv", Score, rows)

    read = read_table(tmp_path / "scores.csv", Score)
    assert len(read) == len(rows)
    for row, entry in zip(rows, read, strict=True):
        assert entry == replace(row, psnr=entry.psnr, ssim=entry.ssim)
        assert (entry.psnr, entry.ssim) == pytest.approx((row.psnr, row.ssim), abs=5e-7)


def test_perfect_restoration_can_be_written(image: BenchmarkImage, tmp_path: Path) -> None:
    write_table(tmp_path / "scores.csv", Score, rows_of(image, image.clean(), "e", "m"))

    read = read_table(tmp_path / "scores.csv", Score)
    assert [row.psnr for row in read] == [float("inf")] * 4


def test_same_rows_give_the_same_bytes(image: BenchmarkImage, tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_table(tmp_path / name, Score, rows_of(image, image.clean() + noise(2), "e", "m"))

    content = (tmp_path / "one").read_bytes()
    assert content == (tmp_path / "other").read_bytes()
    assert b"\r" not in content


def test_table_without_rows_has_its_header(tmp_path: Path) -> None:
    write_table(tmp_path / "scores.csv", Score, [])

    assert (tmp_path / "scores.csv").read_text() == ",".join(columns_of(Score)) + "\n"


def scores(psnr: float | None, psnr_input: float, ssim: float = 0.81234567) -> dict[str, float]:
    found = {"ssim": ssim, "psnr_input": psnr_input, "ssim_input": 0.5}
    return found if psnr is None else {"psnr": psnr, **found}


def test_the_summary_is_of_the_first_place_with_the_mean_gain_over_all() -> None:
    means = {
        "set": {
            "jpeg_10": {"y-uint8": scores(30.126, 28.0), "y-float": scores(99.0, 1.0)},
            "jpeg_40": {"y-uint8": scores(34.0, 33.0)},
        }
    }

    found = summarise_scores(means, [("set", "jpeg_10", "y-uint8"), ("set", "jpeg_40", "y-uint8")])

    assert found == {
        "psnr": 30.13,
        "gain": 2.13,
        "ssim": 0.8123,
        "mean_gain": 1.56,
        "test": "set jpeg_10 y-uint8",
    }


def test_the_summary_of_one_place_has_no_mean_gain_and_leaves_out_what_is_infinite() -> None:
    place = ("set", "identity", "y-uint8")

    plain = summarise_scores({"set": {"identity": {"y-uint8": scores(30.0, 28.0)}}}, [place])
    exact = summarise_scores({"set": {"identity": {"y-uint8": scores(None, 28.0, 1.0)}}}, [place])

    assert set(plain) == {"psnr", "gain", "ssim", "test"}
    assert exact == {"ssim": 1.0, "test": "set identity y-uint8"}
