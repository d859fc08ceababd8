"""MRDN: residual dense blocks that look around at several scales.

L. Bao, Z. Yang, S. Wang, D. Bai, J. Lee. Real image denoising based on multi-scale residual
dense block and cascaded U-Net with block-connection. CVPR workshops 2020. The second form is
that of https://github.com/Anand310892/Real-world-photographic-image-denoiser.

============== ======== ================
setting        paper    as written there
============== ======== ================
width          64       128
growth         32       128
layers         4        4
blocks         4        2
pyramid_entry  false    true
rates          6, 12    6, 12
pooling        image    max
repeated       false    true
dropout        0        0.3
residual       true     false
============== ======== ================

As written there, for 3 channels: 6,530,947 parameters, and an output pixel sees a square of 63.
Its blocks concatenate what is concatenated already, so that the convolution that ends a block
takes 2,176 feature maps, most of them several times over. Its recipe adds 0.03 times the sum of
all squared weights to the loss: to Adam a weight decay of 0.06.

A block is a chain of convolutions with ReLU, each of which takes all features before it, beside
a pyramid of one 1x1 convolution, dilated 3x3 convolutions, and averages of the whole image; a
1x1 convolution brings all of it to the width, and the input of the block is added. The outputs
of all blocks go through a 1x1 and a 3x3 convolution, and what the first convolution made is
added. The paper's sizes could not be checked: those of the first column are modest ones, of
889,923 parameters for 3 channels. With averages of the image an output pixel sees all of it;
``pipeline/models/parts/pooling.py`` makes them local.

Initialisation: He's where ReLU follows and Glorot's elsewhere, no biases at first, as written
there but for the truncation of He's. Differs from the paper, which trains on raw Bayer patterns
of four channels: any images; and the pyramid stands beside the chain, as written there.
"""

from collections.abc import Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from pipeline.models.parts.dropout import drop
from pipeline.models.parts.pooling import GlobalAverage

_Kept = TypeVar("_Kept", int, Tensor)


class MRDN(nn.Module):
    """Denoiser of multi-scale residual dense blocks for images of any size.

    Args:
        channels: Image channels C.
        width: Feature maps between blocks.
        growth: Feature maps that each layer of a block adds, and of each part of its pyramid.
        layers: Convolutions of the chain in a block.
        blocks: Multi-scale residual dense blocks.
        pyramid_entry: Whether a 3x3 convolution with ReLU leads into the pyramid.
        rates: Dilation of each dilated convolution of the pyramid.
        pooling: Last part of the pyramid: averages of the image behind a 1x1 convolution, or
            the largest of 3x3 features.
        repeated: Concatenate what earlier layers of the chain took once more at each layer.
        dropout: Share of the features that are dropped in training, behind each convolution of
            the pyramid and each block.
        residual: Whether the image is added to the output.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        growth: int,
        layers: int,
        blocks: int,
        pyramid_entry: bool,
        rates: Sequence[int],
        pooling: Literal["image", "max"],
        repeated: bool,
        dropout: float,
        residual: bool,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.first = _convolution(channels, width, 3)
        self.second = _convolution(width, width, 3)
        self.blocks = nn.ModuleList()
        for _ in range(blocks):
            pyramid = _Pyramid(width, growth, pyramid_entry, rates, pooling, dropout)
            block = _Block(width, growth, layers, repeated, pyramid)
            self.blocks.append(nn.Sequential(block, drop(dropout)))
        self.fusion = nn.Sequential(
            _convolution(width * (blocks + 1), width, 1), _convolution(width, width, 3)
        )
        self.tail = nn.Sequential(_convolution(width, width, 3), _convolution(width, channels, 3))

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise.

        Returns:
            Restored batch, ``(N, C, H, W)``, not clipped.
        """
        first = self.first(degraded)
        outputs = [self.second(first)]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        output: Tensor = self.tail(first + self.fusion(torch.cat(outputs, dim=1)))
        return degraded + output if self.residual else output


class _Block(nn.Module):
    def __init__(
        self, width: int, growth: int, layers: int, repeated: bool, pyramid: nn.Module
    ) -> None:
        super().__init__()
        self.repeated = repeated
        self.pyramid = pyramid
        self.chain = nn.ModuleList()
        widths = [width]
        for _ in range(layers):
            self.chain.append(_convolution(widths[-1], growth, 3, relu=True))
            widths.append(sum(self._kept(widths)) + growth)
        self.fusion = _convolution(widths[-1] + growth, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        inputs = [features]
        for layer in self.chain:
            inputs.append(torch.cat([*self._kept(inputs), layer(inputs[-1])], dim=1))
        fused: Tensor = self.fusion(torch.cat([inputs[-1], self.pyramid(features)], dim=1))
        return features + fused

    def _kept(self, inputs: list[_Kept]) -> list[_Kept]:
        """Return which inputs of layers are part of the next one; the last has those before it."""
        return inputs if self.repeated else inputs[-1:]


class _Pyramid(nn.Module):
    def __init__(
        self,
        width: int,
        growth: int,
        entry: bool,
        rates: Sequence[int],
        pooling: Literal["image", "max"],
        dropout: float,
    ) -> None:
        super().__init__()
        self.entry = _convolution(width, growth, 3, relu=True) if entry else nn.Identity()
        taken = growth if entry else width
        self.parts = nn.ModuleList(
            nn.Sequential(convolution, drop(dropout))
            for convolution in [
                _convolution(taken, growth, 1),
                *(_convolution(taken, growth, 3, dilation=rate) for rate in rates),
            ]
        )
        if pooling == "image":
            self.parts.append(nn.Sequential(GlobalAverage(1), _convolution(taken, growth, 1)))
        else:
            self.parts.append(nn.MaxPool2d(3, stride=1, padding=1))
        pooled = growth if pooling == "image" else taken
        self.fusion = _convolution(growth * (1 + len(rates)) + pooled, growth, 1)

    def forward(self, features: Tensor) -> Tensor:
        entered = self.entry(features)
        # An average is one for all pixels, unless averages are local.
        parts = [part(entered).expand(-1, -1, *features.shape[2:]) for part in self.parts]
        fused: Tensor = self.fusion(torch.cat(parts, dim=1))
        return fused


def _convolution(
    inputs: int, outputs: int, side: int, dilation: int = 1, *, relu: bool = False
) -> nn.Module:
    """Return a convolution that keeps the size, and the ReLU that follows it."""
    reach = dilation * (side // 2)
    layer = nn.Conv2d(inputs, outputs, side, padding=reach, dilation=dilation)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # made with a bias above
    if not relu:
        nn.init.xavier_uniform_(layer.weight)
        return layer
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return nn.Sequential(layer, nn.ReLU(inplace=True))
