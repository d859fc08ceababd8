"""MWRCANet: a wavelet U-Net of residual channel-attention blocks.

Team HITVPC&HUAWEI in A. Abdelhamed et al., NTIRE 2020 challenge on real image denoising, CVPR
workshops 2020 (https://arxiv.org/abs/2005.04117); after P. Liu et al., Multi-level wavelet-CNN
(https://arxiv.org/abs/1805.07071), and Y. Zhang et al., residual channel attention networks
(https://arxiv.org/abs/1807.02758). The form here is that of a web tutorial,
https://github.com/Anand310892/Real-world-photographic-image-denoiser, and its corrections.

================ ============= ========== =============
setting          as written    corrected  team's code
================ ============= ========== =============
widths           64, 256, 512  the same   96, 128, 128
blocks           3             3          20
reduction        4             4          16
second_kernel    1             3          3
group_residual   attention     sum        sum
orthonormal      false         true       true
prelu            256           shared     shared
last_activation  true          false      false
================ ============= ========== =============

As written, for 3 channels: 58,168,364 parameters, of which 20,643,840 are slopes of activations,
one a pixel and feature map, so that every image has to be of 256x256 pixels. With one slope a
layer images may have any size from the grid of 8 pixels on. Its groups lose their last sum, and
its last activation starts by cutting most negative wavelet coefficients off the correction.
The team's code, 27,229,797 parameters, is not within these settings: it has one group less at
the coarsest level, other first and last layers, and a sum of wavelet coefficients at the end.

Channel attention averages over the whole image: an output pixel sees all of it.
``pipeline/models/parts/pooling.py`` makes the averages local.

Initialisation as written: Glorot's, He's in attention and in slopes of pixels; one slope a layer
starts at 0.25. He's normal distribution is not truncated here.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from pipeline.models.parts.grid import pad_to_multiple
from pipeline.models.parts.pooling import GlobalAverage


class MWRCANet(nn.Module):
    """Wavelet denoiser for images of any size, or of one.

    Args:
        channels: Image channels C.
        widths: Feature maps of each level, the finest first.
        blocks: Blocks of each group; a level has a group on the way down and one on the way up.
        reduction: Feature maps for each one in the middle of the attention.
        second_kernel: Side of the kernel of a block's second convolution.
        group_residual: What the last convolution of a group takes: the sum of its blocks, or
            what the last attention put out.
        orthonormal: Whether wavelet coefficients keep the energy of the image; otherwise each
            level multiplies it by four.
        prelu: One slope a layer; or the side of the images, for one slope a pixel and feature
            map.
        last_activation: Whether an activation follows the last convolution.
    """

    def __init__(
        self,
        *,
        channels: int,
        widths: Sequence[int],
        blocks: int,
        reduction: int,
        second_kernel: Literal[1, 3],
        group_residual: Literal["attention", "sum"],
        orthonormal: bool,
        prelu: int | Literal["shared"],
        last_activation: bool,
    ) -> None:
        super().__init__()
        self.orthonormal = orthonormal
        self.side = None if prelu == "shared" else prelu
        self.multiple = 1 << len(widths)
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for level, (outer, inner) in enumerate(
            zip([channels, *widths[:-1]], widths, strict=True), start=1
        ):
            stride = 2**level
            side = None if self.side is None else self.side // stride
            groups = [
                _Group(inner, blocks, reduction, second_kernel, group_residual, stride, side)
                for _ in range(2)
            ]
            self.encoder.append(
                nn.Sequential(
                    nn.Conv2d(4 * outer, inner, 3, padding=1), _activation(inner, side), groups[0]
                )
            )
            up = nn.Sequential(groups[1], nn.Conv2d(inner, 4 * outer, 3, padding=1))
            if level > 1 or last_activation:
                up.append(_activation(4 * outer, side))
            self.decoder.append(up)
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Conv2d):
                if ".attention." in name:
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

        Raises:
            ValueError: The image is smaller than the grid, or not of the one size of a network
                with slopes of pixels.
        """
        height, width = degraded.shape[2:]
        if self.side is not None and (height, width) != (self.side, self.side):
            raise ValueError(
                f"expected images of {self.side}x{self.side} pixels, each of which has slopes of "
                f"its own; came {height}x{width}. Cut tiles of that size, or set prelu: shared"
            )
        features = pad_to_multiple(degraded, self.multiple)
        skips = []
        for down in self.encoder:
            skips.append(features)
            features = down(wavelet(features, orthonormal=self.orthonormal))
        for up, skip in zip(reversed(self.decoder), reversed(skips), strict=True):
            features = skip + inverse_wavelet(up(features), orthonormal=self.orthonormal)
        return features[..., :height, :width]


def wavelet(image: Tensor, *, orthonormal: bool) -> Tensor:
    """Return the Haar coefficients of one level.

    Args:
        image: ``(N, C, H, W)``, of even sides.
        orthonormal: Divide the sums of four pixels by two, which keeps the energy.

    Returns:
        ``(N, 4C, H/2, W/2)``: the averages of all channels, then what is below less what is
        above, right less left, and the differences of the diagonals.
    """
    count, channels, height, width = image.shape
    pixels = pixel_unshuffle(image, 2).reshape(count, channels, 4, height // 2, width // 2)
    above, above_right, below, below_right = pixels.unbind(2)
    bands = [
        above + above_right + below + below_right,
        below + below_right - above - above_right,
        above_right + below_right - above - below,
        above + below_right - above_right - below,
    ]
    coefficients = torch.cat(bands, dim=1)
    return coefficients / 2 if orthonormal else coefficients


def inverse_wavelet(coefficients: Tensor, *, orthonormal: bool) -> Tensor:
    """Return the image of Haar coefficients.

    Args:
        coefficients: ``(N, 4C, H, W)``, in the order of ``wavelet``.
        orthonormal: As they were made.

    Returns:
        ``(N, C, 2H, 2W)``.
    """
    low, rows, columns, diagonal = coefficients.chunk(4, dim=1)
    pixels = [
        low - rows - columns + diagonal,
        low - rows + columns - diagonal,
        low + rows - columns - diagonal,
        low + rows + columns + diagonal,
    ]
    image = pixel_shuffle(torch.stack(pixels, dim=2).flatten(1, 2), 2)
    return image / (2 if orthonormal else 4)


class _Group(nn.Module):
    def __init__(
        self,
        width: int,
        blocks: int,
        reduction: int,
        second_kernel: int,
        residual: Literal["attention", "sum"],
        stride: int,
        side: int | None,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1),
                _activation(width, side),
                nn.Conv2d(width, width, second_kernel, padding=second_kernel // 2),
                _Attention(width, reduction, stride),
            )
            for _ in range(blocks)
        )
        self.tail = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        total, added = features, features
        for block in self.blocks:
            added = block(total)
            total = total + added
        last: Tensor = self.tail(total if self.residual == "sum" else added)
        return features + last


class _Attention(nn.Module):
    def __init__(self, width: int, reduction: int, stride: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            GlobalAverage(stride),
            nn.Conv2d(width, width // reduction, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width // reduction, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        weights: Tensor = self.attention(features)
        return features * weights


class _PixelPReLU(nn.Module):
    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.slopes = nn.Parameter(torch.empty(width, side, side))
        # Keras takes the rows for a kernel and the columns for its inputs.
        nn.init.normal_(self.slopes, std=math.sqrt(2) / side)

    def forward(self, features: Tensor) -> Tensor:
        return torch.where(features >= 0, features, self.slopes * features)


def _activation(width: int, side: int | None) -> nn.Module:
    return nn.PReLU() if side is None else _PixelPReLU(width, side)
