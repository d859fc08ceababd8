"""VDSR: a very deep network that adds the missing detail to an interpolated image.

J. Kim, J. K. Lee, K. M. Lee. Accurate image super-resolution using very deep convolutional
networks. CVPR 2016. https://arxiv.org/abs/1511.04587

Depth 20 and width 64: 665,921 parameters, receptive field 41. The input is the low-resolution
luma interpolated to full size; one network serves several scales.

As in the paper, convolutions have a bias (some public ports leave it out: 664,704 parameters)
and He initialisation. The clipping of every gradient value to theta over the learning rate
belongs to the recipe (``clip: {kind: value_over_rate}``). Differs from the paper: nothing known.
"""

from torch import Tensor, nn


class VDSR(nn.Module):
    """Residual super-resolution network for images of any size.

    Args:
        channels: Image channels C.
        width: Feature maps of the hidden layers.
        depth: Convolutions in all, the first and the last included.
    """

    def __init__(self, *, channels: int, width: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in [channels, *[width] * (depth - 2)]:
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(width, channels, 3, padding=1))
        self.detail = nn.Sequential(*layers)
        for layer in self.detail:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # made with a bias above

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to overshoot, interpolated to full size.

        Returns:
            Restored batch, ``(N, C, H, W)``, not clipped.
        """
        detail: Tensor = self.detail(degraded)
        return degraded + detail
