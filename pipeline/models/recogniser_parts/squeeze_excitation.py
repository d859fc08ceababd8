"""Squeeze-and-excitation: feature maps weighted by what the whole image is like.

J. Hu, L. Shen, S. Albanie, G. Sun, E. Wu. Squeeze-and-excitation networks. CVPR 2018.
https://arxiv.org/abs/1709.01507

The averages of all feature maps (squeeze) go through a fully connected layer with ReLU, and one
with a sigmoid (excitation); each map is multiplied by what comes out for it. For C maps and a
reduction r these are C (2 C/r + 1) + C/r parameters: both layers have a bias, as in the authors'
published networks.
"""

from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Weights of feature maps, one for each map and image.

    Args:
        width: Feature maps C.
        reduction: Feature maps for each unit between the two layers; at least one unit is left.
    """

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        units = max(1, width // reduction)
        self.weights = nn.Sequential(
            nn.Linear(width, units), nn.ReLU(inplace=True), nn.Linear(units, width), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Weight feature maps.

        Args:
            features: ``(N, C, H, W)``.
        """
        weights: Tensor = self.weights(features.mean((2, 3)))
        return features * weights[:, :, None, None]


def squeeze_excitation(width: int, reduction: int) -> nn.Module:
    """Return the block for so many feature maps; of reduction 0, one that does nothing."""
    return SqueezeExcitation(width, reduction) if reduction else nn.Identity()
