"""MobileNetV2: inverted residuals, wide inside and narrow where they are added.

M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen. MobileNetV2: inverted residuals and linear
bottlenecks. CVPR 2018. https://arxiv.org/abs/1801.04381

A block expands its feature maps by a 1x1 convolution, convolves each of them by itself (3x3), and
projects them by a 1x1 convolution without activation; its input is added where stride and feature
maps let it. A 1x1 convolution to 1280 maps, averages of the image and one fully connected layer
follow the last block.

============= ============ ==========
setting       paper        32 pixels
============= ============ ==========
stem_stride   2            1
stages        (6,24,2,2)   (6,24,2,1)
activation    relu6        relu
projection    false        true
always_expand false        true
dropout       0.2          0
============= ============ ==========

The other stages are (1,16,1,1), (6,32,3,2), (6,64,4,2), (6,96,3,1), (6,160,3,2) and (6,320,1,1) in
both. The form for images of 32 pixels, with 10 classes, has 2,296,922 parameters, and no
activation that stops at 6. The paper's, for 1000 classes at 224x224 pixels:

===== ========== =============
width parameters multiply-adds
===== ========== =============
1.4   6,108,776  582 million
1     3,504,872  301 million
0.75  2,636,424  209 million
0.5   1,968,680  97 million
0.35  1,677,128  59 million
===== ========== =============

The width multiplier scales all feature maps, rounded to multiples of 8, at least 8 and never below
nine tenths of what was asked for; at width 1 nothing is rounded. The maps before the averages grow
with it and do not shrink, as the paper says. The resolution multiplier is that of MobileNetV1
(``resolution.py``).

Squeeze-and-excitation follows the depthwise convolution's activation, as in MobileNetV3, and so
weights the expanded feature maps; the reduction is of these. The paper has none.

Differs from the authors' code: zeros go around images evenly, also at stride 2; epsilon of the
normalisation is 1e-5 and its running statistics move by 0.1 a step; He's initialisation.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from pipeline.models.parts.dropout import drop
from pipeline.models.recogniser_parts.normalised_convolution import (
    Activation,
    normalised_convolution,
)
from pipeline.models.recogniser_parts.recogniser_building import TaskFacts
from pipeline.models.recogniser_parts.resolution import scale_images
from pipeline.models.recogniser_parts.squeeze_excitation import squeeze_excitation

_STEM = 32
"""Feature maps of the first convolution at width 1."""

_MULTIPLE = 8
"""What feature maps are rounded to at other widths."""

_LEAST_SHARE = 0.9
"""Of the feature maps asked for that rounding leaves."""


class MobileNetV2(nn.Module):
    """Classifier of images of any size.

    Args:
        facts: Classes, and channels C of the images.
        width: Width multiplier of the feature maps.
        resolution: Resolution multiplier of the images.
        stem_stride: Of the first convolution.
        stages: Expansion, feature maps at width 1, blocks, and stride of the first of them.
        last: Feature maps before the averages, at a width of 1 and less.
        activation: ReLU, or one that stops at 6.
        projection: Add the input of a block of stride 1 through a 1x1 convolution where feature
            maps differ in number.
        always_expand: Expand by a convolution even where the expansion is 1.
        dropout: Share of the features that are dropped before the classifier in training.
        squeeze: Reduction of squeeze-and-excitation; 0 for none.
    """

    def __init__(
        self,
        facts: TaskFacts,
        *,
        width: float,
        resolution: float,
        stem_stride: int,
        stages: Sequence[tuple[int, int, int, int]],
        last: int,
        activation: Activation,
        projection: bool,
        always_expand: bool,
        dropout: float,
        squeeze: int,
    ) -> None:
        super().__init__()
        self.resolution = resolution
        maps = _widened(_STEM, width)
        self.stem = normalised_convolution(
            facts.channels, maps, 3, stride=stem_stride, activation=activation
        )
        self.blocks = nn.Sequential()
        for expansion, outputs, blocks, first_stride in stages:
            for stride in [first_stride, *[1] * (blocks - 1)]:
                inputs, maps = maps, _widened(outputs, width)
                inside = _inside(
                    inputs, maps, expansion, stride, activation, always_expand, squeeze
                )
                self.blocks.append(_Block(inside, _shortcut(inputs, maps, stride, projection)))
        features = _widened(last, max(1.0, width))
        self.last = normalised_convolution(maps, features, 1, activation=activation)
        self.dropout = drop(dropout)
        self.classifier = nn.Linear(features, facts.classes)

    def features(self, images: Tensor) -> Tensor:
        """Return what the classifier takes, the averages of the last feature maps.

        Args:
            images: ``(N, C, H, W)`` in [0, 1].

        Returns:
            ``(N, F)``.
        """
        maps: Tensor = self.blocks(self.stem(scale_images(images, self.resolution)))
        averages: Tensor = self.last(maps).mean((2, 3))
        return averages

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, ``(N, classes)``, of images ``(N, C, H, W)`` in [0, 1]."""
        logits: Tensor = self.classifier(self.dropout(self.features(images)))
        return logits


class _Block(nn.Module):
    def __init__(self, inside: nn.Module, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.inside = inside
        self.shortcut = shortcut

    def forward(self, maps: Tensor) -> Tensor:
        output: Tensor = self.inside(maps)
        return output if self.shortcut is None else output + self.shortcut(maps)


def _inside(
    inputs: int,
    outputs: int,
    expansion: int,
    stride: int,
    activation: Activation,
    always_expand: bool,
    squeeze: int,
) -> nn.Module:
    maps = inputs * expansion
    layers = nn.Sequential()
    if expansion > 1 or always_expand:
        layers.append(normalised_convolution(inputs, maps, 1, activation=activation))
    layers.append(
        normalised_convolution(maps, maps, 3, stride=stride, groups=maps, activation=activation)
    )
    layers.append(squeeze_excitation(maps, squeeze))
    layers.append(normalised_convolution(maps, outputs, 1, activation="none"))
    return layers


def _shortcut(inputs: int, outputs: int, stride: int, projection: bool) -> nn.Module | None:
    """Return what the input of a block goes through to be added; None where it is not added."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if stride == 1 and projection:
        return normalised_convolution(inputs, outputs, 1, activation="none")
    return None


def _widened(maps: int, width: float) -> int:
    if width == 1:
        return maps
    asked = maps * width
    rounded = max(_MULTIPLE, int(asked + _MULTIPLE / 2) // _MULTIPLE * _MULTIPLE)
    return rounded if rounded >= _LEAST_SHARE * asked else rounded + _MULTIPLE
