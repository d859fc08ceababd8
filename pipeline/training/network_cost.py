"""What a network costs, whatever computes it."""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model

SIDE = 256
"""Of the restored image, in pixels, that costs are told for."""


def multiply_adds(settings: Model) -> int:
    """Return the multiply-adds of convolutions and matrix products for 256x256 restored pixels.

    One that takes images of one size only is told for as many of them, beside one another.

    Args:
        settings: Architecture and size.
    """
    side = settings.image_size or -(-SIDE // settings.scale)
    side += -side % settings.multiple
    channels = settings.planes
    pixels = (settings.scale * side) ** 2
    found = sample_multiply_adds(lambda: build_model(settings, seed=0), (channels, side, side))
    return round(found * SIDE**2 / pixels)


def sample_multiply_adds(build: Callable[[], nn.Module], shape: Sequence[int]) -> int:
    """Return the multiply-adds of convolutions and matrix products for one sample.

    Nothing is computed: the network is built without values.

    Args:
        build: Makes the network, of whatever kind; called once.
        shape: Of a sample, without the batch: ``(C, H, W)`` of an image.
    """
    with torch.device("meta"), torch.no_grad():
        network = build().eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, *shape))
    found: int = counter.get_total_flops()
    return found // 2
