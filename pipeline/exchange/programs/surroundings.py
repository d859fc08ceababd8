"""On what grid a program works, and how far it looks around what it restores.

A program's weights cannot be looked into, as ``pipeline/tiling/halo.py`` does with our networks; so
images are changed, and what changes in the output is looked at.
"""

import torch
from torch import Tensor, nn

from pipeline.exchange.programs import ProgramError

GRIDS = (1, 2, 4, 8, 16, 32, 64)
"""Sides of a cell that are tried, in pixels."""

FURTHEST = 160
"""Pixels: how far around a cell images are changed."""

_LARGEST = 0.75
"""Of it: the largest halo. What lies further away is nearly half of the image, so that a network
that averages over all of it cannot stay the same by chance."""

SAME = 2e-5
"""Difference in [0, 1] that counts as none: the last bits of float32, added up in another order."""


def grid_of(network: nn.Module, channels: int) -> int:
    """Return the side of the cells that images must consist of.

    Args:
        network: A program, of no fixed size.
        channels: Of its input, a noise map included.

    Raises:
        ProgramError: It takes images of none of the sizes that were tried.
    """
    reason = ""
    for multiple in GRIDS:
        sides = [multiple * cells for cells in (-(-64 // multiple), -(-64 // multiple) + 1)]
        try:
            for tall in sides:
                network(_images(channels, tall, sides[0], seed=0))
        except Exception as error:
            reason = reason or next(iter(str(error).strip().splitlines()), type(error).__name__)
            continue
        return multiple
    raise ProgramError(f"fails on images of {GRIDS[0] * 64} and more pixels a side: {reason}")


def halo_of_program(network: nn.Module, channels: int, *, multiple: int, scale: int) -> int | None:
    """Return how far, in pixels, a program looks around a cell of its grid.

    Args:
        network: A program, of no fixed size.
        channels: Of its input, a noise map included.
        multiple: Side of a cell of its grid.
        scale: How many times larger its output is.

    Returns:
        The least halo, in whole cells, within which everything lies that moves the output of a
        cell; None where even pixels further away than ``FURTHEST`` allows move it, as averages
        over the image do.
    """
    far = -(-FURTHEST // multiple)
    side = (2 * far + 1) * multiple
    cell = slice(scale * far * multiple, scale * (far + 1) * multiple)
    images = [_images(channels, side, side, seed) for seed in range(2)]
    before = [network(image)[..., cell, cell] for image in images]

    def suffices(cells: int) -> bool:
        kept = slice((far - cells) * multiple, (far + cells + 1) * multiple)
        for seed, (image, expected) in enumerate(zip(images, before, strict=True)):
            changed = _images(channels, side, side, seed + 100) if seed else torch.ones_like(image)
            changed[..., kept, kept] = image[..., kept, kept]
            found = network(changed)[..., cell, cell]
            if float((found - expected).abs().max()) > SAME:
                return False
        return True

    least, most = 0, int(_LARGEST * far)
    if not suffices(most):
        return None
    while least < most:
        middle = (least + most) // 2
        if suffices(middle):
            most = middle
        else:
            least = middle + 1
    return least * multiple


def _images(channels: int, tall: int, wide: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, tall, wide, generator=generator)
