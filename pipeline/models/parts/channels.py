"""Images whose channels go through one-channel networks one by one, and come together again."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class EachChannel(nn.Module):
    """Restores every channel by itself.

    Args:
        networks: One that all channels share, however many there are; or one a channel.
        noise_map: Whether the last channel of the input is a noise-level map, which goes with
            each of the others.
    """

    def __init__(self, networks: Sequence[nn.Module], noise_map: bool) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self._map = int(noise_map)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise, the noise-level map behind it if
                there is one.

        Returns:
            Restored batch of C channels, not clipped.

        Raises:
            ValueError: There is a network a channel, and the batch has another number of them.
        """
        channels = degraded.shape[1] - self._map
        maps = degraded[:, channels:]
        if len(self.networks) == 1:
            planes = degraded[:, :channels].flatten(0, 1)[:, None]
            planes = torch.cat([planes, maps.repeat_interleave(channels, dim=0)], dim=1)
            restored: Tensor = self.networks[0](planes)
            return restored.reshape(len(degraded), channels, *restored.shape[2:])
        if channels != len(self.networks):
            raise ValueError(
                f"expected images of {len(self.networks)} channels, one for each network; came "
                f"{channels}"
            )
        return torch.cat(
            [
                network(torch.cat([degraded[:, number : number + 1], maps], dim=1))
                for number, network in enumerate(self.networks)
            ],
            dim=1,
        )
