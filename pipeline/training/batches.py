"""Where the steps of a training get their batches from."""

from typing import Protocol

import torch
from torch import Tensor


class Batches(Protocol):
    """Batches by step number, on the device of the training.

    The batch of a step depends on the step and on nothing that was asked before.
    """

    @property
    def device(self) -> torch.device:
        """Where they are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first tensor of each batch; the first number is that of its samples."""

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return what the network gets at a step, and what the objective compares with."""

    def release(self) -> bool:
        """Keep on the device only what the next batches need; tell whether that frees memory."""
