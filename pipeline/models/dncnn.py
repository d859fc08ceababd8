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

Differs from the authors' code: He initialisation, as the paper says (theirs draws the scales
of the batch normalisation from a Gaussian too); the running statistics move by 0.1 a step, and
epsilon is 1e-5. Without batch normalisation (``batch_norm: false``) every convolution has a
bias, DnCNN-S 555,137 parameters: the form of published weights, whose normalisation is merged,
and the form that learns faster when steps are few. Without the image in the sum (``residual:
false``) the output is that of the last convolution: what the paper compares its residual
learning with.
"""

import torch
from torch import Tensor, nn


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

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise.

        Returns:
            Restored batch, ``(N, C, H, W)``, not clipped.
        """
        output: Tensor = self.noise(degraded)
        return torch.sub(degraded, output) if self.residual else output
