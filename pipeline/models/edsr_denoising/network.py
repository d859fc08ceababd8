"""EDSR for denoising: the network of a web tutorial as it is written there, and corrected.

Anand310892, Real-world photographic image denoiser, after B. Lim et al., Enhanced deep residual
networks for single image super-resolution (https://arxiv.org/abs/1707.02921), which
``pipeline/models/edsr`` holds. https://github.com/Anand310892/Real-world-photographic-image-denoiser

===================== ============ ===========
setting               as written   corrected
===================== ============ ===========
slope                 0.1          0
block_end_activation  true         false
block_pooling         true         false
block_skip            false        true
residual_scale        1            0.1
body_end_activation   true         false
tail                  shuffled     plain
residual              false        true
===================== ============ ===========

As written, with width 128, 8 blocks and 3 channels: 3,106,391 parameters, and an output pixel
sees a square of 51 pixels. Its blocks promise a scaled sum and have none: features go through 8
averages over 2x2 pixels one after the other, which blur them (of a wave of four pixels a
sixteenth is left) and move them by 4 pixels against what they are added to. The tail doubles
the sides, squeezes all features into the channels of the image, and averages the doubled sides
away. Nothing brings the image itself to the output.

Initialisation as written: He's in blocks and body, Glorot's elsewhere, no biases at first.
Differs: He's normal distribution is not truncated. The tutorial's ``scale`` is 2 here: with
another one the output would not have the size of the input.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d


class EDSRDenoising(nn.Module):
    """Denoiser of residual blocks for images of any size.

    Args:
        channels: Image channels C.
        width: Feature maps of all layers.
        blocks: Blocks of two convolutions.
        slope: Of the activations below zero; 0 is ReLU.
        block_end_activation: Whether an activation follows the second convolution of a block.
        block_pooling: Whether a block ends with averages over 2x2 pixels.
        block_skip: Whether the input of a block is added to its output.
        residual_scale: Factor of the output of a block before the sum.
        body_end_activation: Whether an activation follows the convolution behind the blocks.
        tail: One convolution; or pixels shuffled to twice the size, a convolution to C channels,
            averages over 2x2 pixels and one more convolution.
        residual: Whether the image is added to the output.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        blocks: int,
        slope: float,
        block_end_activation: bool,
        block_pooling: bool,
        block_skip: bool,
        residual_scale: float,
        body_end_activation: bool,
        tail: Literal["plain", "shuffled"],
        residual: bool,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.blocks = nn.Sequential()
        for _ in range(blocks):
            layers = [
                nn.Conv2d(width, width, 3, padding=1),
                _activation(slope),
                nn.Conv2d(width, width, 3, padding=1),
            ]
            layers += [_activation(slope)] if block_end_activation else []
            layers += [_Average()] if block_pooling else []
            block = nn.Sequential(*layers)
            self.blocks.append(_Skip(block, residual_scale) if block_skip else block)
        body: list[nn.Module] = [nn.Conv2d(width, width, 3, padding=1)]
        body += [_activation(slope)] if body_end_activation else []
        self.body = nn.Sequential(*body)
        if tail == "plain":
            self.tail = nn.Sequential(nn.Conv2d(width, channels, 3, padding=1))
        else:
            self.tail = nn.Sequential(
                nn.Conv2d(width, 4 * width, 3, padding=1),
                nn.PixelShuffle(2),
                nn.Conv2d(width, channels, 3, padding=1),
                nn.AvgPool2d(2),
                nn.Conv2d(channels, channels, 3, padding=1),
            )
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Conv2d):
                if name.startswith(("blocks.", "body.")):
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                else:
                    nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # made with a bias above

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise.

        Returns:
            Restored batch, ``(N, C, H, W)``, not clipped.
        """
        features = self.head(degraded)
        features = features + self.body(self.blocks(features))
        output: Tensor = self.tail(features)
        return degraded + output if self.residual else output


class _Skip(nn.Module):
    def __init__(self, block: nn.Module, scale: float) -> None:
        super().__init__()
        self.block = block
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        added: Tensor = self.block(features)
        return torch.add(features, added, alpha=self.scale)


class _Average(nn.Module):
    """The mean of a pixel and its neighbours to the right, below and between; of those there are.

    What TensorFlow does for windows of 2x2 and stride 1 with padding ``same``.
    """

    def forward(self, features: Tensor) -> Tensor:
        means = avg_pool2d(features, 2, stride=1, padding=1, count_include_pad=False)
        return means[..., 1:, 1:]


def _activation(slope: float) -> nn.Module:
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
