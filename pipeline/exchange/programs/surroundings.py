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


def surroundings_of(
    network: nn.Module, channels: int, *, scale: int, least: int = 1
) -> tuple[int, int | None]:
    """Return on what grid a program works, and how far it looks around a cell of it.

    A program that takes images of any size may still work on a grid: it pads what it is given. Its
    tiles must then begin where its cells do.

    Args:
        network: A program, of no fixed size.
        channels: Of its input, a noise map included.
        scale: How many times larger its output is.
        least: What the sides of a cell must be multiples of, in pixels.

    Returns:
        The side of a cell and the halo, in pixels; the halo is None for a program whose tiles
        would give something else than the whole image.

    Raises:
        ProgramError: It takes images of none of the sizes that were tried.
    """
    multiple = grid_of(network, channels, least=least)
    halo = halo_of_program(network, channels, multiple=multiple, scale=scale)
    if halo is None:
        return multiple, None
    for cell in GRIDS:
        if cell % multiple == 0 and _repeats(network, channels, cell, halo, scale):
            break
    else:
        return multiple, None
    if cell == multiple:
        return multiple, halo
    # Images that do not end with a cell are mirrored for tiles: as it pads them itself, or never.
    if not _pads_by_mirroring(network, channels, cell, scale):
        return multiple, None
    return cell, halo_of_program(network, channels, multiple=cell, scale=scale)


def _repeats(network: nn.Module, channels: int, cell: int, halo: int, scale: int) -> bool:
    """Tell whether a program does the same with what lies one cell further."""
    around = max(1 + -(-halo // cell), -(-32 // cell))
    looked_at = -(-16 // cell)
    side = (2 * around + looked_at + 1) * cell
    image = _images(channels, side, side, seed=0)
    first, last = scale * around * cell, scale * (around + looked_at) * cell
    moved = network(image[..., cell:, cell:])[..., first:last, first:last]
    first, last = first + scale * cell, last + scale * cell
    return _same(network(image)[..., first:last, first:last], moved)


def _pads_by_mirroring(network: nn.Module, channels: int, cell: int, scale: int) -> bool:
    """Tell whether a program makes whole cells of an image as tiles do."""
    side = cell * -(-64 // cell)
    image = _images(channels, side + 1, side + 1, seed=0)
    more = cell - 1
    padded = nn.functional.pad(image, (0, more, 0, more), mode="reflect")
    shown = scale * (side + 1)
    return _same(network(image), network(padded)[..., :shown, :shown])


def _same(one: Tensor, other: Tensor) -> bool:
    return float((one - other).abs().max()) <= SAME


def grid_of(network: nn.Module, channels: int, *, least: int = 1) -> int:
    """Return the side of the cells that images must consist of.

    Args:
        network: A program, of no fixed size.
        channels: Of its input, a noise map included.
        least: What the side must be a multiple of, in pixels.

    Raises:
        ProgramError: It takes images of none of the sizes that were tried.
    """
    reason = ""
    for multiple in (least * one for one in GRIDS if one == 1 or least * one <= GRIDS[-1]):
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
            if not _same(found, expected):
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
