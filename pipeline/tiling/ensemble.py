"""The mean of what a network makes of an image flipped and turned in all eight ways.

B. Lim, S. Son, H. Kim, S. Nah, K. M. Lee. Enhanced deep residual networks for single image
super-resolution. CVPR workshops 2017 (EDSR+, section 3.4). https://arxiv.org/abs/1707.02921
"""

from itertools import product

import torch
from torch import Tensor, nn


class SelfEnsemble(nn.Module):
    """Eight looks at each image.

    Args:
        network: In evaluation mode; a flipped image may come out otherwise than the flipped
            result.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise.

        Returns:
            The network's restored batch, not clipped, averaged over flips and quarter turns.
        """
        ways = product(range(4), (False, True))
        looks = (self._look(degraded, turns, mirrored) for turns, mirrored in ways)
        return sum(looks, start=torch.zeros((), device=degraded.device)) / 8

    def _look(self, degraded: Tensor, turns: int, mirrored: bool) -> Tensor:
        image = torch.rot90(degraded, turns, (2, 3))
        if mirrored:
            image = image.flip(3)
        restored: Tensor = self.network(image.contiguous(memory_format=torch.channels_last))
        # Sums of what a short format makes would lose its last digits.
        restored = restored.float()
        if mirrored:
            restored = restored.flip(3)
        return torch.rot90(restored, -turns, (2, 3))
