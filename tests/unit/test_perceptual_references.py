"""LPIPS and DISTS beside the packages of their authors, on the same random networks.

The packages ask torchvision for networks that need a download: a stand-in gives them random ones,
and what they ship, the weights of the features, is their own.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.tables import read_table
from pipeline.measuring.backbones import CORE, LAYOUTS
from pipeline.measuring.dists import dists
from pipeline.measuring.lpips import lpips
from pipeline.measuring.perceptual_files import WeightsFile
from tests.imagenet_networks import Network, alexnet, vgg16, weights_of
from tests.project import ROOT

CHECKSUMS = {
    row.name: row.sha256
    for row in read_table(ROOT / "pipeline/measuring/perceptual_files.csv", WeightsFile)
}

PHOTOS = {
    "colour": data.astronaut()[20:101, 150:243],
    "gray": np.repeat(data.camera()[100:164, 60:126, None], 3, axis=2),
    "larger than a window": np.tile(data.cat()[:, :32], (3, 1, 1))[: CORE + 34],
}

every_photo = pytest.mark.parametrize("photo", PHOTOS)


@pytest.fixture(autouse=True)
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    models = ModuleType("torchvision.models")

    def give_alexnet(*, pretrained: bool) -> Network:
        assert pretrained
        return alexnet()

    def give_vgg16(*, pretrained: bool) -> Network:
        assert pretrained
        return vgg16()

    vars(models).update(alexnet=give_alexnet, vgg16=give_vgg16)
    transforms = ModuleType("torchvision.transforms")
    package = ModuleType("torchvision")
    vars(package).update(models=models, transforms=transforms)
    for module in (package, models, transforms):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def pair(photo: str, sigma: float) -> tuple[Tensor, Tensor]:
    """Return a photograph and a noisy one, both of 8 bits."""
    clean = PHOTOS[photo]
    noise = np.random.default_rng(0).normal(0, sigma, clean.shape)
    noisy = np.clip(clean + noise, 0, 255).round().astype(np.uint8)
    return batch(clean), batch(noisy)


def batch(image: Any) -> Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


def head_of(package: ModuleType, place: str, name: str) -> dict[str, Tensor]:
    """Return what a package ships, which has to be what our table of checksums has."""
    assert package.__file__ is not None
    path = Path(package.__file__).parent / place
    assert sha256_of(path) == CHECKSUMS[name]
    head: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return head


@every_photo
@pytest.mark.parametrize("sigma", [2, 40])
@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_is_that_of_its_authors(photo: str, sigma: float, net: str) -> None:
    theirs = pytest.importorskip("lpips", reason="needs the package lpips, without torchvision")
    clean, noisy = pair(photo, sigma)
    network, layout = {
        "alex": (alexnet(), LAYOUTS["alexnet"]),
        "vgg": (vgg16(), LAYOUTS["vgg16"]),
    }[net]
    head = head_of(theirs, f"weights/v0.1/{net}.pth", f"lpips_{net}")
    with torch.inference_mode():
        expected = theirs.LPIPS(net=net, verbose=False)(clean, noisy, normalize=True).item()

    found = lpips(clean, noisy, weights_of(network), layout, head)

    assert expected > 1e-5
    assert found == pytest.approx(expected, abs=1e-6)


@every_photo
@pytest.mark.parametrize("sigma", [2, 40])
def test_dists_is_that_of_its_authors(photo: str, sigma: float) -> None:
    theirs = pytest.importorskip(
        "DISTS_pytorch", reason="needs the package dists-pytorch, without torchvision"
    )
    clean, noisy = pair(photo, sigma)
    head = head_of(theirs, "weights.pt", "dists")
    # It looks for its weights where Python is installed, not where it is.
    measure = theirs.DISTS(load_weights=False)
    measure.alpha.data, measure.beta.data = head["alpha"], head["beta"]
    expected = measure(clean, noisy).item()

    found = dists(clean, noisy, weights_of(vgg16()), LAYOUTS["vgg16"], head)

    assert expected > 1e-5
    assert found == pytest.approx(expected, abs=1e-6)
