"""MRDN: its dense chain, its pyramid, and where it drops features."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.models.mrdn.network import MRDN
from pipeline.models.parts.dropout import Dropout
from pipeline.models.parts.pooling import average_locally

pytestmark = pytest.mark.usefixtures("one_thread")

PAPER: dict[str, Any] = {
    "channels": 1,
    "width": 6,
    "growth": 4,
    "layers": 4,
    "blocks": 2,
    "pyramid_entry": False,
    "rates": [6, 12],
    "pooling": "image",
    "repeated": False,
    "dropout": 0.0,
    "residual": True,
}


def network(**changed: object) -> MRDN:
    torch.manual_seed(0)
    return MRDN(**{**PAPER, **changed}).eval()


def convolution(inputs: int, outputs: int, side: int) -> int:
    return inputs * outputs * side**2 + outputs


# ------------------------------------------------------------------------------ blocks


@pytest.mark.parametrize(
    ("repeated", "taken", "fused"),
    [(False, [6, 10, 14, 18], 22 + 4), (True, [6, 10, 20, 40], 80 + 4)],
)
def test_layers_take_all_features_before_them_once_or_again_and_again(
    repeated: bool, taken: list[int], fused: int
) -> None:
    block = network(repeated=repeated).blocks[0][0]  # type: ignore[index]

    assert [layer[0].in_channels for layer in block.chain] == taken
    assert block.fusion.in_channels == fused


def test_the_source_fuses_2176_features() -> None:
    with torch.device("meta"):
        block = network(width=128, growth=128, repeated=True).blocks[0][0]  # type: ignore[index]

    assert [layer[0].in_channels for layer in block.chain] == [128, 256, 512, 1024]
    assert block.fusion.in_channels == 2176


@pytest.mark.parametrize("entry", [True, False])
@pytest.mark.parametrize("pooling", ["image", "max"])
@pytest.mark.parametrize("rates", [[6, 12], [3]])
def test_parameters_are_those_of_its_convolutions(
    entry: bool, pooling: str, rates: list[int]
) -> None:
    width, growth, layers, blocks = 6, 4, 4, 2

    chain = sum(convolution(width + k * growth, growth, 3) for k in range(layers))
    inside = growth if entry else width
    pyramid = convolution(width, growth, 3) if entry else 0
    pyramid += convolution(inside, growth, 1) + len(rates) * convolution(inside, growth, 3)
    pyramid += convolution(inside, growth, 1) if pooling == "image" else 0
    pooled = growth if pooling == "image" else inside
    pyramid += convolution((1 + len(rates)) * growth + pooled, growth, 1)
    block = chain + pyramid + convolution(width + (layers + 1) * growth, width, 1)
    ends = convolution(1, width, 3) + 3 * convolution(width, width, 3) + convolution(width, 1, 3)
    total = blocks * block + ends + convolution((blocks + 1) * width, width, 1)

    model = network(pyramid_entry=entry, pooling=pooling, rates=rates)
    assert sum(weights.numel() for weights in model.parameters()) == total


def test_the_outputs_of_all_blocks_reach_the_end() -> None:
    model = network(residual=False)
    image = torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        before = model(image)
        model.blocks[1][0].fusion.weight.zero_()  # type: ignore[index]
        second = model(image)
        model.blocks[0][0].fusion.weight.zero_()  # type: ignore[index]
        neither = model(image)

    assert not torch.allclose(before, second, atol=1e-5)
    assert not torch.allclose(second, neither, atol=1e-5)


# ----------------------------------------------------------------------------- pyramid


def seen(model: MRDN, part: int) -> set[int]:
    """Return the distances along a row that a part of the pyramid of the first block sees."""
    pyramid = model.blocks[0][0].pyramid  # type: ignore[index]
    layer = pyramid.parts[part]
    image = torch.rand(1, 6, 41, 41, requires_grad=True)
    output: Tensor = layer(image).expand(-1, -1, 41, 41)
    (gradient,) = torch.autograd.grad(output[0, :, 20, 20].sum(), image)
    return {int(place) - 20 for place in torch.nonzero(gradient[0, :, 20].abs().sum(0)).flatten()}


def test_parts_of_the_pyramid_look_at_several_scales() -> None:
    model = network()

    assert [seen(model, part) for part in range(4)] == [
        {0},
        {-6, 0, 6},
        {-12, 0, 12},
        set(range(-20, 21)),
    ]


def test_the_largest_of_nearby_features_stands_in_for_averages() -> None:
    pooling = network(pooling="max").blocks[0][0].pyramid.parts[-1]  # type: ignore[index]
    features = torch.randn(1, 6, 9, 9)

    pooled = pooling(features)

    assert pooled.shape == features.shape
    assert torch.equal(pooled[0, :, 4, 4], features[0, :, 3:6, 3:6].amax((1, 2)))


def test_averages_can_be_local() -> None:
    image = torch.rand(1, 1, 24, 24)

    with torch.no_grad():
        whole, local, as_wide = (
            network()(image),
            average_locally(network(), 8)(image),
            average_locally(network(), 24)(image),
        )

    assert not torch.allclose(whole, local, atol=1e-6)
    assert torch.equal(whole, as_wide)


# ----------------------------------------------------------------------------- dropout


def test_dropout_is_where_the_source_has_it_and_only_in_training() -> None:
    model = network(dropout=0.3)
    image = torch.rand(1, 1, 16, 16)

    with torch.no_grad():
        resting = [model(image) for _ in range(2)]
        model.train()
        one, other = model(image), model(image)

    assert sum(isinstance(one, Dropout) for one in model.modules()) == 2 * (1 + 3)
    assert torch.equal(*resting)
    assert not torch.allclose(one, other, atol=1e-4)
    assert not any(isinstance(one, Dropout) for one in network().modules())
