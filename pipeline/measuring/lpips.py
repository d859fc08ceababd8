"""LPIPS: how far apart two images are in the features of a network, weighed as people judge.

R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang. The unreasonable effectiveness of deep
features as a perceptual metric. CVPR 2018. Version 0.1 of their linear weights; lower is better.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.measuring.backbones import Layout, paired_features

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
"""Of the channels, for values from -1 to 1."""


def lpips(
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
        backbone: Weights of the network below.
        layout: How it is built.
        head: Weights of the channels of each stage, ``linN.model.1.weight``.
    """
    sums = [0.0] * len(layout.stages)
    counts = [0] * len(layout.stages)
    for stage, one, other in paired_features(_scaled(clean), _scaled(shown), backbone, layout):
        difference = _unit(one).sub_(_unit(other)).square_()
        weighed = functional.conv2d(difference, head[f"lin{stage}.model.1.weight"])
        sums[stage] += weighed.double().sum().item()
        counts[stage] += weighed.numel()
    return sum(total / count for total, count in zip(sums, counts, strict=True))


def _scaled(image: Tensor) -> Tensor:
    shift, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (_SHIFT, _SCALE))
    scaled: Tensor = (2 * image - 1 - shift) / scale
    return scaled


def _unit(features: Tensor) -> Tensor:
    """Return features of length 1 at every position."""
    length = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    unit: Tensor = features / (length + 1e-10)
    return unit
