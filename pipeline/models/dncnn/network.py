"""DnCNN: a plain stack of convolutions that predicts the noise.

K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang. Beyond a Gaussian denoiser: residual learning of
deep CNN for image denoising. IEEE TIP 26(7), 2017. https://arxiv.org/abs/1608.03981

======================= ===== ======== =========== ===============
variant                 depth channels parameters  receptive field
======================= ===== ======== =========== ===============
DnCNN-S                 17    1        556,097     35
DnCNN-B, DnCNN-3        20    1        667,073     41
CDnCNN-S / CDnCNN-B     17/20 3        558,403 / 669,379  35 / 41
======================= ===== ======== =========== ===============

Initialisation is that of the authors' code: He's, also of the scales of the batch normalisation,
which keep 0.025 away from zero. So the first residual is small; with scales of one it is as large
as the image, and hundreds of steps go by until it is not. Differs from their code: the running
statistics move by 0.1 a step, and epsilon is 1e-5.

Without batch normalisation (``batch_norm: false``) every convolution has a bias, DnCNN-S 555,137
parameters: the form of published weights, whose normalisation is merged. Without the image in the
sum (``residual: false``) the output is that of the last convolution: what the paper compares its
residual learning with.
"""

import math

import torch
from torch import Tensor, nn

_LEAST_SCALE = 0.025
"""Of a batch normalisation at the start, whatever its sign."""


class DnCNN(nn.Module):
    """Denoiser for images of any size.

    Args:
        channels: Image channels C.
        width: Feature maps of the hidden layers.
        depth: Convolutions in all, the first and the last included.
        batch_norm: Normalise between convolution and ReLU, but for the first and the last.
        residual: The last convolution predicts the noise; otherwise the clean image.
    """

    def __init__(
        self, *, channels: int, width: int, depth: int, batch_norm: bool, residual: bool
    ) -> None:
        super().__init__()
        self.residual = residual
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            # The normalisation has a bias of its own.
            layers.append(nn.Conv2d(width, width, 3, padding=1, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
        layers.append(nn.Conv2d(width, channels, 3, padding=1))
        self.noise = nn.Sequential(*layers)
        for layer in self.noise:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.weight, std=math.sqrt(2 / (9 * width)))
                with torch.no_grad():
                    signs = torch.where(layer.weight < 0, -1.0, 1.0)
                    layer.weight.copy_(signs * layer.weight.abs().clamp(min=_LEAST_SCALE))

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise.

        Returns:
            Restored batch, ``(N, C, H, W)``, not clipped.
        """
        output: Tensor = self.noise(degraded)
        return torch.sub(degraded, output) if self.residual else output
