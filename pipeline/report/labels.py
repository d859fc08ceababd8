"""Where the names of marks stand in a figure, so that they hide nothing."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in units of the figure's view box."""

_LETTER = 6.6
"""Width of a letter of a label, about, and a little more."""

_TALL = 12.0
"""Height of a label."""


@dataclass(frozen=True)
class Named:
    """A mark and its name."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Label:
    """A name beside its mark.

    Args:
        text: The name.
        x: Left edge, or the right one.
        y: Base line.
        ends: Whether ``x`` is the right edge.
        line: From the mark to the label if that is further away, in SVG's notation; else empty.
    """

    text: str
    x: float
    y: float
    ends: bool
    line: str


def place_labels(named: Sequence[Named], marks: Iterable[Box], area: Box) -> list[Label]:
    """Return a label for each mark, near to it and where it is free, those on the left first.

    Args:
        named: The marks that get a label.
        marks: The space that all marks take.
        area: The plotted area, which labels should not leave.
    """
    taken = list(marks)
    labels = []
    for mark in sorted(named, key=lambda one: (one.x, one.y)):
        box = min(_places(mark), key=lambda place: _cost(place, taken, area, mark))
        taken.append(box)
        ends = box[2] < mark.x
        edge = box[2] if ends else box[0]
        label = Label(mark.text, round(edge, 1), round(box[3] - 3, 1), ends, _line(box, mark))
        labels.append(label)
    return labels


def _places(mark: Named) -> Iterator[Box]:
    """Yield where a label may stand: to both sides of its mark, at rising distances."""
    wide = _LETTER * len(mark.text)
    for rise in (0, 12, 24, 36, 50, 64, 80):
        for up in {0} if rise == 0 else (-rise, rise):
            for left in (mark.x + 9, mark.x - 9 - wide):
                top = mark.y + up - _TALL / 2
                yield (left, top, left + wide, top + _TALL)


def _cost(place: Box, taken: Iterable[Box], area: Box, mark: Named) -> float:
    """Return how bad a place is: what it hides, how much of it is outside, how far away it is."""
    left, top, right, bottom = place
    hidden = sum(_shared(place, box) for box in taken)
    outside = max(0.0, area[0] - left) + max(0.0, right - area[2] - 8)
    outside += max(0.0, area[1] - top) + max(0.0, bottom - area[3])
    away = abs((top + bottom) / 2 - mark.y) + (3 if right < mark.x else 0)
    return 4 * hidden + 60 * outside + away


def _shared(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def _line(box: Box, mark: Named) -> str:
    """Return what joins a mark to a label that does not stand at its height."""
    middle = (box[1] + box[3]) / 2
    if math.isclose(middle, mark.y, abs_tol=7):
        return ""
    near = box[0] - 2 if box[0] > mark.x else box[2] + 2
    return f"M{mark.x:g} {mark.y:g}L{near:.1f} {middle:.1f}"
