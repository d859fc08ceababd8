"""AlexNet and VGG16 as torchvision lays them out, with random weights, for perceptual measures."""

from functools import cache
from typing import cast

import torch
from torch import nn

_VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
"""Channels of the convolutions; 0 is a pooling."""


class Network(nn.Module):
    """A network without its classifier."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers)


@cache
def alexnet() -> Network:
    """Return AlexNet, the same each time."""
    return _filled(
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


@cache
def vgg16() -> Network:
    """Return VGG16, the same each time."""
    layers: list[nn.Module] = []
    before = 3
    for channels in _VGG16:
        if channels == 0:
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers += [nn.Conv2d(before, channels, kernel_size=3, padding=1), nn.ReLU()]
        before = channels
    return _filled(*layers)


def weights_of(network: Network) -> dict[str, torch.Tensor]:
    """Return what a file of its weights holds."""
    return cast("dict[str, torch.Tensor]", network.state_dict())


def _filled(*layers: nn.Module) -> Network:
    network = Network(*layers).requires_grad_(requires_grad=False).eval()
    numbers = torch.Generator().manual_seed(0)
    for name, weights in network.named_parameters():
        # So that neither the features nor what is compared of them dies out with the depth.
        deviation = 0.05 if name.endswith("bias") else (2 / weights[0].numel()) ** 0.5
        weights.normal_(0, deviation, generator=numbers)
    return network
