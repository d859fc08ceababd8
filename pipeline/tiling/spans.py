"""Where tiles lie along one axis of an image."""

import math
from dataclasses import dataclass


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

    def times(self, factor: int) -> "Span":
        """Return the same tile on an axis with ``factor`` times as many pixels."""
        return Span(
            factor * self.start, factor * self.stop, factor * self.first, factor * self.last
        )


def spans(length: int, core: int, halo: int, *, even: bool = True) -> list[Span]:
    """Divide one axis into cores and give each its window.

    Args:
        length: Pixels of the image.
        core: Pixels of a core, at most.
        halo: Pixels of context on both sides.
        even: Whether all cores are nearly alike; otherwise all but the last have ``core``.

    Returns:
        As few spans as possible, whose cores cover the axis once. All windows have one length,
        which is that of a core and two halos, or of the image where that is shorter.
    """
    side = even_core(length, core) if even else core
    return [span_at(first, length, side, halo) for first in range(0, length, side)]


def even_core(length: int, core: int) -> int:
    """Return the length of cores of at most ``core`` pixels that divide an axis evenly.

    Full ones with a narrow last one would be as many, and compute more.
    """
    return math.ceil(length / math.ceil(length / core))


def span_at(first: int, length: int, core: int, halo: int) -> Span:
    """Return the tile whose core of ``core`` pixels begins at ``first``."""
    window = min(length, core + 2 * halo)
    start = min(max(0, first - halo), length - window)
    return Span(start, start + window, first, min(first + core, length))
