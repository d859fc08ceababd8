"""RUNet: the house network, a small residual U-Net without normalisation.

After DRUNet: K. Zhang, Y. Li, W. Zuo, L. Zhang, L. Van Gool, R. Timofte. Plug-and-play image
restoration with deep denoiser prior. IEEE TPAMI 44(10), 2022. https://arxiv.org/abs/2008.13751

================ ========= ========== =============== =============
widths           blocks    parameters receptive field MACs a pixel
================ ========= ========== =============== =============
12 24 48         1 1 1     79,489     51              14 thousand
16 32 64         1 1 1     141,057    51              25 thousand
16 32 64         2 2 2     261,185    91              48 thousand
24 48 96         2 2 2     586,849    91              109 thousand
64 128 256 512   4 4 4 4   32,650,753 371             2.1 million
================ ========= ========== =============== =============

(Gray images, no noise map.)

Every level works at half the resolution of the one above. On the way down and again on the way
up it has the same number of residual blocks, convolution, ReLU, convolution; strided 2x2
convolutions lead down and transposed ones up, and what a level had on the way down is added on
the way up. The sum of the image and of what the network makes of it is the output, whatever
degraded the image: noise, the blocks of JPEG, or an interpolation from low resolution.

Differs from DRUNet: widths and blocks are settings (DRUNet: 64 128 256 512, four each); the
noise map is optional; convolutions have a bias, so that output need not scale with input; the
image itself is added at the end. At the start the blocks and the last convolution are nearly
silent, which without normalisation is what lets it learn at high rates from the first step: at
He's full scale, 16 32 64 with 2 2 2 blocks was 1.9 dB behind after 600 steps of 8 patches.
"""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from pipeline.models.parts.grid import pad_to_multiple

_BRANCH = 0.1
"""Of He's scale: the last convolution of a block at the start."""

_CORRECTION = 0.1
"""Of He's scale: the last convolution of the network at the start."""


class RUNet(nn.Module):
    """Residual U-Net for images of any size from that of its grid on.

    Args:
        channels: Image channels C.
        widths: Feature maps of each level, from the full resolution down.
        blocks: Residual blocks of each level, on the way down and again on the way up; at the
            lowest level once.
        noise_map: Whether the input has one more channel, the noise level sigma/255 of each
            pixel.
    """

    def __init__(
        self, *, channels: int, widths: list[int], blocks: list[int], noise_map: bool
    ) -> None:
        super().__init__()
        self.channels = channels
        self.multiple = 2 ** (len(widths) - 1)
        self.first = nn.Conv2d(channels + int(noise_map), widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            _blocks(width, count) for width, count in zip(widths, blocks, strict=True)
        )
        self.down = nn.ModuleList(nn.Conv2d(n, m, 2, stride=2) for n, m in pairwise(widths))
        up = [nn.ConvTranspose2d(m, n, 2, stride=2) for n, m in pairwise(widths)]
        self.up = nn.ModuleList(up)
        self.decoder = nn.ModuleList(
            _blocks(width, count) for width, count in list(zip(widths, blocks, strict=True))[:-1]
        )
        self.last = nn.Conv2d(widths[0], channels, 3, padding=1)
        _start([self.first, *self.down], "linear")
        _start([self.last], "linear", _CORRECTION)
        for layer in up:
            # Without an overlap each of its outputs is a sum of one value a feature map.
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.weight.shape[0]))
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # made with a bias above

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise, the noise map behind it if the
                network takes one.

        Returns:
            Restored batch, ``(N, C, H, W)``, not clipped.

        Raises:
            ValueError: A side is shorter than ``multiple``.
        """
        height, width = degraded.shape[-2:]
        features = self.first(pad_to_multiple(degraded, self.multiple))
        passed = []
        for blocks, down in zip(self.encoder, self.down, strict=False):
            passed.append(blocks(features))
            features = down(passed[-1])
        features = self.encoder[-1](features)
        for blocks, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            features = blocks(up(features) + passed.pop())
        correction: Tensor = self.last(features)[..., :height, :width]
        # The image stays float32 whatever the convolutions compute in.
        return degraded[:, : self.channels] + correction


class _Block(nn.Module):
    """A convolution, a ReLU and another convolution, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(width, width, 3, padding=1)
        self.outer = nn.Conv2d(width, width, 3, padding=1)
        _start([self.inner], "relu")
        _start([self.outer], "linear", _BRANCH)

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.outer(relu(self.inner(features), inplace=True))
        return features + change


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width) for _ in range(count)))


def _start(layers: Iterable[Any], followed_by: Literal["relu", "linear"], scale: float = 1) -> None:
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity=followed_by)
        with torch.no_grad():
            layer.weight.mul_(scale)
        nn.init.zeros_(layer.bias)
