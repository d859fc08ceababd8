"""How far a network looks around a pixel: the halo that makes its tiles exact."""

from copy import deepcopy

import torch
from torch import Tensor, nn


def measure_halo(network: nn.Module, channels: int) -> int:
    """Return how far, in pixels, a network looks around the pixel that it restores.

    Measured, not computed: from the gradient of one output pixel with respect to the input, of
    a copy whose weights are all positive, so that no path through it is silent or cancelled.
    Images one pixel wide show all of it: one along each axis.

    Args:
        network: It is left as it is.
        channels: Image channels.

    Raises:
        ValueError: It looks further than 255 pixels, or at the whole image: tiles cannot be
            exact.
    """
    probe = _with_positive_weights(network)
    halo = max(_reach(probe, channels, axis) for axis in (2, 3))
    if halo > _LARGEST_HALO:
        raise ValueError(
            f"{type(network).__name__} looks further than {_LARGEST_HALO} pixels around: exact "
            "tiles need a network with a limited receptive field"
        )
    return halo


_LARGEST_HALO = 255


def _with_positive_weights(network: nn.Module) -> nn.Module:
    # float64: at the rim of a deep network the gradient is a product of many small weights.
    copy = deepcopy(network).cpu().double().eval()
    with torch.no_grad():
        for weights in copy.parameters():
            weights.fill_(1 / max(1, weights[0].numel()))
        for module in copy.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
    return copy


def _reach(network: nn.Module, channels: int, axis: int) -> int:
    """Return the distance of the furthest input pixel along ``axis`` that moves the output."""
    # Twice as far as allowed: dilated kernels look past pixels that they do not see.
    centre = 2 * _LARGEST_HALO
    shape = [1, channels, 1, 1]
    shape[axis] = 2 * centre + 1
    image = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    output: Tensor = network(image)
    (gradient,) = torch.autograd.grad(output[0, 0].flatten()[centre], image)
    seen = torch.nonzero(gradient.abs().sum(dim=1).flatten())
    return int((seen - centre).abs().max())
