"""EDSR: residual blocks without normalisation on the low-resolution image, then a pixel shuffle.

B. Lim, S. Son, H. Kim, S. Nah, K. M. Lee. Enhanced deep residual networks for single image
super-resolution. CVPR workshops 2017. https://arxiv.org/abs/1707.02921

======== ====== ===== ============== =======================================
variant  blocks width residual_scale parameters (3 channels, x2 / x3 / x4)
======== ====== ===== ============== =======================================
baseline 16     64    1              1,369,859 / 1,554,499 / 1,517,571
full     32     256   0.1            40,729,603 / 43,680,003 / 43,089,923
======== ====== ===== ============== =======================================

An output pixel sees a square of 72 low-resolution pixels in the baseline, 136 in the full size;
one more for x4.
The input is the low-resolution image; x4 is x2 twice. The mean of the training set is taken
off the image and added to the output: 0.4488, 0.4371, 0.4040 for DIV2K. The paper starts the
networks for x3 and x4 with the weights of that for x2: ``start`` of an experiment.

Initialisation is PyTorch's own, as in the authors' code. Differs from the paper: nothing with
``residual: false``. With ``residual: true`` each pixel of the input, repeated upscale x upscale
times, is added to the output in place of the mean, so that the network predicts what the image
lacks and learns in minutes; the idea is that of the anchors of Z. Du et al., Anchor-based plain
net for mobile image super-resolution, https://arxiv.org/abs/2105.09750. ``upscale: 1`` has no
upsampler: the body of EDSR for images that keep their size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class EDSR(nn.Module):
    """Super-resolution network for low-resolution images of any size.

    Args:
        channels: Image channels C.
        width: Feature maps of all layers.
        blocks: Residual blocks of two convolutions.
        upscale: How many times larger the output is, along each axis: 1, 2, 3 or 4.
        residual_scale: Factor of each block's output before it is added.
        mean: What is taken off each channel, in [0, 1].
        residual: Repeated input pixels are added to the output; otherwise the mean is.
    """

    mean: Tensor

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        blocks: int,
        upscale: int,
        residual_scale: float,
        mean: Sequence[float],
        residual: bool,
    ) -> None:
        super().__init__()
        self.upscale = upscale
        self.residual = residual
        # A setting, not a weight: it stays out of the state dict.
        self.register_buffer("mean", torch.tensor(list(mean)).reshape(-1, 1, 1), persistent=False)
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(width, residual_scale) for _ in range(blocks)))
        self.body = nn.Conv2d(width, width, 3, padding=1)
        factors = {1: [], 2: [2], 3: [3], 4: [2, 2]}[upscale]
        steps: list[nn.Module] = []
        for factor in factors:
            steps += [nn.Conv2d(width, width * factor**2, 3, padding=1), nn.PixelShuffle(factor)]
        self.upsampler = nn.Sequential(*steps)
        self.tail = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise and overshoot.

        Returns:
            Restored batch, ``(N, C, upscale x H, upscale x W)``, not clipped.
        """
        features = self.head(degraded - self.mean)
        features = features + self.body(self.blocks(features))
        output: Tensor = self.tail(self.upsampler(features))
        return output + (_repeated(degraded, self.upscale) if self.residual else self.mean)


class _Block(nn.Module):
    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        added: Tensor = self.layers(features)
        return torch.add(features, added, alpha=self.scale)


def _repeated(image: Tensor, times: int) -> Tensor:
    """Return ``(N, C, H, W)`` with every pixel ``times`` x ``times`` times."""
    count, channels, height, width = image.shape
    spread = image[:, :, :, None, :, None].expand(-1, -1, -1, times, -1, times)
    return spread.reshape(count, channels, height * times, width * times)
