import sys
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from pipeline.arrays.pixels import Array
from pipeline.arrays.randomness import generator
from pipeline.degradations.levels import Level, levels
from pipeline.degradations.settings import Bicubic, FloatRange, Gaussian
from pipeline.degrading.synthesis import degrade
from pipeline.images.resize import resize
from pipeline.measuring.classical import METHODS, MissingPackageError, restore
from pipeline.settings.params import Baseline

DENOISERS: tuple[Baseline, ...] = ("nl_means", "bayes_shrink", "tv")


HALVED = levels(Bicubic(kind="bicubic", scale=2, quantise=False, result="low"))[0]


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

    restored = restore(method, noisy, noise(sigma), clean.shape[:2])

    assert restored.shape == clean.shape
    assert restored.dtype == np.float32
    error_before, error_after = (np.mean((im - clean) ** 2) for im in (noisy, restored))
    assert error_after < 0.4 * error_before


@pytest.mark.parametrize("method", DENOISERS)
def test_nothing_is_done_about_no_noise(method: Baseline) -> None:
    clean = drawing(1)

    assert np.array_equal(restore(method, clean, noise(0), (48, 60)), clean)


@pytest.mark.parametrize("method", DENOISERS)
def test_input_is_left_alone(method: Baseline) -> None:
    noisy = degrade(drawing(1), noise(25), generator(0)).image
    before = noisy.copy()

    restore(method, noisy, noise(25), (48, 60))

    assert np.array_equal(noisy, before)


@pytest.mark.parametrize("method", ["identity", "bicubic"])
def test_rows_for_comparison_are_the_degraded_image(method: Baseline) -> None:
    level = levels(Bicubic(kind="bicubic", scale=2, quantise=False, result="interpolated"))[0]
    degraded = degrade(drawing(1), level, generator(0)).image

    assert np.array_equal(restore(method, degraded, level, (48, 60)), degraded)


@pytest.mark.parametrize("method", DENOISERS)
def test_denoiser_refuses_an_unknown_level(method: Baseline) -> None:
    with pytest.raises(ValueError, match="came gaussian_0-55"):
        restore(method, drawing(1), noise(FloatRange(min=0, max=55)), (48, 60))
    with pytest.raises(ValueError, match="came bicubic_x2"):
        restore(method, drawing(1), HALVED, (48, 60))


# ----------------------------------------------------------------------- interpolations


@pytest.mark.parametrize("method", ["identity", "bicubic"])
def test_a_small_image_is_interpolated_as_matlab_does(method: Baseline) -> None:
    small = drawing(3)[::2, ::2]

    assert np.array_equal(restore(method, small, HALVED, (48, 60)), resize(small, 48, 60))


def test_lanczos_agrees_with_pillow_away_from_the_border() -> None:
    small = np.random.default_rng(0).random((40, 50, 1), np.float32)

    ours = restore("lanczos", small, HALVED, (120, 150))[..., 0]

    theirs = np.asarray(Image.fromarray(small[..., 0]).resize((150, 120), Image.Resampling.LANCZOS))
    assert np.abs(ours - theirs)[9:-9, 9:-9].max() < 1e-5


def test_lanczos_refuses_an_image_of_full_size() -> None:
    with pytest.raises(ValueError, match="lanczos enlarges images"):
        restore("lanczos", drawing(1), HALVED, (48, 60))


# --------------------------------------------------------------------------------- BM3D


def test_bm3d_says_what_to_install_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)

    with pytest.raises(MissingPackageError, match="non-commercial"):
        restore("bm3d", drawing(1), noise(25), (48, 60))


@pytest.mark.parametrize("channels", [1, 3])
def test_bm3d_gives_the_same_image_beside_others(channels: int) -> None:
    pytest.importorskip("bm3d", reason="the extra is for non-commercial use alone")
    clean, level = drawing(channels), noise(25)
    noisy = [degrade(clean, level, generator(number)).image for number in range(6)]

    alone = [restore("bm3d", one, level, clean.shape[:2]) for one in noisy]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda one: restore("bm3d", one, level, clean.shape[:2]), noisy))

    for before, one, other in zip(noisy, alone, together, strict=True):
        assert one.shape == clean.shape
        assert np.array_equal(one, other)
        assert np.mean((one - clean) ** 2) < np.mean((before - clean) ** 2) / 5
