"""The tutorial's EDSR for denoising: what each of its choices does."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.edsr_denoising.network import EDSRDenoising

pytestmark = pytest.mark.usefixtures("one_thread")

CORRECTED: dict[str, Any] = {
    "channels": 1,
    "width": 4,
    "blocks": 3,
    "slope": 0.0,
    "block_end_activation": False,
    "block_pooling": False,
    "block_skip": True,
    "residual_scale": 0.1,
    "body_end_activation": False,
    "tail": "plain",
    "residual": True,
}


def network(**changed: object) -> EDSRDenoising:
    torch.manual_seed(0)
    return EDSRDenoising(**{**CORRECTED, **changed}).eval()


def seen(model: nn.Module) -> tuple[int, int]:
    """Return how far the middle output pixel sees to the left and to the right."""
    model = model.double()
    with torch.no_grad():
        for weights in model.parameters():
            weights.fill_(1 / max(1, weights[0].numel()))
    image = torch.ones(1, 1, 1, 101, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(image)[0, 0, 0, 50], image)
    pixels = torch.nonzero(gradient.flatten()).flatten()
    return 50 - int(pixels.min()), int(pixels.max()) - 50


def averaged(features: Tensor) -> Tensor:
    """Return the mean of the real pixels of each window of 2x2 that starts at a pixel."""
    height, width = features.shape
    means = torch.empty_like(features)
    for row in range(height):
        for column in range(width):
            means[row, column] = features[row : row + 2, column : column + 2].mean()
    return means


def test_a_block_averages_the_pixels_that_there_are() -> None:
    block = network(block_pooling=True, block_skip=False).blocks[0]
    assert isinstance(block, nn.Sequential)
    features = torch.rand(2, 4, 5, 6)

    means = block[-1](features)

    for expected, found in zip(features.flatten(0, 1), means.flatten(0, 1), strict=True):
        assert torch.allclose(found, averaged(expected), atol=1e-6)


def test_averages_move_what_a_pixel_sees_to_one_side() -> None:
    left, right = seen(network(block_pooling=True))
    without = seen(network())

    assert without == (left, left)
    assert right == left + 3  # a pixel a block


def test_eight_averages_in_a_row_leave_a_sixteenth_of_a_wave_of_four_pixels() -> None:
    written = network(
        blocks=8, block_pooling=True, block_skip=False, residual_scale=1.0, residual=False
    )
    layers = nn.Sequential(*(block[-1] for block in written.blocks))  # type: ignore[index]
    waves = torch.cos(torch.arange(64.0) * torch.pi / 2).expand(1, 1, 64, 64)

    blurred = layers(waves)[0, 0, 20, 16:40]

    assert blurred.abs().max() == pytest.approx(0.0625, abs=1e-4)


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_activations_have_the_slope_of_the_settings(slope: float) -> None:
    block = network(slope=slope, block_skip=False, residual_scale=1.0).blocks[0]
    assert isinstance(block, nn.Sequential)

    below, above = block[1](torch.tensor([-2.0, 2.0]))

    assert below == pytest.approx(-2 * slope)
    assert above == 2


@pytest.mark.parametrize(
    ("changed", "activations"),
    [
        ({}, 3),
        ({"block_end_activation": True}, 6),
        ({"body_end_activation": True}, 4),
        ({"block_end_activation": True, "body_end_activation": True}, 7),
    ],
)
def test_activations_are_where_the_settings_say(changed: dict[str, bool], activations: int) -> None:
    kinds = (nn.ReLU, nn.LeakyReLU)

    assert sum(isinstance(one, kinds) for one in network(**changed).modules()) == activations


def test_without_skips_and_with_silent_blocks_the_head_is_all_that_is_left() -> None:
    silent, skipping = network(block_skip=False, residual_scale=1.0), network()
    image = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        for model in (silent, skipping):
            for weights in model.blocks.parameters():
                weights.zero_()

        head = image + silent.tail(silent.head(image) + silent.body(torch.zeros(1, 4, 8, 8)))

        assert torch.allclose(silent(image), head, atol=1e-6)
        assert not torch.allclose(skipping(image), head, atol=1e-3)


def test_the_shuffled_tail_squeezes_all_features_into_the_channels_of_the_image() -> None:
    tail = network(tail="shuffled").tail

    sizes = []
    features = torch.rand(1, 4, 6, 7)
    for layer in tail:
        features = layer(features)
        sizes.append(tuple(features.shape[1:]))

    assert sizes == [(16, 6, 7), (4, 12, 14), (1, 12, 14), (1, 6, 7), (1, 6, 7)]
