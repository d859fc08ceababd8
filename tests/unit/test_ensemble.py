"""The mean over flips and turns of an image."""

import pytest
import torch
from torch import nn

from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.tiling.ensemble import SelfEnsemble
from pipeline.tiling.halo import measure_halo
from pipeline.tiling.restorer import Restorer


def turned(image: torch.Tensor, turns: int, mirrored: bool) -> torch.Tensor:
    image = torch.rot90(image, turns, (2, 3))
    return image.flip(3) if mirrored else image


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_image_gives_the_turned_result(turns: int, mirrored: bool) -> None:
    network = SelfEnsemble(nn.Conv2d(1, 1, 3, padding=1))
    image = torch.rand(1, 1, 9, 12)

    with torch.no_grad():
        straight, other = network(image), network(turned(image, turns, mirrored))

    assert torch.allclose(turned(straight, turns, mirrored), other, atol=1e-6)


def test_a_network_that_every_turn_suits_is_left_as_it_is() -> None:
    image = torch.rand(2, 3, 8, 6)

    assert torch.allclose(SelfEnsemble(nn.Identity())(image), image, atol=1e-6)


def test_the_result_is_the_mean_of_eight_looks() -> None:
    class Corner(nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            marked = torch.zeros_like(batch)
            marked[..., 0, 0] = 8
            return marked

    result = SelfEnsemble(Corner())(torch.rand(1, 1, 4, 5))

    expected = torch.zeros(1, 1, 4, 5)
    expected[..., [0, 0, -1, -1], [0, -1, 0, -1]] = 2
    assert torch.equal(result, expected)


def test_it_is_tiled_exactly() -> None:
    settings = DnCNN(channels=1, width=4, depth=4, batch_norm=False, residual=True)
    network = build_model(settings, 0).eval()
    ensemble, halo = SelfEnsemble(network), measure_halo(network, 1)
    image = torch.rand(37, 50, 1).numpy()

    tiled = Restorer(ensemble, torch.device("cpu"), tile=16, halo=halo).restore(image)

    whole = Restorer(ensemble, torch.device("cpu"), tile=64, halo=halo).restore(image)
    assert abs(tiled - whole).max() < 1e-5
