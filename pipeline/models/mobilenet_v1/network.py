"""MobileNetV1: depthwise separable convolutions, and two multipliers that trade size for accuracy.

A. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam. MobileNets:
efficient convolutional neural networks for mobile vision applications. 2017.
https://arxiv.org/abs/1704.04861

A 3x3 convolution, blocks of a 3x3 depthwise and a 1x1 pointwise convolution, averages of the image
and one fully connected layer. For 1000 classes, at 224x224 pixels:

===== ========== =============
width parameters multiply-adds
===== ========== =============
1     4,231,976  569 million
0.75  2,585,560  325 million
0.5   1,331,592  149 million
0.25  470,072    41 million
===== ========== =============

(So in the paper; the table of the authors' code has 317 million at 0.75, and 150 at 0.5.)

The form for images of 32 pixels has a first convolution of stride 1. For 10 classes it has
3,217,226 parameters with the paper's 13 blocks, and 2,142,026 with nine, of
which one block instead of five has 512 maps at stride 1.

- The width multiplier scales the feature maps of all convolutions, rounded to whole ones.
- The resolution multiplier scales the images, whose side decides what a network costs, within the
  network (``resolution.py``); the paper feeds images of that size.
- Without separable convolutions each block is one standard 3x3 convolution, what the paper compares
  with: 29.3 million parameters and 4.87 billion multiply-adds.
- Squeeze-and-excitation follows the ReLU of a block's pointwise, or standard, convolution: 4.72
  million parameters with a reduction of 16, where its authors give 4.7.

Differs from the authors' code: ReLU, as in the paper, and not ReLU6; zeros go around images evenly,
also at stride 2; epsilon of the normalisation is 1e-5 and its running statistics move by 0.1 a
step; He's initialisation; nothing is dropped before the classifier; and a width that leaves fewer
than 8 feature maps is taken at its word. The paper's last block says stride 2 where its sizes show
1; here ``blocks`` decides. The output are logits.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from pipeline.models.recogniser_parts.normalised_convolution import normalised_convolution
from pipeline.models.recogniser_parts.recogniser_building import TaskFacts
from pipeline.models.recogniser_parts.resolution import scale_images
from pipeline.models.recogniser_parts.squeeze_excitation import squeeze_excitation

_STEM = 32
"""Feature maps of the first convolution at width 1."""


class MobileNetV1(nn.Module):
    """Classifier of images of any size.

    Args:
        facts: Classes, and channels C of the images.
        width: Width multiplier of the feature maps.
        resolution: Resolution multiplier of the images.
        stem_stride: Of the first convolution.
        blocks: Feature maps at width 1, and stride, of each block.
        separable: Blocks of a depthwise and a pointwise convolution; or of a standard one.
        squeeze: Reduction of squeeze-and-excitation; 0 for none.
    """

    def __init__(
        self,
        facts: TaskFacts,
        *,
        width: float,
        resolution: float,
        stem_stride: int,
        blocks: Sequence[tuple[int, int]],
        separable: bool,
        squeeze: int,
    ) -> None:
        super().__init__()
        self.resolution = resolution
        maps = _widened(_STEM, width)
        self.stem = normalised_convolution(
            facts.channels, maps, 3, stride=stem_stride, activation="relu"
        )
        self.blocks = nn.Sequential()
        for outputs, stride in blocks:
            inputs, maps = maps, _widened(outputs, width)
            layers = _separable if separable else _standard
            self.blocks.append(
                nn.Sequential(*layers(inputs, maps, stride), squeeze_excitation(maps, squeeze))
            )
        self.classifier = nn.Linear(maps, facts.classes)

    def features(self, images: Tensor) -> Tensor:
        """Return what the classifier takes, the averages of the last feature maps.

        Args:
            images: ``(N, C, H, W)`` in [0, 1].

        Returns:
            ``(N, F)``.
        """
        maps: Tensor = self.blocks(self.stem(scale_images(images, self.resolution)))
        return maps.mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, ``(N, classes)``, of images ``(N, C, H, W)`` in [0, 1]."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


def _widened(maps: int, width: float) -> int:
    return max(1, round(maps * width))


def _separable(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        normalised_convolution(inputs, inputs, 3, stride=stride, groups=inputs, activation="relu"),
        normalised_convolution(inputs, outputs, 1, activation="relu"),
    ]


def _standard(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [normalised_convolution(inputs, outputs, 3, stride=stride, activation="relu")]
