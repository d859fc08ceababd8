"""What networks share: channels one by one, grids of pixels, averages of images."""

import pytest
import torch
from torch import nn

from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.parts.channels import EachChannel
from pipeline.models.parts.grid import pad_to_multiple
from pipeline.models.parts.pooling import GlobalAverage, average_locally, averages_globally
from pipeline.models.parts.settings import SeparateChannels


def dncnn(channels: object) -> DnCNN:
    return DnCNN.model_validate(
        {"channels": channels, "width": 4, "depth": 4, "batch_norm": False, "residual": True}
    )


@pytest.mark.parametrize("bands", [1, 3, 7])
def test_a_shared_network_restores_each_of_any_number_of_channels_by_itself(bands: int) -> None:
    network = build_model(dncnn("shared"), 0).eval()
    batch = torch.rand(2, bands, 9, 8)

    with torch.no_grad():
        together = network(batch)
        alone = [network(batch[:, band : band + 1]) for band in range(bands)]

    assert torch.allclose(together, torch.cat(alone, dim=1), atol=1e-6)


def test_separate_networks_restore_a_channel_each() -> None:
    network = build_model(dncnn({"separate": 3}), 0).eval()
    batch = torch.rand(1, 1, 9, 8).expand(1, 3, 9, 8)

    with torch.no_grad():
        red, green, _ = network(batch).unbind(1)

    assert not torch.allclose(red, green)


def test_separate_networks_refuse_another_number_of_channels() -> None:
    network = build_model(dncnn({"separate": 3}), 0)

    with pytest.raises(ValueError, match="3 channels, one for each network; came 4"):
        network(torch.rand(1, 4, 8, 8))


def test_separate_networks_start_with_other_weights_each() -> None:
    state = build_model(dncnn({"separate": 2}), 0).state_dict()

    assert not torch.equal(state["networks.0.noise.0.weight"], state["networks.1.noise.0.weight"])


def test_every_channel_gets_the_noise_map() -> None:
    class Sum(nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return batch.sum(dim=1, keepdim=True)

    batch = torch.rand(2, 4, 5, 6)

    shared = EachChannel([Sum()], noise_map=True)(batch)
    separate = EachChannel([Sum(), Sum(), Sum()], noise_map=True)(batch)

    assert torch.equal(shared, batch[:, :3] + batch[:, 3:])
    assert torch.equal(separate, shared)


@pytest.mark.parametrize(
    ("channels", "accepted", "refused"),
    [(3, [3], [1, 2, 4]), ("shared", [1, 3, 30], []), ({"separate": 2}, [2], [1, 3])],
)
def test_settings_tell_which_images_a_network_takes(
    channels: object, accepted: list[int], refused: list[int]
) -> None:
    settings = dncnn(channels)

    assert all(settings.accepts(one) for one in accepted)
    assert not any(settings.accepts(one) for one in refused)
    assert settings.accepts(settings.input_channels)


def test_only_separate_channels_multiply_the_parameters() -> None:
    single, shared, separate = (
        sum(weights.numel() for weights in build_model(dncnn(channels), 0).parameters())
        for channels in (1, "shared", SeparateChannels(separate=3))
    )

    assert shared == single
    assert separate == 3 * single


# -------------------------------------------------------------------------------- grid


@pytest.mark.parametrize(("height", "width"), [(8, 16), (9, 15), (23, 8)])
def test_padding_mirrors_the_end_and_nothing_more_than_needed(height: int, width: int) -> None:
    batch = torch.rand(1, 2, height, width)

    padded = pad_to_multiple(batch, 8)

    assert [side % 8 for side in padded.shape[2:]] == [0, 0]
    assert padded.shape[2] - height < 8
    assert padded.shape[3] - width < 8
    assert torch.equal(padded[:, :, :height, :width], batch)
    if height % 8:
        assert torch.equal(padded[:, :, height, :width], batch[:, :, height - 2])


def test_an_image_smaller_than_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8x8 pixels, the grid of the network; came 7x20"):
        pad_to_multiple(torch.rand(1, 1, 7, 20), 8)


# ----------------------------------------------------------------------------- averages


def test_a_global_average_is_the_mean_of_each_feature_map() -> None:
    features = torch.rand(2, 3, 5, 7)

    means = GlobalAverage(stride=1)(features)

    assert torch.allclose(means.flatten(1), features.mean((2, 3)))


def test_a_local_average_is_the_mean_of_the_window_around_a_pixel() -> None:
    layer = GlobalAverage(stride=1)
    average_locally(layer, 5)
    features = torch.rand(1, 1, 20, 30)

    means = layer(features)

    assert means.shape == features.shape
    assert torch.allclose(means[0, 0, 9, 12], features[0, 0, 7:12, 10:15].mean())


def test_at_the_border_the_nearest_whole_window_counts() -> None:
    layer = GlobalAverage(stride=1)
    average_locally(layer, 5)
    features = torch.rand(1, 1, 20, 30)

    means = layer(features)

    assert torch.allclose(means[0, 0, 0, 0], features[0, 0, :5, :5].mean())
    assert torch.allclose(means[0, 0, -1, -1], features[0, 0, -5:, -5:].mean())


def test_a_window_as_large_as_the_image_is_the_global_average() -> None:
    layer = GlobalAverage(stride=2)
    features = torch.rand(1, 4, 16, 16)
    everywhere = layer(features)

    average_locally(layer, 32)

    assert torch.equal(layer(features), everywhere)


def test_windows_are_as_wide_on_the_image_at_every_depth() -> None:
    network = nn.Sequential(GlobalAverage(stride=2), GlobalAverage(stride=8))
    assert averages_globally(network)

    average_locally(network, 64)

    assert not averages_globally(network)
    assert [layer.window for layer in network] == [32, 8]
