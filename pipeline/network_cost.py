"""What a network costs, whatever computes it."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline.models import build_model
from pipeline.network_settings import Model

SIDE = 256
"""Of the restored image, in pixels, that costs are told for."""


def multiply_adds(settings: Model) -> int:
    """Return the multiply-adds of convolutions and matrix products for 256x256 restored pixels.

    Nothing is computed: the network is built without values. One that takes images of one size
    only is told for as many of them, beside one another.

    Args:
        settings: Architecture and size.
    """
    side = settings.image_size or -(-SIDE // settings.scale)
    side += -side % settings.multiple
    channels = settings.planes
    with torch.device("meta"), torch.no_grad():
        network = build_model(settings, seed=0).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, channels, side, side))
    pixels = (settings.scale * side) ** 2
    found: int = counter.get_total_flops()
    return round(found / 2 * SIDE**2 / pixels)
