"""Where tiles lie along one axis of an image."""

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
    return [span_at(first, length, core, halo) for first in range(0, length, core)]


def span_at(first: int, length: int, core: int, halo: int) -> Span:
    """Return the tile whose core begins at ``first``; the rest is as for ``spans``."""
    window = min(length, core + 2 * halo)
    start = min(max(0, first - halo), length - window)
    return Span(start, start + window, first, min(first + core, length))
