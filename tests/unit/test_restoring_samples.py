"""Restoring samples of a task: like each image, or band, by itself."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.machine.precision import Precision
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.edsr.settings import EDSR
from pipeline.models.mwrcanet.settings import MWRCANet
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.models.runet.settings import RUNet
from pipeline.recognition.labelled.sample_restoration import restore_samples, restores
from pipeline.recognition.labelled.samples import Labelled
from tests.recognition_data import CPU, cube, images

pytestmark = pytest.mark.usefixtures("one_thread")


def dncnn(channels: Any = 1) -> DnCNN:
    return DnCNN(channels=channels, width=4, depth=3, batch_norm=False, residual=True)


def runet(channels: Any = 1) -> RUNet:
    """Return a network that is told the noise level."""
    return RUNet(channels=channels, widths=[4, 8], blocks=[1, 1], noise_map=True)


EACH = {"separate": 3}


def network_of(model: Model) -> nn.Module:
    return build_model(model, seed=0).eval()


def noisy(clean: Labelled) -> Labelled:
    """Return samples with values beyond [0, 1] too."""
    rng = np.random.default_rng(0)
    return clean.with_values(rng.normal(0.5, 0.4, clean.values.shape).astype(np.float32))


def restored(model: Model, degraded: Labelled, sigma_8bit: float | None = 25.0) -> Array:
    return restore_samples(
        network_of(model),
        model,
        degraded,
        device=CPU,
        precision=Precision.FLOAT32,
        sigma_8bit=sigma_8bit,
    )


def by_itself(model: Model, image: Array, sigma_8bit: float = 25.0) -> Array:
    """Restore one image ``(H, W, C)`` with all the channels that the network takes."""
    batch = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
    if model.takes_noise_map:
        batch = torch.cat([batch, torch.full_like(batch[:, :1], sigma_8bit / 255)], dim=1)
    with torch.no_grad():
        result: Array = network_of(model)(batch)[0].numpy().transpose(1, 2, 0)
    return result


def in_channels(model: Model, image: Array) -> Array:
    """Restore each channel of one image by itself."""
    channels = range(image.shape[2])
    return np.concatenate([by_itself(model, image[:, :, one : one + 1]) for one in channels], 2)


# --------------------------------------------------------------------------------- images


@pytest.mark.parametrize("model", [dncnn(1), dncnn("shared"), runet(1), runet("shared")])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_for_one_channel_restores_each_by_itself(model: Model, channels: int) -> None:
    degraded = noisy(images(count=5, channels=channels))

    found = restored(model, degraded)

    expected = np.stack([in_channels(model, np.asarray(one)) for one in degraded.values])
    assert found == pytest.approx(expected, abs=1e-6)
    assert found.shape == degraded.values.shape
    assert found.dtype == np.float32
    assert np.abs(found - degraded.values).max() > 1e-3


@pytest.mark.parametrize("model", [dncnn(3), runet(3), dncnn(EACH), runet(EACH)])
def test_a_network_for_three_channels_restores_them_together(model: Model) -> None:
    degraded = noisy(images(count=5))

    found = restored(model, degraded)

    expected = np.stack([by_itself(model, np.asarray(one)) for one in degraded.values])
    assert found == pytest.approx(expected, abs=1e-6)


def test_images_are_restored_each_by_itself_however_many_there_are() -> None:
    degraded = noisy(images(count=70, height=70, width=65, channels=1))

    found = restored(dncnn(), degraded)

    for position in (0, 1, 35, 57, 58, 69):
        alone = by_itself(dncnn(), degraded.values[position])
        assert found[position] == pytest.approx(alone, abs=1e-6)


def test_sides_that_do_not_fit_the_grid_of_the_network_are_kept() -> None:
    degraded = noisy(images(count=3, height=7, width=9, channels=1))

    assert restored(runet(), degraded).shape == (3, 7, 9, 1)


def test_the_network_is_told_the_noise_level() -> None:
    degraded = noisy(images(count=3, channels=1))

    weak, strong = (restored(runet(), degraded, sigma) for sigma in (5.0, 50.0))

    expected = by_itself(runet(), degraded.values[1], sigma_8bit=50.0)
    assert strong[1] == pytest.approx(expected, abs=1e-6)
    assert not np.allclose(weak, strong, atol=1e-4)


def test_images_of_8_bits_and_floats_are_restored_alike() -> None:
    degraded = images(count=4)
    floats = degraded.with_values(from_8bit(np.asarray(degraded.values)))

    assert np.array_equal(restored(dncnn(3), degraded), restored(dncnn(3), floats))


def test_short_formats_give_float32_that_differs_a_little() -> None:
    degraded = noisy(images(count=3))
    model = dncnn(3)

    short = restore_samples(
        network_of(model),
        model,
        degraded,
        device=CPU,
        precision=Precision.BFLOAT16,
        sigma_8bit=None,
    )

    full = restored(model, degraded)
    assert short.dtype == np.float32
    assert 0 < np.abs(short - full).max() < 0.05


# ---------------------------------------------------------------------------------- cubes


@pytest.mark.parametrize("model", [dncnn(1), dncnn("shared"), runet(1), runet("shared")])
def test_bands_of_a_cube_are_restored_one_by_one(model: Model) -> None:
    degraded = noisy(cube())

    found = restored(model, degraded)

    assert found == pytest.approx(in_channels(model, np.asarray(degraded.values)), abs=1e-6)
    assert found.shape == (9, 11, 6)


def test_a_band_is_restored_whatever_the_other_bands_are() -> None:
    one, other = noisy(cube()), noisy(cube())
    other.values[..., 3:] = 0

    assert np.array_equal(restored(dncnn(), one)[..., :3], restored(dncnn(), other)[..., :3])


# -------------------------------------------------------------------------------- refused


def test_a_network_that_enlarges_is_refused() -> None:
    model = EDSR(
        channels=3, width=4, blocks=1, upscale=2, residual_scale=1.0, mean=[0.5] * 3, residual=False
    )

    with pytest.raises(ValueError, match="keeps the size of images, came one that enlarges them 2"):
        restored(model, noisy(images()))


@pytest.mark.parametrize(
    ("model", "degraded", "came"),
    [
        (dncnn(3), images(channels=1), "1 channel.*came one for 3 together"),
        (dncnn(2), images(channels=3), "3 channel.*came one for 2 together"),
        (dncnn(EACH), cube(), "6 channel.*came one for 3 together"),
    ],
)
def test_a_network_for_other_channels_is_refused(
    model: Model, degraded: Labelled, came: str
) -> None:
    with pytest.raises(ValueError, match=f"expected a network for {came}"):
        restored(model, noisy(degraded))


def test_a_network_for_images_of_another_size_is_refused() -> None:
    model = MWRCANet(
        channels=1,
        widths=[4],
        blocks=1,
        reduction=2,
        second_kernel=3,
        group_residual="sum",
        orthonormal=True,
        prelu=8,
        last_activation=False,
    )

    assert restored(model, noisy(images(channels=1))).shape == (24, 8, 8, 1)
    for height, width in ((8, 10), (10, 8), (6, 6)):
        with pytest.raises(ValueError, match=f"{height}x{width}, came one for 8 pixels a side"):
            restored(model, noisy(images(height=height, width=width, channels=1)))


def test_a_network_that_is_to_be_told_an_unknown_noise_level_is_refused() -> None:
    with pytest.raises(ValueError, match="expected Gaussian noise of one sigma"):
        restored(runet(), noisy(images()), sigma_8bit=None)


@pytest.mark.parametrize(
    ("model", "channels", "can"),
    [
        (dncnn(1), 200, True),
        (dncnn("shared"), 200, True),
        (dncnn(3), 3, True),
        (dncnn(3), 1, False),
        (dncnn(EACH), 3, True),
        (dncnn(EACH), 200, False),
    ],
)
def test_which_networks_restore_how_many_channels(model: Model, channels: int, can: bool) -> None:
    assert restores(model, channels) == can
