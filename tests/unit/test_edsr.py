"""EDSR: its mean, its blocks, and weights that go from one scale to another."""

import pytest
import torch
from torch import nn

from pipeline.models.edsr import EDSR, start_from

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
def test_a_larger_scale_starts_with_all_but_the_upsampler_of_a_smaller_one(upscale: int) -> None:
    weights = edsr(2).state_dict()
    network = edsr(upscale)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    fresh = start_from(network, weights)

    after = network.state_dict()
    assert fresh == sorted(name for name in after if name.startswith("upsampler."))
    assert all(torch.equal(after[name], before[name]) for name in fresh)
    assert all(torch.equal(after[name], weights[name]) for name in after if name not in fresh)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 5}, r"blocks.0.layers.0.bias: expected weights of shape \(5,\); came \(4,\)"),
        ({"blocks": 3}, "blocks.2.layers.0.bias: .*came nothing"),
    ],
)
def test_weights_of_another_size_are_refused(options: dict[str, int], said: str) -> None:
    network = edsr(4, width=options.get("width", 4), blocks=options.get("blocks", 2))

    with pytest.raises(ValueError, match=said):
        start_from(network, edsr(2).state_dict())
