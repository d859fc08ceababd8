"""Dropout that an interrupted training repeats exactly."""

import torch
from torch import Tensor, nn

_BITS = 2**31 - 1


class Dropout(nn.Module):
    """Dropout whose masks depend on how many there were before, and on nothing else.

    The count is part of the state, so that a training that goes on from a checkpoint drops what
    the undisturbed one drops, on every device.

    Args:
        share: Of the features that are dropped; the others are made larger for it.
    """

    position: Tensor

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.samples_before = 0
        """Samples of the batch that other processes have, before those of this one."""
        # Each layer starts at a count of its own: two of them do not drop alike.
        self.register_buffer("position", torch.randint(_BITS, ()))

    def forward(self, features: Tensor) -> Tensor:
        """Drop features in training.

        Args:
            features: Any shape, the batch first.
        """
        if not self.training:
            return features
        self.position += 1
        first = self.samples_before * features[0].numel()
        numbers = torch.arange(first, first + features.numel(), device=features.device)
        drawn = _mixed(numbers ^ _mixed(self.position & _BITS)).reshape(features.shape)
        kept = (drawn >= self.share * _BITS).to(features.dtype)
        return features * kept / (1 - self.share)


def drop(share: float) -> nn.Module:
    """Return a layer that drops a share of the features; for none, one that does nothing."""
    return Dropout(share) if share else nn.Identity()


def _mixed(numbers: Tensor) -> Tensor:
    """Return numbers of 31 bits that look drawn, one for each number of 31 bits."""
    for factor in (0x45D9F3B, 0x2C1B3C6D):
        numbers = ((numbers ^ (numbers >> 16)) * factor) & _BITS
    return numbers ^ (numbers >> 15)
