"""MWRCANet: wavelets, attention, and what its source's choices do."""

from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.mwrcanet.network import MWRCANet, inverse_wavelet, wavelet
from pipeline.models.parts.pooling import GlobalAverage, average_locally, averages_globally

pytestmark = pytest.mark.usefixtures("one_thread")

CORRECTED: dict[str, Any] = {
    "channels": 1,
    "widths": [4, 6, 6],
    "blocks": 2,
    "reduction": 2,
    "second_kernel": 3,
    "group_residual": "sum",
    "orthonormal": True,
    "prelu": "shared",
    "last_activation": False,
}


def network(**changed: object) -> MWRCANet:
    torch.manual_seed(0)
    return MWRCANet(**{**CORRECTED, **changed}).eval()


def count(model: nn.Module) -> int:
    return sum(weights.numel() for weights in model.parameters())


# ----------------------------------------------------------------------------- wavelets


@pytest.mark.parametrize("orthonormal", [True, False])
@pytest.mark.parametrize("shape", [(2, 3, 8, 12), (1, 1, 2, 2)])
def test_the_inverse_brings_every_pixel_back(
    orthonormal: bool, shape: tuple[int, int, int, int]
) -> None:
    image = torch.randn(shape, dtype=torch.float64)

    coefficients = wavelet(image, orthonormal=orthonormal)
    back = inverse_wavelet(coefficients, orthonormal=orthonormal)

    assert coefficients.shape == (shape[0], 4 * shape[1], shape[2] // 2, shape[3] // 2)
    assert torch.allclose(back, image, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("orthonormal", "gain"), [(True, 1), (False, 4)])
def test_coefficients_have_the_energy_of_the_image_or_four_times_as_much(
    orthonormal: bool, gain: int
) -> None:
    image = torch.randn(2, 3, 8, 12, dtype=torch.float64)

    energy = wavelet(image, orthonormal=orthonormal).square().sum()

    assert torch.allclose(energy, gain * image.square().sum())


def test_bands_are_grouped_and_tell_directions_apart() -> None:
    rows = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    columns = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    diagonal = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    image = torch.stack([rows, columns, diagonal])[None]

    coefficients = wavelet(image, orthonormal=False).flatten()

    low, vertical, horizontal, crossed = coefficients.reshape(4, 3).tolist()
    assert low == [2, 2, 2]
    assert vertical == [2, 0, 0]
    assert horizontal == [0, 2, 0]
    assert crossed == [0, 0, 2]


# ---------------------------------------------------------------------------- attention


def test_attention_weighs_each_feature_map_by_its_average() -> None:
    attention = network().encoder[0][2].blocks[0][3]  # type: ignore[index]
    features = torch.rand(2, 4, 6, 5)

    with torch.no_grad():
        weighed = attention(features)
        again = attention(features.flip(2, 3))

    weights = weighed / features
    assert torch.allclose(weights, weights[:, :, :1, :1].expand_as(weights), atol=1e-5)
    assert ((weights > 0) & (weights < 1)).all()
    assert torch.allclose(again.flip(2, 3), weighed, atol=1e-6)


def test_averages_know_how_many_pixels_lie_between_features() -> None:
    strides = [one.stride for one in network().modules() if isinstance(one, GlobalAverage)]

    assert sorted(strides) == [2] * 4 + [4] * 4 + [8] * 4  # two blocks in two groups a level


def test_local_averages_of_the_size_of_the_image_change_nothing_and_smaller_ones_do() -> None:
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        whole = network()(image)
        same = average_locally(network(), 32)(image)
        smaller = average_locally(network(), 16)

        assert not averages_globally(smaller)
        assert torch.equal(same, whole)
        assert not torch.allclose(smaller(image), whole, atol=1e-5)


# ------------------------------------------------------------------------ the choices


@pytest.mark.parametrize(("residual", "kept"), [("sum", True), ("attention", False)])
def test_the_last_sum_of_a_group_is_lost_as_the_source_writes_it(
    residual: Literal["sum", "attention"], kept: bool
) -> None:
    group = network(group_residual=residual).encoder[0][2]  # type: ignore[index]
    with torch.no_grad():
        for weights in group.blocks[-1].parameters():  # the last block puts nothing out
            weights.zero_()
    features = torch.rand(1, 4, 6, 7)

    with torch.no_grad():
        added = group(features) - features

    assert (added.abs().max() > 1e-3) == kept


def convolution(inputs: int, outputs: int, side: int) -> int:
    return inputs * outputs * side**2 + outputs


@pytest.mark.parametrize("second", [1, 3])
@pytest.mark.parametrize("blocks", [1, 3])
def test_parameters_are_those_of_its_layers(second: int, blocks: int) -> None:
    widths, reduction = [8, 12, 16], 4

    total = 0
    for outer, inner in zip([1, *widths[:-1]], widths, strict=True):
        middle = inner // reduction
        attention = convolution(inner, middle, 1) + convolution(middle, inner, 1)
        block = convolution(inner, inner, 3) + convolution(inner, inner, second) + attention + 1
        total += 2 * (blocks * block + convolution(inner, inner, 3))
        total += convolution(4 * outer, inner, 3) + convolution(inner, 4 * outer, 3) + 2
    total -= 1  # no activation after the last convolution

    model = network(widths=widths, reduction=reduction, blocks=blocks, second_kernel=second)
    assert count(model) == total


def test_an_activation_after_the_last_convolution_cuts_the_correction() -> None:
    free, cut = (
        network(widths=[4], last_activation=last, orthonormal=True) for last in (False, True)
    )
    image = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        for model in (free, cut):
            convolution = model.decoder[0][1]  # type: ignore[index]
            nn.init.zeros_(convolution.weight)
            nn.init.constant_(convolution.bias, -1.0)

        low = [wavelet(model(image) - image, orthonormal=True)[0, 0] for model in (free, cut)]

    assert torch.allclose(low[0], torch.tensor(-1.0), atol=1e-5)
    assert torch.allclose(low[1], torch.tensor(-0.25), atol=1e-5)  # a fresh slope


# ------------------------------------------------------------------- slopes of pixels


def test_slopes_of_pixels_start_near_those_of_relu() -> None:
    slopes = torch.cat(
        [one.flatten() for name, one in network(prelu=64).named_parameters() if "slopes" in name]
    )

    assert slopes.mean().abs() < 0.01
    assert 0.05 < slopes.std() < 0.2  # from sqrt(2) / 32 to sqrt(2) / 8


def test_slopes_of_pixels_act_below_zero_alone_and_each_on_its_pixel() -> None:
    activation = network(prelu=16, widths=[4]).encoder[0][1]  # type: ignore[index]
    features = torch.randn(2, 4, 8, 8)

    with torch.no_grad():
        activated = activation(features)

    slopes: Tensor = activation.slopes
    below = features < 0
    assert torch.equal(activated[~below], features[~below])
    assert torch.equal(activated[below], (slopes * features)[below])


@pytest.mark.parametrize("size", [(16, 16), (32, 24), (64, 64)])
def test_slopes_of_pixels_take_images_of_one_size_only(size: tuple[int, int]) -> None:
    height, width = size

    with pytest.raises(
        ValueError, match=rf"of 32x32 pixels.*came {height}x{width}.*set prelu: shared"
    ):
        network(prelu=32)(torch.rand(1, 1, height, width))


def test_slopes_of_pixels_learn() -> None:
    model = network(prelu=16, last_activation=True).train()

    model(torch.rand(2, 1, 16, 16)).square().mean().backward()

    slopes = {name: one for name, one in model.named_parameters() if name.endswith("slopes")}
    assert len(slopes) == 3 * (2 + 2 * 2)  # two convolutions and two groups of two blocks a level
    for name, weights in slopes.items():
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 0, name


# -------------------------------------------------------------------------------- grid


@pytest.mark.parametrize("size", [(8, 8), (9, 17), (31, 8)])
def test_sides_off_the_grid_are_mirrored_inside_and_cut_again(size: tuple[int, int]) -> None:
    model = average_locally(network(), 8)
    image = torch.rand(1, 1, *size)
    height, width = size
    padded = torch.nn.functional.pad(image, (0, -width % 8, 0, -height % 8), mode="reflect")

    with torch.no_grad():
        restored, whole = model(image), model(padded)

    assert restored.shape == image.shape
    assert torch.allclose(restored, whole[..., :height, :width], atol=1e-6)
