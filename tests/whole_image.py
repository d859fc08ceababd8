"""Restoring an image at once, the plain way: what tiles are held against."""

import numpy as np
import torch
from torch import nn

from pipeline.arrays.pixels import Array


def apply(degraded: Array, network: nn.Module, device: torch.device) -> Array:
    """Restore one image at once, in float32.

    Args:
        degraded: ``(H, W, C)`` in [0, 1] up to noise.
        network: In evaluation mode, on ``device``.
        device: Where the network is.

    Returns:
        ``(H, W, C)``, not clipped.
    """
    batch = torch.from_numpy(np.ascontiguousarray(degraded)).permute(2, 0, 1)[None].to(device)
    with torch.inference_mode():
        output = network(batch.contiguous(memory_format=torch.channels_last))
    restored: Array = output[0].permute(1, 2, 0).cpu().numpy()
    return restored
