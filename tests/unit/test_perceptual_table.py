"""The table of perceptual measures, and how the report puts it together."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data

from pipeline.arrays.pixels import from_8bit
from pipeline.arrays.tables import write_table
from pipeline.degradations.levels import levels
from pipeline.images.benchmarks import BenchmarkImage
from pipeline.measuring.perceiving import perceive
from pipeline.measuring.perceptual_table import CLEAN, Perceived, perceptual_means
from pipeline.measuring.score_table import INPUT
from pipeline.report.perceptual import (
    PerceptualLine,
    compare_looks,
    read_perceived,
    write_perceptual,
)
from pipeline.settings.params import Trial


def benchmark_image(**more: Any) -> BenchmarkImage:
    trial = Trial.model_validate(
        {
            "dataset": "photos",
            "colour": "gray",
            "degradation": {"kind": "gaussian", "sigma_8bit": 25, "quantise": False},
            "protocols": ["gray-uint8"],
            "baselines": [],
            **more,
        }
    )
    (level,) = levels(trial.degradation)
    return BenchmarkImage(trial, level, "camera", Path())


def looks(experiment: str, *values: float | None) -> list[Perceived]:
    return [
        Perceived(
            experiment=experiment,
            data_set="photos",
            image=f"image_{number}",
            degradation="gaussian_25",
            measure="niqe",
            value=value,
        )
        for number, value in enumerate(values)
    ]


METHODS = [*looks(CLEAN, 3, 4, 3, 4, 3), *looks(INPUT, 8, 9, 8, 9, 8), *looks("tv", 6, 7, 5, 7, 6)]


def test_nothing_is_measured_that_no_trial_asks_for() -> None:
    image = benchmark_image()

    assert list(perceive(image, np.zeros((8, 8, 1), np.float32), "net")) == []


def test_a_row_says_what_was_measured_of_which_image() -> None:
    image = benchmark_image(perceptual=["niqe"])

    (row,) = perceive(image, from_8bit(skimage.data.camera()[..., None]), "net")

    assert (row.experiment, row.image, row.seen) == (
        "net",
        "camera",
        ("photos", "gaussian_25", "niqe"),
    )
    assert row.value == pytest.approx(3.0962, abs=1e-3)


def test_a_flat_image_has_no_value_and_a_mean_over_it_neither() -> None:
    image = benchmark_image(perceptual=["niqe"])

    (flat,) = perceive(image, np.zeros((200, 200, 1), np.float32), "net")

    assert flat.value is None
    assert perceptual_means([flat, *looks("net", 3.0)]) == {}


def test_an_image_that_is_too_small_is_named() -> None:
    image = benchmark_image(perceptual=["niqe"])

    with pytest.raises(ValueError, match="'photos', test image 'camera', net: niqe compares"):
        list(perceive(image, np.zeros((95, 200, 1), np.float32), "net"))


def test_means_are_by_data_set_and_degradation() -> None:
    means = perceptual_means(looks("net", 3.0, 4.00001))

    assert means == {("photos", "gaussian_25"): {"niqe": 3.5}}


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = looks("net", 3.25, None)

    write_table(tmp_path / "looks.csv", Perceived, rows)

    assert read_perceived(tmp_path / "looks.csv", "evaluate@net") == rows


def test_the_lowest_restored_row_is_the_best_though_the_clean_images_are_lower() -> None:
    (block,) = compare_looks("denoise", METHODS, looks("net", 5, 6, 5, 6, 5))

    assert [(row.name, row.kind, row.is_best) for row in block.rows] == [
        ("clean", "clean", False),
        ("input", "input", False),
        ("net", "network", True),
        ("tv", "classical", False),
    ]


def test_the_difference_to_the_input_is_negative_where_an_image_looks_better() -> None:
    (block,) = compare_looks("denoise", METHODS, looks("net", 5, 6, 5, 6, 5))

    differences = {row.name: row.to_input.mean for row in block.rows if row.to_input}
    assert differences == pytest.approx({"clean": -5, "net": -3, "tv": -2.2})


def test_a_row_without_a_value_is_last_and_never_the_best() -> None:
    (block,) = compare_looks("denoise", METHODS, looks("net", None, 1, 1, 1, 1))

    last = block.rows[-1]
    assert (last.name, last.value, last.to_input, last.is_best) == ("net", None, None, False)
    assert [row.name for row in block.rows if row.is_best] == ["tv"]


def test_a_block_of_flat_images_alone_has_no_best_row() -> None:
    (block,) = compare_looks("denoise", looks(INPUT, 8), looks("net", None))

    assert not any(row.is_best for row in block.rows)


def test_a_network_may_be_called_what_a_method_is_called() -> None:
    (block,) = compare_looks("denoise", METHODS, [*looks("tv", 5), *looks("input", 5)])

    assert sorted((row.name, row.kind) for row in block.rows) == [
        ("clean", "clean"),
        ("input", "input"),
        ("input", "network"),
        ("tv", "classical"),
        ("tv", "network"),
    ]


def test_the_csv_has_input_and_clean_images_beside_what_was_restored(tmp_path: Path) -> None:
    blocks = compare_looks("denoise", METHODS, looks("net", 5, 6, 5, 6, 5))

    write_perceptual(tmp_path / "perceptual.csv", blocks)

    header, *rows = (tmp_path / "perceptual.csv").read_text().splitlines()
    assert header.split(",") == list(PerceptualLine.__dataclass_fields__)
    assert rows == [
        "denoise,net,photos,gaussian_25,niqe,5,5.4000,8.4000,3.4000",
        "denoise,tv,photos,gaussian_25,niqe,5,6.2000,8.4000,3.4000",
    ]
