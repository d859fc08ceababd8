"""How like the clean samples others are: PSNR by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.recognition.labelled.fidelity import mean_psnr
from pipeline.recognition.labelled.samples import Labelled, Part
from tests.recognition_data import cube, images


def gray(levels: list[int], parts: list[Part]) -> Labelled:
    """Return 8-bit images of one level each."""
    values = np.repeat(np.array(levels, np.uint8), 4).reshape(-1, 2, 2, 1)
    return Labelled(
        "images",
        ("one",),
        values,
        np.zeros(len(levels), np.int16),
        np.array(parts, np.uint8),
    )


def psnr(error: float) -> float:
    return -20 * math.log10(error)


def test_psnr_is_the_mean_over_the_test_images() -> None:
    clean = gray([51, 102, 102, 0], [Part.TEST, Part.TRAIN, Part.TEST, Part.VALIDATION])
    others = np.full((4, 2, 2, 1), 0.3, np.float32)

    found = mean_psnr(clean, others)

    assert found == pytest.approx((psnr(0.1) + psnr(0.1)) / 2, abs=1e-4)
    assert mean_psnr(replace(clean, parts=np.full(4, Part.TEST, np.uint8)), others) == (
        pytest.approx((psnr(0.1) * 3 + psnr(0.3)) / 4, abs=1e-4)
    )


def test_errors_of_an_image_are_averaged_before_the_logarithm() -> None:
    clean = gray([0], [Part.TEST])
    others = np.array([0.1, 0.3, 0.0, 0.2], np.float32).reshape(1, 2, 2, 1)

    squares = (0.01 + 0.09 + 0.0 + 0.04) / 4
    assert mean_psnr(clean, others) == pytest.approx(-10 * math.log10(squares), abs=1e-4)


@pytest.mark.parametrize(("level", "value", "clipped"), [(0, -0.4, 0.0), (204, 1.7, 1.0)])
def test_values_beyond_0_and_1_are_clipped(level: int, value: float, clipped: float) -> None:
    clean = gray([level], [Part.TEST])

    beyond, at_the_bound = (
        mean_psnr(clean, np.full((1, 2, 2, 1), one, np.float32)) for one in (value, clipped)
    )

    assert beyond == at_the_bound


def test_every_band_of_a_cube_counts_alike() -> None:
    clean = cube()
    gray_scene = np.full(clean.values.shape, 0.5, np.float32)
    clean = clean.with_values(gray_scene)
    errors = np.array([0.1, 0.2, 0.1, 0.3, 0.1, 0.4], np.float32)

    found = mean_psnr(clean, gray_scene + errors)

    assert found == pytest.approx(np.mean([psnr(one) for one in errors.tolist()]), abs=1e-3)


def test_samples_without_any_error_have_a_finite_psnr() -> None:
    clean = images()

    assert mean_psnr(clean, np.asarray(clean.values)) == pytest.approx(120)


def test_values_of_8_bits_are_compared_like_floats() -> None:
    clean = images()
    other = np.asarray(clean.values)[:, ::-1]

    floats = mean_psnr(clean, other.astype(np.float32) / np.float32(255))

    assert mean_psnr(clean, other) == floats < 60
