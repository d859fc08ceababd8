"""RUNet: its grid, how far it looks, and what it makes of a noise map."""

from copy import deepcopy

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.models.parts.building import build_model
from pipeline.models.runet.settings import RUNet

pytestmark = pytest.mark.usefixtures("one_thread")


def runet(
    blocks: list[int], *, channels: object = 1, noise_map: bool = False, width: int = 4
) -> RUNet:
    return RUNet.model_validate(
        {
            "channels": channels,
            "widths": [width + level for level in range(len(blocks))],
            "blocks": blocks,
            "noise_map": noise_map,
        }
    )


def reach(network: nn.Module, multiple: int) -> int:
    """Return how far a pixel looks to either side, for the pixels that look furthest.

    All weights become positive, so that no way through the network is silent or cancelled.
    """
    positive = deepcopy(network).double().eval()
    with torch.no_grad():
        for weights in positive.parameters():
            weights.fill_(1 / max(1, weights[0].numel()))
    centre = 32 * multiple
    image = torch.ones(1, 1, 2 * centre, multiple, dtype=torch.float64, requires_grad=True)
    output = positive(image)
    furthest = 0
    for pixel in range(centre, centre + multiple):
        (gradient,) = torch.autograd.grad(output[0, 0, pixel, 0], image, retain_graph=True)
        seen = torch.nonzero(gradient[0, 0].sum(dim=1)).flatten()
        furthest = max(furthest, int((seen - pixel).abs().max()))
    return furthest


@pytest.mark.parametrize(
    "blocks", [[2], [1, 1], [2, 1], [0, 3], [1, 1, 1], [2, 2, 2], [1, 0, 2, 1]]
)
def test_receptive_field_is_that_of_the_pixels_that_look_furthest(blocks: list[int]) -> None:
    settings = runet(blocks)

    furthest = reach(build_model(settings, 0), settings.multiple)

    assert settings.receptive_field == 2 * furthest + 1


@pytest.mark.parametrize(("blocks", "multiple"), [([1], 1), ([1, 1], 2), ([1, 1, 1, 1], 8)])
def test_the_grid_doubles_with_every_level(blocks: list[int], multiple: int) -> None:
    assert runet(blocks).multiple == multiple


def test_an_image_shifted_by_the_grid_gives_a_shifted_output() -> None:
    settings = runet([1, 1, 1])
    network = build_model(settings, 0).eval()
    image = torch.rand(1, 1, 128, 8)
    shifted = image[:, :, settings.multiple :]

    with torch.no_grad():
        whole, part = network(image), network(shifted)

    halo = settings.receptive_field // 2
    inner = whole[:, :, settings.multiple + halo :], part[:, :, halo:]
    assert torch.allclose(*inner, atol=1e-6)
    assert not torch.allclose(whole[:, :, settings.multiple :], part, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 7), (33, 18)])
def test_pixels_far_from_the_end_do_not_feel_the_padding(height: int, width: int) -> None:
    settings = runet([0, 0, 1])
    network = build_model(settings, 0).eval()
    image = torch.rand(1, 1, height + 64, width + 64)

    with torch.no_grad():
        odd = network(image)
        whole = network(image[:, :, : 4 * (image.shape[2] // 4), : 4 * (image.shape[3] // 4)])

    far = settings.receptive_field // 2 + 4
    assert torch.allclose(
        odd[:, :, :-far, :-far], whole[:, :, : odd.shape[2] - far, : odd.shape[3] - far], atol=1e-6
    )


def test_what_a_level_had_on_the_way_down_reaches_the_way_up() -> None:
    network = build_model(runet([1, 1]), 0).eval()
    with torch.no_grad():
        for name, weights in network.named_parameters():
            if name.startswith("up."):
                weights.zero_()
    image = torch.rand(1, 1, 16, 16)

    with torch.no_grad():
        correction = network(image) - image

    assert correction.std() > 1e-3


def test_an_image_smaller_than_the_grid_is_refused() -> None:
    network = build_model(runet([1, 1, 1, 1]), 0)

    with pytest.raises(ValueError, match="at least 8x8 pixels"):
        network(torch.rand(1, 1, 7, 20))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_noise_map_changes_the_output_and_is_no_part_of_it(channels: int) -> None:
    network = build_model(runet([1, 1, 1], channels=channels, noise_map=True), 0).eval()
    image = torch.rand(1, channels, 13, 18)
    quiet, loud = (torch.full((1, 1, 13, 18), level / 255) for level in (5, 50))

    with torch.no_grad():
        one, other = (network(torch.cat([image, level], dim=1)) for level in (quiet, loud))

    assert one.shape == image.shape
    assert not torch.allclose(one, other, atol=1e-4)


def test_each_channel_by_itself_gets_the_noise_map() -> None:
    network = build_model(runet([1, 1], channels="shared", noise_map=True), 0).eval()
    image, level = torch.rand(1, 3, 12, 12), torch.full((1, 1, 12, 12), 0.1)

    with torch.no_grad():
        together = network(torch.cat([image, level], dim=1))
        green = network(torch.cat([image[:, 1:2], level], dim=1))

    assert torch.allclose(together[:, 1:2], green, atol=1e-6)


def test_a_fresh_network_changes_little_however_many_blocks_it_has() -> None:
    """High rates from the first step on need it."""
    batch = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))

    with torch.no_grad():
        changes = [
            (build_model(runet([count] * 3, width=32), 0)(batch) - batch).std() for count in (1, 8)
        ]

    assert max(changes) < 0.5


def test_blocks_and_widths_are_of_the_same_levels() -> None:
    with pytest.raises(ValidationError, match="came 2 blocks and 3 widths"):
        RUNet(channels=1, widths=[8, 8, 8], blocks=[1, 1], noise_map=False)
