"""Averages over all of an image, as channel attention takes them, and local ones in their place.

A network that was trained on patches has learnt the averages of patches; those of a whole image
are other values. Averages over windows of the size of a patch are what it knows.

X. Chu, L. Chen, C. Chen, X. Lu. Improving image restoration by revisiting global information
aggregation. ECCV 2022. https://arxiv.org/abs/2112.04491
"""

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad


class GlobalAverage(nn.Module):
    """The mean of each feature map; of a window around each pixel after ``average_locally``.

    Args:
        stride: How many pixels of the image lie between neighbouring features.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.window: int | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Average features.

        Args:
            features: ``(N, C, H, W)``.

        Returns:
            ``(N, C, 1, 1)``; with a window ``(N, C, H, W)``, where pixels nearer to the border
            than half of it have the mean of the nearest whole window.
        """
        height, width = features.shape[-2:]
        if self.window is None or self.window >= max(height, width):
            return features.mean((2, 3), keepdim=True)
        tall, wide = min(self.window, height), min(self.window, width)
        means = avg_pool2d(features, (tall, wide), stride=1)
        above, left = (tall - 1) // 2, (wide - 1) // 2
        return pad(means, (left, wide - 1 - left, above, tall - 1 - above), mode="replicate")


def averages_globally(network: nn.Module) -> bool:
    """Tell whether a network has averages over whole images in it."""
    layers = (one for one in network.modules() if isinstance(one, GlobalAverage))
    return any(layer.window is None for layer in layers)


def average_locally(network: nn.Module, window: int) -> nn.Module:
    """Make all averages of a network local.

    Args:
        network: It is changed.
        window: Side of the window in pixels of the image: that of the training patches.

    Returns:
        The same network.
    """
    for layer in network.modules():
        if isinstance(layer, GlobalAverage):
            layer.window = max(1, window // layer.stride)
    return network
