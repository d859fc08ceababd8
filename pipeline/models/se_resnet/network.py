"""Residual network with squeeze-and-excitation, or without.

K. He, X. Zhang, S. Ren, J. Sun. Deep residual learning for image recognition. CVPR 2016.
https://arxiv.org/abs/1512.03385
J. Hu, L. Shen, S. Albanie, G. Sun, E. Wu. Squeeze-and-excitation networks. CVPR 2018.
https://arxiv.org/abs/1709.01507

========================== ========== ============
setting, or fact           ResNet-20  ResNet-50
========================== ========== ============
width                      16         64
blocks                     3, 3, 3    3, 4, 6, 3
bottleneck                 false      true
stem                       small      imagenet
classes, and side          10, 32     1000, 224
parameters                 272,474    25,557,032
with a reduction of 16     274,847    28,088,024
multiply-adds              41 million 4.09 billion
========================== ========== ============

Each stage but the first halves the sides in its first block and has twice the feature maps. The
input of a block is added to its output before the last ReLU; where they differ in shape, through a
1x1 convolution with normalisation. Squeeze-and-excitation weights what is added to it, behind the
last normalisation; its reduction is of the feature maps there.

Differs from the papers: ResNet-20 has 269,722 parameters there, as its shortcuts fill up with
zeros and have no convolution; and a bottleneck halves the sides in its 3x3 convolution and not in
the first 1x1, as most published weights do, which costs 4.09 billion multiply-adds instead of 3.86.
Source 002 describes the block and has no code of it.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from pipeline.models.recogniser_parts.normalised_convolution import normalised_convolution
from pipeline.models.recogniser_parts.recogniser_building import TaskFacts
from pipeline.models.recogniser_parts.squeeze_excitation import squeeze_excitation

_OUTSIDE = 4
"""Feature maps outside of a bottleneck, for each one inside."""


class SEResNet(nn.Module):
    """Classifier of images of any size.

    Args:
        facts: Classes, and channels C of the images.
        width: Feature maps of the first stage, within its blocks if they are bottlenecks.
        blocks: Residual blocks of each stage.
        bottleneck: Blocks of 1x1, 3x3 and 1x1 convolutions; or of two 3x3.
        stem: One 3x3 convolution; or 7x7 at stride 2 and the largest of 3x3 at stride 2.
        squeeze: Reduction of squeeze-and-excitation; 0 for none.
    """

    def __init__(
        self,
        facts: TaskFacts,
        *,
        width: int,
        blocks: Sequence[int],
        bottleneck: bool,
        stem: Literal["small", "imagenet"],
        squeeze: int,
    ) -> None:
        super().__init__()
        side, stride = (3, 1) if stem == "small" else (7, 2)
        self.stem = normalised_convolution(
            facts.channels, width, side, stride=stride, activation="relu"
        )
        if stem == "imagenet":
            self.stem.append(nn.MaxPool2d(3, stride=2, padding=1))
        self.blocks = nn.Sequential()
        maps = width
        for stage, count in enumerate(blocks):
            inside = width * 2**stage
            outputs = inside * _OUTSIDE if bottleneck else inside
            for position in range(count):
                inputs, maps = maps, outputs
                stride = 2 if stage > 0 and position == 0 else 1
                layers = _bottleneck if bottleneck else _basic
                self.blocks.append(
                    _Block(
                        nn.Sequential(
                            *layers(inputs, inside, maps, stride), squeeze_excitation(maps, squeeze)
                        ),
                        _shortcut(inputs, maps, stride),
                    )
                )
        self.classifier = nn.Linear(maps, facts.classes)

    def features(self, images: Tensor) -> Tensor:
        """Return what the classifier takes, the averages of the last feature maps.

        Args:
            images: ``(N, C, H, W)`` in [0, 1].

        Returns:
            ``(N, F)``.
        """
        maps: Tensor = self.blocks(self.stem(images))
        return maps.mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, ``(N, classes)``, of images ``(N, C, H, W)`` in [0, 1]."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


class _Block(nn.Module):
    def __init__(self, residual: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.residual = residual
        self.shortcut = shortcut
        self.activation = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        output: Tensor = self.activation(self.residual(maps) + self.shortcut(maps))
        return output


def _bottleneck(inputs: int, inside: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        normalised_convolution(inputs, inside, 1, activation="relu"),
        normalised_convolution(inside, inside, 3, stride=stride, activation="relu"),
        normalised_convolution(inside, outputs, 1, activation="none"),
    ]


def _basic(inputs: int, inside: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        normalised_convolution(inputs, inside, 3, stride=stride, activation="relu"),
        normalised_convolution(inside, outputs, 3, activation="none"),
    ]


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return normalised_convolution(inputs, outputs, 1, stride=stride, activation="none")
