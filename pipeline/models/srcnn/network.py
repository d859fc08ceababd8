"""SRCNN: three convolutions that sharpen an interpolated image.

C. Dong, C. C. Loy, K. He, X. Tang. Image super-resolution using deep convolutional networks.
IEEE TPAMI 38(2), 2016. https://arxiv.org/abs/1501.00092

======= ======== ========================== ===============
kernels widths   parameters (luma)          receptive field
======= ======== ========================== ===============
9-1-5   64-32    8,032 and 97 biases        13
9-3-5   64-32    24,416 and 97 biases       15
9-5-5   64-32    57,184 and 97 biases       17
======= ======== ========================== ===============

The input is the low-resolution luma interpolated to full size; one network serves one scale.

Differs from the paper: zeros around the image keep its size, where the paper's output is
smaller by the receptive field less one and its loss looks at what is left. ``initial: paper``
and ``residual: false`` are the paper's form: weights from N(0, 0.001), so that the output
starts black, which plain gradient descent leaves within 1e8 steps at rates of 1e-4, and 1e-5 in
the last layer (recipes here have one rate for all layers). ``initial: he`` and ``residual:
true`` learn in minutes: He initialisation, and the interpolated image added to the output as
in VDSR.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn


class SRCNN(nn.Module):
    """Three-layer super-resolution network for images of any size.

    Args:
        channels: Image channels C.
        widths: Feature maps of the first and of the second layer.
        kernels: Sides of the three kernels, odd.
        initial: Weights from N(0, 0.001) as in the paper, or He's.
        residual: The network predicts what the interpolated image lacks; otherwise the image.
    """

    def __init__(
        self,
        *,
        channels: int,
        widths: Sequence[int],
        kernels: Sequence[int],
        initial: Literal["paper", "he"],
        residual: bool,
    ) -> None:
        super().__init__()
        self.residual = residual
        layers: list[nn.Module] = []
        planes = [channels, *widths, channels]
        for inputs, outputs, side in zip(planes, planes[1:], kernels, strict=False):
            convolution = nn.Conv2d(inputs, outputs, side, padding=side // 2)
            if initial == "paper":
                nn.init.normal_(convolution.weight, std=0.001)
            else:
                nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # made with a bias above
            layers += [convolution, nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to overshoot, interpolated to full size.

        Returns:
            Restored batch, ``(N, C, H, W)``, not clipped.
        """
        output: Tensor = self.layers(degraded)
        return degraded + output if self.residual else output
