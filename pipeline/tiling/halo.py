"""How far a network looks around a pixel: the halo that makes its tiles exact."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from pipeline.models.parts.pooling import averages_globally
from pipeline.models.parts.settings import Model


def halo_of(network: nn.Module, settings: Model) -> int:
    """Return the halo of a network, measured on the images that its settings say it takes.

    Args:
        network: It is left as it is.
        settings: Those that it was built from.

    Raises:
        ValueError: Tiles cannot be exact.
    """
    return measure_halo(network, settings.planes, scale=settings.scale, multiple=settings.multiple)


def measure_halo(network: nn.Module, channels: int, *, scale: int = 1, multiple: int = 1) -> int:
    """Return how far, in pixels of the input, a network looks around what it restores.

    Measured, not computed: from the gradient of one output pixel with respect to the input, of
    a copy whose weights are all positive, so that no path through it is silent or cancelled.
    Narrow images show all of it: one along each axis. A network on a grid looks further from
    some pixels than from others; what counts is a whole cell of the grid.

    Args:
        network: It is left as it is.
        channels: Channels of its input, a noise-level map included.
        scale: How many times larger its output is.
        multiple: Side of a cell of its grid, in pixels of the input.

    Raises:
        ValueError: It looks further than 1024 pixels, or at the whole image: tiles cannot be
            exact.
    """
    name = type(network).__name__
    if averages_globally(network):
        raise ValueError(
            f"{name} averages over the whole image, so tiles cannot be exact: average locally, or "
            "restore images in one piece"
        )
    probe = _with_positive_weights(network)
    # A look at a narrower surrounding suffices for most; dilated kernels look past pixels that
    # they do not see, so what is found must be well within it.
    reach = _NEAREST_LOOK
    while True:
        halo = max(_reach(probe, channels, axis, reach, scale, multiple) for axis in (2, 3))
        if halo <= reach // 2:
            return halo
        if reach >= 2 * _LARGEST_HALO:
            raise ValueError(
                f"{name} looks further than {_LARGEST_HALO} pixels around: exact tiles need a "
                "network with a limited receptive field"
            )
        reach *= 2


_LARGEST_HALO = 1024

_NEAREST_LOOK = 512


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


def _reach(
    network: nn.Module, channels: int, axis: int, far: int, scale: int, multiple: int
) -> int:
    """Return the distance of the furthest input pixel along ``axis`` that moves a cell."""
    centre = -(-far // multiple) * multiple
    shape = [1, channels, multiple, multiple]
    shape[axis] = 2 * centre + multiple
    image = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    output: Tensor = network(image)
    cell = output.narrow(axis, scale * centre, scale * multiple).sum()
    (gradient,) = torch.autograd.grad(cell, image)
    seen = torch.nonzero(gradient.abs().amax(dim=(0, 1, 5 - axis)))
    return int(max(centre - seen.min(), seen.max() - (centre + multiple - 1)))
