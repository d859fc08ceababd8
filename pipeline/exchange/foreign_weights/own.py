"""Weights of this project's own networks, of any architecture: names and shapes say which."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.exchange.foreign_weights.chain import Values
from pipeline.exchange.foreign_weights.containers import read_tensors, recognise
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model

LAYOUT = "restore"
"""What ``params.yaml`` calls it."""


def read_own(path: Path, model: Model) -> dict[str, Tensor] | None:
    """Return the state dict of our network in a file; None if it holds anything else.

    Args:
        path: The file.
        model: Architecture and size of our network.

    Raises:
        ForeignWeightsError: The file cannot be read.
    """
    container = recognise(path)
    if container not in {"torch", "safetensors"}:
        return None
    return _as_own(read_tensors(path, container), model)


def _as_own(tensors: Mapping[str, Values], model: Model) -> dict[str, Tensor] | None:
    own = build_model(model, seed=0).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    if shapes != {name: values.shape for name, values in tensors.items()}:
        return None
    return {
        name: torch.from_numpy(np.ascontiguousarray(values)).to(own[name].dtype)
        for name, values in tensors.items()
    }
