from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.pixels import Array
from pipeline.degradations.levels import levels
from pipeline.images.benchmarks import BenchmarkImage, restored_path, write_images
from pipeline.images.files import write_png
from pipeline.images.resize import resize
from pipeline.report.crops import (
    ERROR_GAIN,
    SIDE,
    STEP,
    choose_crops,
    data_uri,
    detail,
    error_map,
    squared_error,
    strongest_window,
)
from pipeline.report.results import Measurement
from pipeline.settings.params import Trial


def noise(height: int, width: int, channels: int = 1) -> Array:
    return np.random.default_rng(3).random((height, width, channels), dtype=np.float32)


def test_a_small_input_is_shown_in_the_size_of_the_clean_image(tmp_path: Path) -> None:
    trial = Trial.model_validate(
        {
            "dataset": "set",
            "colour": "y",
            "degradation": {"kind": "bicubic", "scale": 2, "quantise": False, "result": "low"},
            "protocols": ["y-shave"],
            "baselines": [],
        }
    )
    (level,) = levels(trial.degradation)
    image = BenchmarkImage(trial, level, "one", tmp_path / "benchmark")
    clean = noise(24, 30)
    write_images(image, clean, resize(clean, 12, 15))
    picture = restored_path(tmp_path / "restored", image).with_suffix(".png")
    picture.parent.mkdir(parents=True)
    write_png(picture, clean)
    row = Measurement(
        experiment="e",
        model="m",
        data_set="set",
        image="one",
        degradation="bicubic_x2",
        protocol="y-shave",
        psnr=30,
        ssim=0.9,
        psnr_input=25,
        ssim_input=0.8,
    )

    (crop,) = choose_crops([row], {("set", "bicubic_x2", "one"): image}, tmp_path / "restored", "")

    assert crop.degraded == data_uri(resize(resize(clean, 12, 15), 24, 30))
    assert crop.clean == data_uri(clean)


@pytest.mark.parametrize("place", [(0, 0), (40, 160), (96, 8)])
def test_the_window_finds_the_busy_part_of_a_flat_image(place: tuple[int, int]) -> None:
    image = np.full((300, 400, 1), 0.5, np.float32)
    row, column = place
    image[row : row + SIDE, column : column + SIDE] = noise(SIDE, SIDE)

    assert strongest_window(detail(image)) == place


def test_the_window_has_the_largest_sum_of_all_that_are_tried() -> None:
    activity = np.random.default_rng(5).integers(0, 999, (190, 211))

    row, column = strongest_window(activity)

    sums = {
        (top, left): int(activity[top : top + SIDE, left : left + SIDE].sum())
        for top in range(0, 190 - SIDE + 1, STEP)
        for left in range(0, 211 - SIDE + 1, STEP)
    }
    assert sums[row, column] == max(sums.values())


@pytest.mark.parametrize("shape", [(11, 300), (300, 11), (5, 5), (SIDE, SIDE)])
def test_an_image_smaller_than_a_window_is_shown_whole(shape: tuple[int, int]) -> None:
    row, column = strongest_window(detail(noise(*shape)))

    assert row <= max(0, shape[0] - SIDE)
    assert column <= max(0, shape[1] - SIDE)


def test_of_equal_windows_the_first_is_taken() -> None:
    assert strongest_window(np.ones((400, 400), np.int64)) == (0, 0)


def test_detail_of_a_flat_image_is_zero() -> None:
    assert not detail(np.full((9, 7, 3), 0.3, np.float32)).any()


def test_the_error_window_is_where_the_images_differ() -> None:
    clean = noise(320, 480, 3)
    restored = clean.copy()
    restored[200:280, 300:400] += np.float32(0.2)

    row, column = strongest_window(squared_error(restored, clean))

    assert row <= 200
    assert row + SIDE >= 280
    assert column <= 300
    assert column + SIDE >= 400


def test_the_error_map_is_the_magnified_difference() -> None:
    clean = np.full((4, 4, 3), 0.5, np.float32)

    shown = error_map(clean - np.float32(0.05), clean)

    assert shown.shape == (4, 4, 1)
    np.testing.assert_allclose(shown, 0.05 * ERROR_GAIN, rtol=1e-5)
    assert error_map(clean + 1, clean).max() == 1


def test_a_data_uri_is_a_png_inside_text() -> None:
    assert data_uri(noise(3, 4)).startswith("data:image/png;base64,iVBORw0KGgo")
