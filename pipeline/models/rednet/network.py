"""RED-Net: convolutions that encode, deconvolutions that decode, and symmetric skips.

X.-J. Mao, C. Shen, Y.-B. Yang. Image restoration using very deep convolutional encoder-decoder
networks with symmetric skip connections. NIPS 2016. https://arxiv.org/abs/1603.09056

====== ===== =========================== ===============
name   depth parameters (gray, width 64) receptive field
====== ===== =========================== ===============
RED10  10    296,641                     21
RED20  20    665,921                     41
RED30  30    1,035,201                   61
====== ===== =========================== ===============

Half of the layers are convolutions and half deconvolutions, all 3x3 with stride 1 and no
pooling. Every second feature map of the encoder, and the image itself, is added to its mirror
in the decoder before the ReLU. Differs from the paper: He initialisation (theirs is not
stated), and no ReLU after the last sum, which would cut the gradient at black. ``skips: false``
adds nothing anywhere, the image neither: what the paper compares its skips with.
"""

from torch import Tensor, nn
from torch.nn.functional import relu


class RedNet(nn.Module):
    """Symmetric encoder-decoder for images of any size.

    Args:
        channels: Image channels C.
        width: Feature maps of the hidden layers.
        depth: Convolutions and deconvolutions together, an even number.
        skips: Add every second feature map, and the image, to its mirror.
    """

    def __init__(self, *, channels: int, width: int, depth: int, skips: bool) -> None:
        super().__init__()
        self.skips = skips
        half = depth // 2
        inputs = [channels, *[width] * (half - 1)]
        self.encoder = nn.ModuleList(nn.Conv2d(n, width, 3, padding=1) for n in inputs)
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(width, n, 3, padding=1) for n in reversed(inputs)
        )
        for layer in [*self.encoder, *self.decoder]:
            if isinstance(layer, nn.ConvTranspose2d):  # its weight has the inputs first
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise.

        Returns:
            Restored batch, ``(N, C, H, W)``, not clipped.
        """
        features = degraded
        encoded = [degraded]  # encoded[k] is what k convolutions made of the image
        for layer in self.encoder:
            features = relu(layer(features), inplace=True)
            encoded.append(features)
        half = len(self.encoder)
        for decoded, layer in enumerate(self.decoder, start=1):
            features = layer(features)
            mirror = half - decoded
            if self.skips and mirror % 2 == 0:
                features = features + encoded[mirror]  # the image itself stays float32
            if mirror > 0:
                features = relu(features, inplace=True)
        return features
