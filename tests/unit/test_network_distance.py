"""LPIPS and DISTS with random networks: what holds whatever the weights are."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from pipeline.measuring.backbones import CORE, LAYOUTS, Layout, paired_features
from pipeline.measuring.dists import dists
from pipeline.measuring.lpips import lpips
from pipeline.measuring.network_distance import network_distance
from pipeline.measuring.perceptual_measures import MEASURES, Backbone, check_size
from pipeline.settings.perceptual import Perceptual
from tests.imagenet_networks import Network, alexnet, vgg16, weights_of

Distance = Callable[[Tensor, Tensor], float]

NETWORKS: Mapping[Backbone, Callable[[], Network]] = {"alexnet": alexnet, "vgg16": vgg16}

ENDS: Mapping[Backbone, Sequence[int]] = {
    "alexnet": (2, 5, 8, 10, 12),
    "vgg16": (4, 9, 16, 23, 30),
}
"""Behind which layers of torchvision's sequence features are compared."""

BY_NETWORK: list[Perceptual] = ["lpips-alex", "lpips-vgg", "dists"]


def distance(measure: Perceptual, *, turned: bool = False) -> Distance:
    """Return a measure with random weights below and above, its filters mirrored if ``turned``."""
    network = MEASURES[measure].network
    assert network is not None
    layout, weights = LAYOUTS[network.backbone], weights_of(NETWORKS[network.backbone]())
    if turned:
        weights = {name: one.mT if one.ndim == 4 else one for name, one in weights.items()}
    numbers = torch.Generator().manual_seed(1)
    ends = [end - 2 for end in ENDS[network.backbone]]
    channels = [len(weights[f"features.{end}.weight"]) for end in ends]
    if measure == "dists":
        count = (1, 3 + sum(channels), 1, 1)
        head = {name: torch.rand(count, generator=numbers) for name in ("alpha", "beta")}
        return lambda clean, shown: dists(clean, shown, weights, layout, head)
    head = {
        f"lin{stage}.model.1.weight": torch.rand((1, count, 1, 1), generator=numbers)
        for stage, count in enumerate(channels)
    }
    return lambda clean, shown: lpips(clean, shown, weights, layout, head)


def photo(height: int = 64, width: int = 48) -> Tensor:
    """Return a part of a photograph, or several side by side."""
    image = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None] / 255
    times = (1, 1, 1 + height // image.shape[2], 1 + width // image.shape[3])
    return image.repeat(times)[:, :, :height, :width]


def noisy(image: Tensor, sigma_8bit: float) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(2))
    return (image + sigma_8bit / 255 * noise).clamp(0, 1)


def stagewise(image: Tensor, network: Network, backbone: Backbone) -> list[Tensor]:
    found = []
    layers = list(network.features)[: ENDS[backbone][-1]]
    for place, layer in enumerate(layers, start=1):
        image = layer(image)
        if place in ENDS[backbone]:
            found.append(image)
    return found


def stitched(image: Tensor, layout: Layout, weights: Mapping[str, Tensor]) -> list[Tensor]:
    """Return the features of an image that is one window wide."""
    pieces: list[list[Tensor]] = [[] for _ in layout.stages]
    for stage, one, other in paired_features(image, image, weights, layout):
        assert torch.equal(one, other)
        pieces[stage].append(one)
    return [torch.cat(some, dim=2) for some in pieces]


@pytest.mark.parametrize(
    ("backbone", "height"),
    [
        ("alexnet", 96),
        ("alexnet", CORE + 6),
        ("alexnet", 2 * CORE + 99),
        ("vgg16", 96),
        ("vgg16", CORE + 6),
    ],
)
def test_features_are_those_of_the_whole_network_though_a_large_image_comes_in_windows(
    backbone: Backbone, height: int
) -> None:
    image = photo(height, 31)
    network = NETWORKS[backbone]()

    found = stitched(image, LAYOUTS[backbone], weights_of(network))

    for one, expected in zip(found, stagewise(image, network, backbone), strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("measure", BY_NETWORK)
def test_a_high_image_has_the_distance_of_the_same_image_lying(measure: Perceptual) -> None:
    clean = photo(CORE + 40, 32)
    shown = noisy(clean, 20)

    high = distance(measure)(clean, shown)
    wide = distance(measure, turned=True)(clean.mT, shown.mT)

    assert high == pytest.approx(wide, abs=1e-6)


@pytest.mark.parametrize("measure", BY_NETWORK)
def test_equal_images_have_no_distance_and_more_noise_has_more(measure: Perceptual) -> None:
    clean = photo()

    found = [distance(measure)(clean, noisy(clean, sigma)) for sigma in (0, 5, 50)]

    assert found[0] == pytest.approx(0, abs=1e-9)
    assert found == sorted(found)
    assert found[1] > 1e-6


@pytest.mark.parametrize("measure", BY_NETWORK)
def test_a_difference_counts_the_same_both_ways(measure: Perceptual) -> None:
    clean = photo()
    shown = noisy(clean, 25)

    assert distance(measure)(clean, shown) == pytest.approx(distance(measure)(shown, clean))


@pytest.mark.parametrize(("measure", "side"), [("lpips-alex", 31), ("lpips-vgg", 16)])
def test_the_smallest_image_reaches_the_last_features_and_a_smaller_one_does_not(
    measure: Perceptual, side: int
) -> None:
    clean = photo(side, side)

    assert distance(measure)(clean, noisy(clean, 25)) > 0

    with pytest.raises((RuntimeError, ZeroDivisionError)):
        distance(measure)(clean[:, :, 1:], clean[:, :, 1:])


@pytest.mark.parametrize(
    ("measure", "side"), [("lpips-alex", 31), ("lpips-vgg", 16), ("dists", 16)]
)
def test_a_smaller_image_is_refused_by_its_size(measure: Perceptual, side: int) -> None:
    check_size([measure], side, side)

    with pytest.raises(ValueError, match=f"{measure} .*{side}x{side} pixels on, came {side - 1}x"):
        check_size([measure], side - 1, 100)


def test_an_image_that_is_no_image_of_numbers_is_refused() -> None:
    image = np.full((40, 40, 1), np.nan, np.float32)

    with pytest.raises(ValueError, match="numbers for dists, came NaN"):
        network_distance("dists", image, image)
