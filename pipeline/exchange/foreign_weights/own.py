"""Weights of this project's own networks, of any architecture: names and shapes say which."""

from collections.abc import Mapping

from torch import Tensor

from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model

LAYOUT = "restore"
"""What ``params.yaml`` calls it."""


def own_tensors(model: Model) -> dict[str, Tensor]:
    """Return the tensors that our network has before any training, by name."""
    return build_model(model, seed=0).state_dict()


def as_own(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Return the state dict of our network, in its own precision; None if it is anything else.

    Args:
        tensors: What a file holds, by name.
        own: What our network has, as ``own_tensors`` returns it.
    """
    if tensors.keys() != own.keys() or any(tensors[n].shape != own[n].shape for n in own):
        return None
    return {
        name: tensor.detach().to(own[name].dtype).contiguous() for name, tensor in tensors.items()
    }
