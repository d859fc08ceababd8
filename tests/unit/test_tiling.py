"""Tiles against the whole image, for networks with weights as large as trained ones have."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.images import Array
from pipeline.models import build_model
from pipeline.params import VDSR, DnCNN, Model, RedNet
from pipeline.tiling.folding import fold_normalisation
from pipeline.tiling.halo import measure_halo
from pipeline.tiling.restoring import Restorer, apply
from pipeline.tiling.spans import spans

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORKS: dict[str, Model] = {
    "dncnn": DnCNN(channels=1, width=6, depth=5, batch_norm=True),
    "dncnn colour": DnCNN(channels=3, width=6, depth=5, batch_norm=True),
    "dncnn without normalisation": DnCNN(channels=1, width=6, depth=5, batch_norm=False),
    "vdsr": VDSR(channels=1, width=6, depth=5),
    "vdsr colour": VDSR(channels=3, width=6, depth=5),
    "rednet": RedNet(channels=1, width=6, depth=6),
    "rednet colour": RedNet(channels=3, width=6, depth=6),
}


def network_of(settings: Model, device: torch.device) -> nn.Module:
    """Return a network in evaluation mode, with biases: they make padding differ from nothing."""
    network = build_model(settings, 0).eval()
    source = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.dim() == 1:
            nn.init.uniform_(parameter, 0.1, 0.5, generator=source)
    return network.to(device)


def restore(
    degraded: Array, network: nn.Module, device: torch.device, tile: int, halo: int
) -> Array:
    return Restorer(network, device, tile=tile, halo=halo).restore(degraded)


def photo(height: int, width: int, channels: int) -> Array:
    return np.random.default_rng(0).random((height, width, channels), dtype=np.float32)


# -------------------------------------------------------------------------------- spans


AXES = [
    (length, core, halo)
    for length in (1, 2, 15, 16, 17, 47, 64, 100)
    for core in (1, 7, 16, 64)
    for halo in (0, 1, 5, 30)
]


@pytest.mark.parametrize(("length", "core", "halo"), AXES)
def test_cores_cover_each_pixel_once(length: int, core: int, halo: int) -> None:
    pixels = [pixel for span in spans(length, core, halo) for pixel in range(span.first, span.last)]

    assert pixels == list(range(length))


@pytest.mark.parametrize(("length", "core", "halo"), AXES)
def test_windows_stay_inside_and_have_one_length(length: int, core: int, halo: int) -> None:
    found = spans(length, core, halo)

    assert {span.stop - span.start for span in found} == {min(length, core + 2 * halo)}
    assert all(0 <= span.start <= span.first < span.last <= span.stop <= length for span in found)


@pytest.mark.parametrize(("length", "core", "halo"), AXES)
def test_window_ends_beyond_the_halo_or_with_the_image(length: int, core: int, halo: int) -> None:
    for span in spans(length, core, halo):
        assert span.start == 0 or span.first - span.start >= halo
        assert span.stop == length or span.stop - span.last >= halo


# ------------------------------------------------------------------------------ exactness


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("height", "width", "tile"),
    [(48, 64, 16), (49, 67, 16), (37, 53, 20), (31, 90, 7), (10, 12, 16), (1, 70, 16), (70, 1, 16)],
)
def test_tiles_give_the_result_of_the_whole_image(
    name: str, height: int, width: int, tile: int, device: torch.device
) -> None:
    settings = NETWORKS[name]
    network = network_of(settings, device)
    degraded = photo(height, width, settings.channels)

    tiled = restore(degraded, network, device, tile, measure_halo(network, settings.channels))

    whole = apply(degraded, network, device)
    assert tiled.dtype == np.float32
    assert tiled.shape == degraded.shape
    assert np.abs(tiled - whole).max() <= 1e-5


@pytest.mark.parametrize("name", NETWORKS)
def test_smaller_halo_is_not_exact(name: str) -> None:
    settings, device = NETWORKS[name], torch.device("cpu")
    network = network_of(settings, device)
    degraded = photo(49, 67, settings.channels)
    halo = measure_halo(network, settings.channels)

    tiled = restore(degraded, network, device, 16, halo - 1)

    assert np.abs(tiled - apply(degraded, network, device)).max() > 1e-4


def test_folded_network_is_tiled_exactly_too() -> None:
    settings, device = NETWORKS["dncnn"], torch.device("cpu")
    network = network_of(settings, device)
    degraded = photo(49, 67, 1)
    whole = apply(degraded, network, device)

    tiled = restore(degraded, fold_normalisation(network), device, 16, settings.depth)

    assert np.abs(tiled - whole).max() <= 1e-5


@pytest.mark.parametrize(("height", "width"), [(16, 16), (13, 5)])
def test_image_within_a_tile_is_restored_in_one_piece(height: int, width: int) -> None:
    settings, device = NETWORKS["rednet"], torch.device("cpu")
    network = network_of(settings, device)
    degraded = photo(height, width, 1)

    restored = restore(degraded, network, device, 16, 6)

    assert np.array_equal(restored, apply(degraded, network, device))


def test_degraded_image_is_left_alone() -> None:
    settings, device = NETWORKS["vdsr"], torch.device("cpu")
    degraded = photo(30, 40, 1)
    before = degraded.copy()

    restore(degraded, network_of(settings, device), device, 16, 5)

    assert np.array_equal(degraded, before)


# ------------------------------------------------------------------------------- the halo


class Pooled(nn.Module):
    """A network that looks at the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, degraded: Tensor) -> Tensor:
        seen: Tensor = self.layer(degraded)
        return seen * seen.mean(dim=(2, 3), keepdim=True)


def stack(layers: int, kernel: int, dilation: int = 1) -> nn.Module:
    return nn.Sequential(
        *[
            nn.Conv2d(1, 1, kernel, padding=dilation * (kernel // 2), dilation=dilation)
            for _ in range(layers)
        ]
    )


@pytest.mark.parametrize(
    ("network", "halo"),
    [
        (stack(1, 1), 0),
        (stack(1, 3), 1),
        (stack(3, 5), 6),
        (stack(2, 3, dilation=6), 12),
        (stack(31, 3), 31),
        (stack(40, 3), 40),
        (stack(7, 3, dilation=30), 210),
        (stack(1, 3, dilation=250), 250),
    ],
)
def test_halo_is_how_far_the_network_looks(network: nn.Module, halo: int) -> None:
    assert measure_halo(network, 1) == halo


def test_silent_weights_count_too() -> None:
    network = stack(3, 3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(-1)

    assert measure_halo(nn.Sequential(network, nn.ReLU()), 1) == 3


def test_measuring_leaves_the_network_as_it_is() -> None:
    network = build_model(NETWORKS["dncnn"], 0).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}

    measure_halo(network, 1)

    after = network.state_dict()
    assert network.training
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("network", [Pooled(), stack(9, 3, dilation=30)], ids=["pooled", "wide"])
def test_network_without_a_limit_is_refused(network: nn.Module) -> None:
    with pytest.raises(ValueError, match="further than 255 pixels"):
        measure_halo(network, 1)
