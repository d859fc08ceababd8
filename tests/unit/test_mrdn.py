"""MRDN: its dense chain, its pyramid, and dropout that a resumed training repeats."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.mrdn import MRDN, Dropout
from pipeline.models.pooling import average_locally

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


def dropout(seed: int) -> Dropout:
    torch.manual_seed(seed)
    return Dropout(0.3).train()


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


def test_a_share_is_dropped_and_the_others_make_up_for_it() -> None:
    features = torch.ones(4, 8, 64, 64)

    dropped = dropout(0)(features)

    assert (dropped == 0).float().mean() == pytest.approx(0.3, abs=5e-3)
    assert dropped.mean() == pytest.approx(1, abs=1e-2)
    assert dropped.max() == pytest.approx(1 / 0.7)


def test_masks_have_nothing_in_common() -> None:
    layer, other = dropout(0), dropout(1)
    features = torch.ones(2, 8, 64, 64)
    masks = [layer(features) == 0, layer(features) == 0, other(features) == 0]

    for position, one in enumerate(masks):
        for another in [*masks[position + 1 :], one.roll(1, 3), one.roll(1, 2), one.roll(1, 1)]:
            both = (one & another).float().mean()
            assert both == pytest.approx(0.09, abs=6e-3)


def test_a_layer_that_goes_on_from_its_state_drops_what_the_undisturbed_one_drops() -> None:
    undisturbed, resumed = dropout(0), dropout(1)
    features = torch.rand(2, 4, 8, 8)
    undisturbed(features)
    saved = {name: tensor.clone() for name, tensor in undisturbed.state_dict().items()}
    expected = [undisturbed(features) for _ in range(3)]

    resumed.load_state_dict(saved)
    torch.rand(5)  # random numbers of others

    assert all(torch.equal(resumed(features), one) for one in expected)


def test_dropped_features_get_no_gradient() -> None:
    features = torch.ones(1, 2, 8, 8, requires_grad=True)

    dropped = dropout(0)(features)
    dropped.sum().backward()

    assert features.grad is not None
    assert torch.equal(features.grad, dropped.detach())


def test_dropout_leaves_random_numbers_of_others_alone() -> None:
    layer = dropout(0)
    before = torch.random.get_rng_state()

    nn.Sequential(layer)(torch.ones(1, 1, 4, 4))

    assert torch.equal(torch.random.get_rng_state(), before)
