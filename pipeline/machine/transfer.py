"""Between the host and its device: copies that nobody waits for, and waiting where it is meant."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def pinned(values: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array as a tensor of the host, in memory that a GPU copies from by itself."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory() if device.type == "cuda" else tensor


def upload(values: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array as a tensor on ``device``, without waiting for the device."""
    return pinned(values, device).to(device, non_blocking=True)


def wait_for(device: torch.device) -> None:
    """Wait until ``device`` has done all that it was asked for; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
