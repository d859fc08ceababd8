"""Full-image restoration tile by tile, equal to restoring the whole image at once.

A tile is a core with a halo around it, as wide as the network sees; the halo is cropped, not
blended. A network pads with zeros outside of its input, so a tile may end where the image ends
but nowhere else within reach of its core: windows are moved inside the image instead of padded.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pipeline.images import Array


@dataclass(frozen=True)
class Span:
    """One tile along one axis.

    Args:
        start: First pixel of the window that the network gets.
        stop: Pixel behind its last.
        first: First pixel of the core.
        last: Pixel behind its last.
    """

    start: int
    stop: int
    first: int
    last: int


def spans(length: int, core: int, halo: int) -> list[Span]:
    """Divide one axis into cores and give each its window.

    Args:
        length: Pixels of the image.
        core: Pixels of a core; the last one may be narrower.
        halo: Pixels of context on both sides.

    Returns:
        Spans whose cores cover the axis once. All windows are ``core + 2 * halo`` long, or as
        long as the image where that is shorter.
    """
    window = min(length, core + 2 * halo)
    found = []
    for first in range(0, length, core):
        start = min(max(0, first - halo), length - window)
        found.append(Span(start, start + window, first, min(first + core, length)))
    return found


def restore(
    degraded: Array, network: nn.Module, device: torch.device, tile: int, halo: int
) -> Array:
    """Restore one image tile by tile.

    Args:
        degraded: ``(H, W, C)`` in [0, 1] up to noise; any size.
        network: In evaluation mode, on ``device``; its output has its input's size.
        device: Where the network is.
        tile: Side of a tile's core, in pixels.
        halo: Pixels of context around it: ``measure_halo(network)`` makes the result exact.

    Returns:
        ``(H, W, C)``, not clipped; equal to the network's output for the whole image but for
        the last bits of float32.
    """
    restored = np.empty_like(degraded)
    for rows, columns in _tiles(degraded.shape[0], degraded.shape[1], tile, halo):
        window = degraded[rows.start : rows.stop, columns.start : columns.stop]
        output = apply(window, network, device)
        core = output[
            rows.first - rows.start : rows.last - rows.start,
            columns.first - columns.start : columns.last - columns.start,
        ]
        restored[rows.first : rows.last, columns.first : columns.last] = core
    return restored


def _tiles(height: int, width: int, tile: int, halo: int) -> Iterator[tuple[Span, Span]]:
    for rows in spans(height, tile, halo):
        for columns in spans(width, tile, halo):
            yield rows, columns


def apply(degraded: Array, network: nn.Module, device: torch.device) -> Array:
    """Restore one image at once.

    Args:
        degraded: ``(H, W, C)`` in [0, 1] up to noise.
        network: In evaluation mode, on ``device``.
        device: Where the network is.

    Returns:
        ``(H, W, C)``, not clipped.
    """
    batch = torch.from_numpy(np.ascontiguousarray(degraded)).permute(2, 0, 1)[None].to(device)
    with torch.inference_mode():
        output: Tensor = network(batch.contiguous(memory_format=torch.channels_last))
    restored: Array = output[0].permute(1, 2, 0).float().cpu().numpy()
    return restored


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


def fold_normalisation(network: nn.Module) -> nn.Module:
    """Fold every batch normalisation into the convolution before it.

    Args:
        network: In evaluation mode; it is changed.

    Returns:
        The same network, with the same output but for the last bits, and less work.
    """
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            layers = list(module)
            for position, layer in enumerate(layers[1:], start=1):
                before = layers[position - 1]
                if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
                    module[position - 1] = fuse_conv_bn_eval(before, layer)
                    module[position] = nn.Identity()
    return network
