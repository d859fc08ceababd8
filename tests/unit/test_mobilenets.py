"""MobileNets: what each of their settings changes."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.mobilenet_v1.settings import MobileNetV1
from pipeline.models.mobilenet_v2.settings import MobileNetV2
from pipeline.models.parts.dropout import Dropout
from pipeline.models.recogniser_parts.recogniser_building import build_recogniser
from pipeline.models.recogniser_parts.resolution import scale_images
from pipeline.models.recogniser_parts.squeeze_excitation import SqueezeExcitation
from tests.unit.recogniser_examples import (
    CIFAR,
    V1_BLOCKS,
    V2_STAGES,
    imagenet_v1,
    imagenet_v2,
    mobilenet_v1,
    mobilenet_v2,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def network(settings: MobileNetV1 | MobileNetV2) -> Any:
    return build_recogniser(settings, CIFAR, 0).eval()


def convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def widths(settings: MobileNetV1 | MobileNetV2) -> list[int]:
    """Return the feature maps behind the stem, and behind each block."""
    with torch.device("meta"):
        model: Any = build_recogniser(settings, CIFAR, 0)
    blocks = [convolutions(getattr(block, "inside", block))[-1] for block in model.blocks]
    return [layer.out_channels for layer in [model.stem[0], *blocks]]


def sides(settings: MobileNetV1 | MobileNetV2, side: int) -> list[int]:
    """Return the side of the feature maps behind the stem, and behind each block."""
    with torch.device("meta"):
        model: Any = build_recogniser(settings, CIFAR, 0)
        maps = [model.stem(torch.empty(1, 3, side, side))]
        for block in model.blocks:
            maps.append(block(maps[-1]))
    return [one.shape[-1] for one in maps]


def order(block: nn.Module) -> list[str]:
    """Return what a block does, in order."""
    names = {nn.BatchNorm2d: "norm", nn.ReLU: "relu", nn.ReLU6: "relu6"}
    found = []
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            kind = "depthwise" if layer.groups > 1 else "convolution"
            found.append(f"{kind} {layer.kernel_size[0]}")
        elif isinstance(layer, SqueezeExcitation):
            found.append("squeeze")
        elif type(layer) in names and "squeeze" not in found[-1:]:
            found.append(names[type(layer)])
    return found


# ------------------------------------------------------------------------- MobileNetV1


def test_a_separable_block_is_a_depthwise_and_a_pointwise_convolution() -> None:
    separable, standard = network(mobilenet_v1()), network(mobilenet_v1(separable=False))

    pointwise = ["convolution 1", "norm", "relu"]
    assert order(separable.blocks[1]) == ["depthwise 3", "norm", "relu", *pointwise]
    assert order(standard.blocks[1]) == ["convolution 3", "norm", "relu"]
    assert convolutions(separable.blocks[1])[0].groups == 16


@pytest.mark.parametrize("separable", [True, False])
def test_squeeze_and_excitation_of_v1_follows_the_last_relu_of_a_block(separable: bool) -> None:
    plain = network(mobilenet_v1(separable=separable))
    squeezed = network(mobilenet_v1(separable=separable, squeeze=8))

    for block, other in zip(plain.blocks, squeezed.blocks, strict=True):
        assert order(other) == [*order(block), "squeeze"]
    assert [block[-1].weights[0].out_features for block in squeezed.blocks] == [2, 4, 4]


def test_the_width_multiplier_of_v1_scales_the_feature_maps_of_all_layers() -> None:
    published = [32, *(maps for maps, _ in V1_BLOCKS)]

    assert widths(imagenet_v1()) == published
    assert widths(imagenet_v1(width=0.75)) == [maps * 3 // 4 for maps in published]
    assert widths(imagenet_v1(width=0.1))[:3] == [3, 6, 13]
    assert min(widths(imagenet_v1(width=0.001))) == 1


def test_blocks_of_v1_have_their_strides_and_the_stem_has_its_own() -> None:
    assert sides(imagenet_v1(), 224) == [112, 112, 56, 56, 28, 28, *[14] * 6, 7, 7]
    assert sides(mobilenet_v1(), 32) == [32, 32, 16, 16]
    assert sides(mobilenet_v1(stem_stride=2), 32) == [16, 16, 8, 8]


# ------------------------------------------------------------------------- MobileNetV2


def test_a_block_of_v2_expands_convolves_and_projects_without_activation() -> None:
    model = network(imagenet_v2())

    first, *others = (order(block.inside) for block in model.blocks)
    projection = ["convolution 1", "norm"]
    assert first == ["depthwise 3", "norm", "relu6", *projection]
    assert {tuple(one) for one in others} == {("convolution 1", "norm", "relu6", *first)}
    assert convolutions(model.blocks[1])[0].out_channels == 6 * 16


def test_an_expansion_of_1_has_a_convolution_if_all_blocks_expand() -> None:
    model = network(imagenet_v2(always_expand=True))

    assert order(model.blocks[0].inside) == order(model.blocks[1].inside)
    assert convolutions(model.blocks[0])[0].out_channels == 32


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_features_of_v2_stop_at_6_with_relu6_alone(activation: str) -> None:
    model = network(mobilenet_v2(activation=activation))
    model.last[1].bias.data.fill_(10.0)
    with torch.no_grad():
        features = model.features(torch.rand(2, 3, 8, 8))

    assert (features.max() <= 6) == (activation == "relu6")
    other = {"relu": nn.ReLU6, "relu6": nn.ReLU}[activation]
    assert not any(type(layer) is other for layer in model.modules())


@pytest.mark.parametrize(
    ("projection", "expected"),
    [
        (False, ["none", "none", "same", "none", "same", "same"]),
        (True, ["projected", "none", "same", "projected", "same", "same"]),
    ],
)
def test_inputs_of_blocks_are_added_where_stride_and_feature_maps_let_them(
    projection: bool, expected: list[str]
) -> None:
    stages = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 1]]
    model = network(mobilenet_v2(stages=stages, projection=projection))
    maps = model.stem(torch.rand(2, 3, 8, 8))
    found = []
    for block in model.blocks:
        with torch.no_grad():
            added = block(maps) - block.inside(maps)
        same = added.shape == maps.shape and torch.allclose(added, maps, atol=1e-5)
        found.append("same" if same else "projected" if added.any() else "none")
        maps = block(maps)

    assert found == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (1.0, [32, 16, 24, 32, 64, 96, 160, 320]),
        (1.4, [48, 24, 32, 48, 88, 136, 224, 448]),
        (0.75, [24, 16, 24, 24, 48, 72, 120, 240]),
        (0.5, [16, 8, 16, 16, 32, 48, 80, 160]),
        (0.35, [16, 8, 8, 16, 24, 32, 56, 112]),
    ],
)
def test_the_width_of_v2_leaves_multiples_of_8(width: float, expected: list[int]) -> None:
    found = widths(imagenet_v2(width=width))

    starts = [sum(blocks for _, _, blocks, _ in V2_STAGES[:stage]) for stage in range(7)]
    assert [found[0], *(found[1 + start] for start in starts)] == expected


def test_width_1_rounds_nothing() -> None:
    assert widths(mobilenet_v2()) == [32, 8, 12, 12]


@pytest.mark.parametrize(("width", "features"), [(0.5, 1280), (1.0, 1280), (1.4, 1792)])
def test_the_last_feature_maps_grow_with_the_width_and_do_not_shrink(
    width: float, features: int
) -> None:
    with torch.device("meta"):
        model: Any = build_recogniser(imagenet_v2(width=width), CIFAR, 0)

    assert model.classifier.in_features == features


def test_stages_of_v2_have_their_strides_and_the_stem_has_its_own() -> None:
    expected = [*[112] * 2, *[56] * 2, *[28] * 3, *[14] * 7, *[7] * 4]

    assert sides(imagenet_v2(), 224) == expected
    assert sides(imagenet_v2(stem_stride=1), 112) == expected


def test_squeeze_and_excitation_of_v2_follows_the_depthwise_convolution() -> None:
    model = network(mobilenet_v2(squeeze=4))

    assert order(model.blocks[1].inside) == [
        *("convolution 1", "norm", "relu6"),
        *("depthwise 3", "norm", "relu6"),
        "squeeze",
        *("convolution 1", "norm"),
    ]
    block: Any = model.blocks[1].inside[2]
    assert (block.weights[0].in_features, block.weights[0].out_features) == (32, 8)


def test_v2_drops_features_before_the_classifier_in_training_alone() -> None:
    model = network(mobilenet_v2(dropout=0.5)).train()
    taken: list[Tensor] = []
    model.classifier.register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0]))
    images = torch.rand(8, 3, 8, 8)

    model(images)
    model.eval()(images)

    dropped, all_features = ((one == 0).float().mean().item() for one in taken)
    assert dropped > all_features + 0.2
    assert sum(isinstance(layer, Dropout) for layer in model.modules()) == 1
    assert not any(isinstance(layer, Dropout) for layer in network(mobilenet_v2()).modules())


def test_a_resumed_training_of_v2_drops_what_the_undisturbed_one_drops() -> None:
    undisturbed, resumed = (network(mobilenet_v2(dropout=0.5)).train() for _ in range(2))
    images = torch.rand(4, 3, 8, 8)
    undisturbed(images)
    state = {key: value.clone() for key, value in undisturbed.state_dict().items()}

    expected = [undisturbed(images) for _ in range(2)]
    resumed.load_state_dict(state)
    torch.rand(3)  # random numbers of others

    assert all(torch.equal(resumed(images), one) for one in expected)


# ---------------------------------------------------------------------- the resolution


@pytest.mark.parametrize("example", [mobilenet_v1, mobilenet_v2])
def test_the_resolution_multiplier_scales_the_images_and_nothing_else(example: Any) -> None:
    scaled, plain = network(example(resolution=0.5)), network(example())
    images = torch.rand(2, 3, 16, 12)

    with torch.no_grad():
        assert torch.equal(scaled(images), plain(scale_images(images, 0.5)))
        assert not torch.allclose(scaled(images), plain(images), atol=1e-4)


@pytest.mark.parametrize(
    ("resolution", "size"),
    [(1.0, (32, 20)), (0.5, (16, 10)), (0.857, (27, 17)), (2.0, (64, 40)), (0.01, (1, 1))],
)
def test_images_are_scaled_to_whole_pixels(resolution: float, size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, 32, 20)

    scaled = scale_images(images, resolution)

    assert scaled.shape == (2, 3, *size)
    assert images.min() <= scaled.min()
    assert scaled.max() <= images.max()


def test_a_resolution_of_1_leaves_images_as_they_are() -> None:
    images = torch.rand(1, 3, 9, 9)

    assert torch.equal(scale_images(images, 1.0), images)


def test_scaling_averages_fine_detail_away() -> None:
    fine = (torch.arange(32) % 4 == 0).float().expand(1, 1, 32, 32)
    flat = torch.full((1, 1, 32, 32), 0.3)

    assert torch.allclose(scale_images(fine, 0.25)[..., 1:-1], torch.tensor(0.25), atol=0.05)
    assert torch.allclose(scale_images(flat, 0.25), torch.tensor(0.3), atol=1e-6)
