"""Trainings that begin with the weights of another one."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipeline.training.start import take_over


def network(outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, outputs, 3))


def test_tensors_of_the_same_name_and_shape_are_taken_over(tmp_path: Path) -> None:
    other, own = network(2), network(3)
    save_file(other.state_dict(), tmp_path / "weights.safetensors")
    last = own.state_dict()["1.weight"].clone()

    facts = take_over(own, tmp_path / "weights.safetensors")

    taken, given = own.state_dict(), other.state_dict()
    assert torch.equal(taken["0.weight"], given["0.weight"])
    assert torch.equal(taken["1.weight"], last)
    assert facts["new"] == ["1.bias", "1.weight"]


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"layer": torch.zeros(2)}, tmp_path / "weights.safetensors")

    with pytest.raises(ValueError, match=r"tensors like 0\.weight; came none .* but layer"):
        take_over(network(1), tmp_path / "weights.safetensors")
