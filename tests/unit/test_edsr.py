"""EDSR: its mean, its blocks, and weights that go from one scale to another."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipeline.models.edsr.network import EDSR
from pipeline.training.start import take_over

pytestmark = pytest.mark.usefixtures("one_thread")

MEAN = [0.4488, 0.4371, 0.4040]


def edsr(
    upscale: int, *, width: int = 4, blocks: int = 2, scale: float = 1.0, residual: bool = False
) -> EDSR:
    torch.manual_seed(upscale)
    return EDSR(
        channels=3,
        width=width,
        blocks=blocks,
        upscale=upscale,
        residual_scale=scale,
        mean=MEAN,
        residual=residual,
    ).eval()


def convolution(inputs: int, outputs: int) -> int:
    return inputs * outputs * 9 + outputs


@pytest.mark.parametrize("width", [64, 256])
@pytest.mark.parametrize("blocks", [16, 32])
@pytest.mark.parametrize("upscale", [1, 2, 3, 4])
def test_parameters_are_those_of_its_convolutions(width: int, blocks: int, upscale: int) -> None:
    with torch.device("meta"):
        network = edsr(upscale, width=width, blocks=blocks)

    upsampler = {
        1: 0,
        2: convolution(width, 4 * width),
        3: convolution(width, 9 * width),
        4: 2 * convolution(width, 4 * width),
    }[upscale]
    body = (2 * blocks + 1) * convolution(width, width)
    ends = convolution(3, width) + convolution(width, 3)
    assert sum(one.numel() for one in network.parameters()) == ends + body + upsampler


def test_the_layers_see_the_image_without_its_mean() -> None:
    network = edsr(2)
    for bias in (one.bias for one in network.modules() if isinstance(one, nn.Conv2d)):
        assert bias is not None
        nn.init.zeros_(bias)
    gray = torch.tensor(MEAN).reshape(1, 3, 1, 1).expand(1, 3, 5, 6)

    with torch.no_grad():
        restored = network(gray)

    assert torch.equal(restored, gray.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_the_mean_is_no_weight() -> None:
    assert not any("mean" in name for name in edsr(2).state_dict())


def test_blocks_are_added_by_their_factor() -> None:
    one, half, none = (edsr(2, scale=scale).blocks[0] for scale in (1.0, 0.5, 0.0))
    features = torch.rand(1, 4, 6, 7)

    with torch.no_grad():
        whole = one(features) - features
        part = half(features) - features

        assert whole.abs().max() > 0.01
        assert torch.allclose(part, whole / 2, atol=1e-6)
        assert torch.equal(none(features), features)


@pytest.mark.parametrize("upscale", [2, 3, 4])
def test_an_image_moved_by_a_pixel_comes_out_moved_by_the_scale(upscale: int) -> None:
    network = edsr(upscale, residual=True)
    image = torch.rand(1, 3, 40, 40)

    with torch.no_grad():
        here, there = network(image), network(image.roll((1, 1), dims=(2, 3)))

    inner = slice(10 * upscale, 30 * upscale)
    moved = here.roll((upscale, upscale), dims=(2, 3))
    assert torch.allclose(moved[..., inner, inner], there[..., inner, inner], atol=1e-6)


@pytest.mark.parametrize("upscale", [3, 4])
def test_weights_for_x2_start_all_but_the_upsampler_of_other_scales(
    upscale: int, tmp_path: Path
) -> None:
    network, weights = edsr(upscale), edsr(2).state_dict()
    save_file(weights, tmp_path / "weights.safetensors")

    facts = take_over(network, tmp_path / "weights.safetensors")

    after = network.state_dict()
    assert facts["new"]
    assert all(name.startswith("upsampler.") for name in facts["new"])
    assert all(torch.equal(after[name], weights[name]) for name in after.keys() - facts["new"])
