"""Features of the networks below perceptual measures, by weights in torchvision's layout.

AlexNet is the variant of A. Krizhevsky, One weird trick for parallelizing convolutional neural
networks, arXiv 1404.5997; VGG16 is of K. Simonyan, A. Zisserman, Very deep convolutional networks
for large-scale image recognition, ICLR 2015, without batch normalisation. Of both only what comes
before the classifier is computed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from torch import Tensor
from torch.nn import functional

from pipeline.measuring.perceptual_measures import Backbone

Pooling = Callable[[Tensor], Tensor]
"""What makes ``(1, C, H, W)`` smaller."""

CORE = 768
"""Side of the windows in which larger images are compared, in pixels."""

REACH = 112
"""How far around a window its features can see: 105 pixels at VGG16's last ones, up to a multiple
of 16, so that all strides of the network begin where they do in the whole image."""


@dataclass(frozen=True)
class _Convolution:
    """Its number in torchvision's sequence of layers, and how it moves."""

    number: int
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True)
class Layout:
    """How a network is built.

    Args:
        stages: Convolutions, each with a ReLU behind it, up to features that are compared.
        pooled: Which stages begin with a pooling.
        pooling: The network's own.
        strides: Pixels between two neighbouring features of each stage.
    """

    stages: tuple[tuple[_Convolution, ...], ...]
    pooled: frozenset[int]
    pooling: Pooling
    strides: tuple[int, ...]


def _vgg_stage(*numbers: int) -> tuple[_Convolution, ...]:
    return tuple(map(_Convolution, numbers))


LAYOUTS: Mapping[Backbone, Layout] = {
    "alexnet": Layout(
        stages=(
            (_Convolution(0, stride=4, padding=2),),
            (_Convolution(3, padding=2),),
            (_Convolution(6),),
            (_Convolution(8),),
            (_Convolution(10),),
        ),
        pooled=frozenset({1, 2}),
        pooling=partial(functional.max_pool2d, kernel_size=3, stride=2),
        strides=(4, 8, 16, 16, 16),
    ),
    "vgg16": Layout(
        stages=(
            _vgg_stage(0, 2),
            _vgg_stage(5, 7),
            _vgg_stage(10, 12, 14),
            _vgg_stage(17, 19, 21),
            _vgg_stage(24, 26, 28),
        ),
        pooled=frozenset({1, 2, 3, 4}),
        pooling=partial(functional.max_pool2d, kernel_size=2, stride=2),
        strides=(1, 2, 4, 8, 16),
    ),
}


def paired_features(
    one: Tensor,
    other: Tensor,
    weights: Mapping[str, Tensor],
    layout: Layout,
    pooling: Pooling | None = None,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield the features of two images side by side, each position of each stage once.

    An image larger than a window comes in windows, so that the memory does not grow with it. They
    overlap by all that their features see: a feature is the same as in the whole image.

    Args:
        one: ``(1, 3, H, W)``, on the scale that the network was trained on.
        other: The same shape.
        weights: Of the convolutions, by torchvision's names.
        layout: Of the network.
        pooling: In place of the network's own.

    Yields:
        Number of the stage, and the features of both, ``(1, C, h, w)``.
    """
    for rows in _windows(one.shape[2]):
        for columns in _windows(one.shape[3]):
            both = (
                _features(columns.seen(rows.seen(image, 2), 3), weights, layout, pooling)
                for image in (one, other)
            )
            for stage, pair in enumerate(zip(*both, strict=True)):
                stride = layout.strides[stage]
                first, second = (
                    columns.kept(rows.kept(found, 2, stride), 3, stride) for found in pair
                )
                yield stage, first, second


@dataclass(frozen=True)
class _Window:
    """A piece of one axis of an image: from ``start`` to ``stop``, seen from ``begin`` on."""

    start: int
    stop: int
    size: int

    @property
    def begin(self) -> int:
        return max(0, self.start - REACH)

    def seen(self, image: Tensor, axis: int) -> Tensor:
        """Return the piece with all that its features see."""
        length = min(self.size, self.stop + REACH) - self.begin
        return image.narrow(axis, self.begin, length)

    def kept(self, features: Tensor, axis: int, stride: int) -> Tensor:
        """Return the features of the piece alone."""
        count = features.shape[axis]
        first = min(count, (self.start - self.begin) // stride)
        last = count if self.stop == self.size else (self.stop - self.begin) // stride
        return features.narrow(axis, first, min(count, last) - first)


def _windows(size: int) -> list[_Window]:
    return [_Window(start, min(start + CORE, size), size) for start in range(0, size, CORE)]


def _features(
    image: Tensor, weights: Mapping[str, Tensor], layout: Layout, pooling: Pooling | None
) -> Iterator[Tensor]:
    pool = pooling or layout.pooling
    for stage, convolutions in enumerate(layout.stages):
        if stage in layout.pooled:
            image = pool(image)
        for convolution in convolutions:
            name = f"features.{convolution.number}"
            image = functional.conv2d(
                image,
                weights[f"{name}.weight"],
                weights[f"{name}.bias"],
                stride=convolution.stride,
                padding=convolution.padding,
            ).relu_()
        yield image
