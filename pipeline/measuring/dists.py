"""DISTS: how far apart two images are in the structure and the texture of a network's features.

K. Ding, K. Ma, S. Wang, E. P. Simoncelli. Image quality assessment: unifying structure and texture
similarity. IEEE TPAMI 44(5), 2022. Release 0.1 of their weights; lower is better.
"""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.measuring.backbones import Layout, paired_features

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
"""Of the channels of ImageNet."""

_STABLE = 1e-6
"""Keeps the quotients of flat features finite."""

_TOGETHER = 16
"""About how many channels have their moments taken at a time: float64 needs twice the memory."""


def dists(
    clean: Tensor,
    shown: Tensor,
    backbone: Mapping[str, Tensor],
    layout: Layout,
    head: Mapping[str, Tensor],
) -> float:
    """Return the distance of two images, 0 for equal ones.

    Args:
        clean: ``(1, 3, H, W)`` in [0, 1].
        shown: The same shape.
        backbone: Weights of VGG16.
        layout: How it is built.
        head: ``alpha`` weighs the textures and ``beta`` the structures of the channels, those of
            the images themselves first.
    """
    moments: dict[int, Tensor] = {}
    for stage, one, other in _compared(clean, shown, backbone, layout):
        moments[stage] = moments.get(stage, 0) + _sums(one[0], other[0])
    found = torch.cat([moments[stage] for stage in sorted(moments)])
    texture, structure = _similarities(found)
    alpha, beta = (head[name].double().flatten() for name in ("alpha", "beta"))
    similarity = (alpha @ texture + beta @ structure) / (alpha.sum() + beta.sum())
    # Equal images have rounding alone between them.
    return max(0.0, 1 - similarity.item())


def _compared(
    clean: Tensor, shown: Tensor, backbone: Mapping[str, Tensor], layout: Layout
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield the images themselves, then their features, all but the first by their stage + 1."""
    yield 0, clean, shown
    pairs = paired_features(_scaled(clean), _scaled(shown), backbone, layout, _pool)
    yield from ((stage + 1, one, other) for stage, one, other in pairs)


def _scaled(image: Tensor) -> Tensor:
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _DEVIATION))
    return (image - mean) / deviation


def _pool(features: Tensor) -> Tensor:
    """Return half as many features each way: roots of their squares' means in a Hann window."""
    channels = features.shape[1]
    window = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(window, window).expand(channels, 1, 3, 3)
    means = functional.conv2d(features.square(), kernel, stride=2, padding=1, groups=channels)
    return means.add_(1e-12).sqrt_()


def _sums(one: Tensor, other: Tensor) -> Tensor:
    """Return count, sums, sums of squares and sum of products of each channel, ``(C, 6)``."""
    rows = []
    groups = math.ceil(len(one) / _TOGETHER)
    for few in zip(one.chunk(groups), other.chunk(groups), strict=True):
        x, y = (values.double().flatten(1) for values in few)
        count = torch.full((len(x),), x.shape[1], dtype=torch.float64)
        sums = (x.sum(1), y.sum(1), (x * x).sum(1), (y * y).sum(1), (x * y).sum(1))
        rows.append(torch.stack([count, *sums], dim=1))
    return torch.cat(rows)


def _similarities(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Return how alike the means of each channel are, and how alike what is around them."""
    count, *sums = moments.unbind(1)
    x, y, xx, yy, xy = (total / count for total in sums)
    texture = (2 * x * y + _STABLE) / (x * x + y * y + _STABLE)
    variances = xx - x * x + yy - y * y
    structure = (2 * (xy - x * y) + _STABLE) / (variances + _STABLE)
    return texture, structure
