from typing import get_args

import numpy as np
import pytest

from pipeline.classical import METHODS, restore
from pipeline.degradation_settings import Bicubic, FloatRange, Gaussian
from pipeline.degradations import degrade
from pipeline.images import Array
from pipeline.levels import Level, levels
from pipeline.params import Baseline
from pipeline.randomness import generator

DENOISERS: tuple[Baseline, ...] = ("nl_means", "bayes_shrink", "tv")


def noise(sigma: float | FloatRange) -> Level:
    return levels(Gaussian(kind="gaussian", sigma_8bit=sigma, quantise=False))[0]


def drawing(channels: int) -> Array:
    """Return flat patches and a slope, which every denoiser can tell from noise."""
    image = np.full((48, 60, channels), 0.3, np.float32)
    image[10:30, 12:40] = 0.8
    image[:, 45:] = np.linspace(0, 1, 48, dtype=np.float32)[:, None, None]
    return image


def test_every_baseline_of_the_params_has_a_method() -> None:
    assert set(METHODS) == set(get_args(Baseline))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [15, 50])
@pytest.mark.parametrize("method", DENOISERS)
def test_denoisers_bring_the_image_nearer_to_the_clean_one(
    method: Baseline, sigma: float, channels: int
) -> None:
    clean = drawing(channels)
    noisy = degrade(clean, noise(sigma), generator(0)).image

    restored = restore(method, noisy, noise(sigma))

    assert restored.shape == clean.shape
    assert restored.dtype == np.float32
    error_before, error_after = (np.mean((im - clean) ** 2) for im in (noisy, restored))
    assert error_after < 0.4 * error_before


@pytest.mark.parametrize("method", DENOISERS)
def test_nothing_is_done_about_no_noise(method: Baseline) -> None:
    clean = drawing(1)

    assert np.array_equal(restore(method, clean, noise(0)), clean)


@pytest.mark.parametrize("method", DENOISERS)
def test_input_is_left_alone(method: Baseline) -> None:
    noisy = degrade(drawing(1), noise(25), generator(0)).image
    before = noisy.copy()

    restore(method, noisy, noise(25))

    assert np.array_equal(noisy, before)


@pytest.mark.parametrize("method", ["identity", "bicubic"])
def test_rows_for_comparison_are_the_degraded_image(method: Baseline) -> None:
    level = levels(Bicubic(kind="bicubic", scale=2, quantise=False, result="interpolated"))[0]
    degraded = degrade(drawing(1), level, generator(0)).image

    assert np.array_equal(restore(method, degraded, level), degraded)


@pytest.mark.parametrize("method", DENOISERS)
def test_denoiser_refuses_an_unknown_level(method: Baseline) -> None:
    with pytest.raises(ValueError, match="came gaussian_0-55"):
        restore(method, drawing(1), noise(FloatRange(min=0, max=55)))
    with pytest.raises(ValueError, match="came bicubic_x2"):
        restore(
            method,
            drawing(1),
            levels(Bicubic(kind="bicubic", scale=2, quantise=False, result="interpolated"))[0],
        )
