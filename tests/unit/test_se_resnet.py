"""Squeeze-and-excitation from first principles, and residual networks with it and without."""

from typing import Any

import pytest
import torch
from torch import nn

from pipeline.models.recogniser_parts.recogniser_building import build_recogniser
from pipeline.models.recogniser_parts.squeeze_excitation import (
    SqueezeExcitation,
    squeeze_excitation,
)
from tests.unit.recogniser_examples import CIFAR, resnet_20, resnet_50, se_resnet

pytestmark = pytest.mark.usefixtures("one_thread")


def network(settings: Any) -> Any:
    return build_recogniser(settings, CIFAR, 0).eval()


def on_meta(settings: Any) -> Any:
    with torch.device("meta"):
        return build_recogniser(settings, CIFAR, 0).eval()


# --------------------------------------------------------------- squeeze and excitation


def test_feature_maps_are_multiplied_by_what_their_averages_say() -> None:
    torch.manual_seed(0)
    block: Any = SqueezeExcitation(8, 4)
    features = torch.randn(3, 8, 5, 7)
    first, _, second, _ = block.weights

    with torch.no_grad():
        weighted = block(features)

    for image in range(3):
        averages = torch.stack([features[image, one].sum() / 35 for one in range(8)])
        inside = (first.weight @ averages + first.bias).clamp(min=0)
        weights = 1 / (1 + torch.exp(-(second.weight @ inside + second.bias)))
        for one in range(8):
            assert torch.allclose(
                weighted[image, one], weights[one] * features[image, one], atol=1e-6
            )


@pytest.mark.parametrize(
    ("width", "reduction", "units"), [(64, 16, 4), (24, 16, 1), (8, 16, 1), (7, 2, 3), (5, 1, 5)]
)
def test_a_reduction_leaves_a_unit_at_least(width: int, reduction: int, units: int) -> None:
    block = SqueezeExcitation(width, reduction)

    assert [tuple(weights.shape) for weights in block.parameters()] == [
        *((units, width), (units,)),
        *((width, units), (width,)),
    ]


def test_without_a_reduction_nothing_is_weighted() -> None:
    block = squeeze_excitation(8, 0)
    features = torch.randn(2, 8, 3, 3)

    assert torch.equal(block(features), features)
    assert list(block.parameters()) == []
    assert isinstance(squeeze_excitation(8, 2), SqueezeExcitation)


# ------------------------------------------------------------------- residual networks


def test_what_a_block_adds_is_weighted_and_its_input_is_not() -> None:
    model = network(se_resnet(squeeze=4))
    block = model.blocks[2]
    maps = torch.rand(2, 16, 8, 8)

    with torch.no_grad():
        plain = block.residual[:-1](maps)
        assert torch.equal(block(maps), (block.residual[-1](plain) + maps).clamp(min=0))
        block.residual[-1].weights[2].bias.fill_(-100.0)
        assert torch.allclose(block(maps), maps)

    assert not any(isinstance(m, SqueezeExcitation) for m in network(se_resnet()).modules())


def test_width_and_blocks_decide_the_feature_maps() -> None:
    model = on_meta(se_resnet(width=6, blocks=[2, 1, 3]))
    shapes = []
    maps = model.stem(torch.empty(1, 3, 32, 32, device="meta"))
    for block in model.blocks:
        maps = block(maps)
        shapes.append(tuple(maps.shape[1:]))

    assert shapes == [(6, 32, 32)] * 2 + [(12, 16, 16)] + [(24, 8, 8)] * 3
    assert model.classifier.in_features == 24


def test_bottlenecks_are_four_times_as_wide_outside() -> None:
    model = on_meta(resnet_50(16))
    kernels = [
        [
            (layer.in_channels, layer.out_channels, layer.kernel_size[0], layer.stride[0])
            for layer in block.residual.modules()
            if isinstance(layer, nn.Conv2d)
        ]
        for block in model.blocks
    ]

    assert kernels[0] == [(64, 64, 1, 1), (64, 64, 3, 1), (64, 256, 1, 1)]
    assert kernels[1] == [(256, 64, 1, 1), (64, 64, 3, 1), (64, 256, 1, 1)]
    assert kernels[3] == [(256, 128, 1, 1), (128, 128, 3, 2), (128, 512, 1, 1)]
    assert [len(one) for one in kernels] == [3] * 16
    assert [block.residual[-1].weights[0].out_features for block in model.blocks[:4]] == [
        *(16, 16, 16),
        32,
    ]


def test_inputs_go_through_a_convolution_only_where_shapes_differ() -> None:
    def projected(settings: Any) -> list[int]:
        shortcuts = [block.shortcut for block in on_meta(settings).blocks]
        return [place for place, one in enumerate(shortcuts) if not isinstance(one, nn.Identity)]

    assert projected(resnet_20(0)) == [3, 6]
    assert projected(resnet_50(0)) == [0, 3, 7, 13]


def test_the_stem_for_imagenet_makes_a_quarter_of_the_sides() -> None:
    images = torch.rand(1, 3, 64, 48)
    small, large = network(se_resnet()), network(se_resnet(stem="imagenet"))

    assert small.stem(images).shape == (1, 8, 64, 48)
    assert large.stem(images).shape == (1, 8, 16, 12)
    assert (small.stem[0].kernel_size, large.stem[0].kernel_size) == ((3, 3), (7, 7))
