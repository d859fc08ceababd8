import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.weights_file import WeightsError, load_weights
from pipeline.exchange.exporting import ExportError
from pipeline.exchange.exporting.checked_export import export
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.tiling.trained_network import load_network
from pipeline.training.start import take_over

MODEL = DnCNN(channels=1, width=4, depth=4, batch_norm=True, residual=True)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Return the weights of a network, with their card beside them."""
    path = tmp_path / "weights.safetensors"
    save_file(build_model(MODEL, seed=1).state_dict(), path)
    path.with_name("card.json").write_text(json.dumps({"weights_sha256": sha256_of(path)}))
    return path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut_without_card(path: Path) -> None:
    cut(path)
    path.with_name("card.json").unlink()


def cut_card(path: Path) -> None:
    cut(path.with_name("card.json"))


def nest_card(path: Path) -> None:
    path.with_name("card.json").write_text("[" * 100_000)


DAMAGES = {
    cut: r"weights\.safetensors: expected the weights that card\.json",
    flip_a_bit: r"weights\.safetensors: expected the weights that card\.json",
    cut_without_card: r"weights\.safetensors: expected a whole safetensors file",
    cut_card: r"card\.json: expected JSON",
    nest_card: r"card\.json: expected JSON",
}


def test_whole_weights_are_loaded(weights: Path) -> None:
    network = build_model(MODEL, seed=2)

    load_weights(network, weights)

    expected = build_model(MODEL, seed=1).state_dict()
    assert all(torch.equal(network.state_dict()[name], expected[name]) for name in expected)


@pytest.mark.parametrize(("damage", "said"), DAMAGES.items())
def test_damaged_weights_are_named_and_restore_nothing(
    damage: Callable[[Path], None], said: str, weights: Path
) -> None:
    damage(weights)

    with pytest.raises(ValueError, match=said):
        load_network(MODEL, weights.parent)


@pytest.mark.parametrize(("damage", "said"), DAMAGES.items())
def test_damaged_weights_start_no_training(
    damage: Callable[[Path], None], said: str, weights: Path
) -> None:
    damage(weights)

    with pytest.raises(ValueError, match=said):
        take_over(build_model(MODEL, seed=2), weights)


@pytest.mark.parametrize(("damage", "said"), DAMAGES.items())
def test_damaged_weights_are_not_exported(
    damage: Callable[[Path], None], said: str, weights: Path
) -> None:
    damage(weights)

    with pytest.raises(ExportError, match=said):
        export("some", "dncnn", MODEL, weights, weights.with_name("net.pt2"))


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    with pytest.raises(WeightsError, match="does not hold the weights of the Conv2d"):
        load_weights(nn.Conv2d(1, 1, 3), weights)
