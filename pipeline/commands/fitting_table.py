"""Tables that are no wider than the terminal."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeline.commands.table import as_table

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table that has to fit.

    Args:
        title: What stands above it.
        right: Whether its cells are aligned at their right side.
        leaves: When it is left out for want of width: the higher the sooner; 0 if never.
        shortest: To how many characters its texts may be shortened first; 0 if they may not.
    """

    title: str
    right: bool = True
    leaves: int = 0
    shortest: int = 0


@dataclass(frozen=True, kw_only=True)
class FittingTable:
    """A table, and what had no room in it.

    Args:
        lines: One a row, the titles first.
        without: Titles of the columns that were left out.
    """

    lines: Sequence[str]
    without: Sequence[str]


def fit_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> FittingTable:
    """Return rows as lines with aligned columns, none of them longer than ``width``.

    Texts that may be shortened are, before columns are left out.

    Args:
        columns: What is known of each.
        rows: Without the titles.
        width: Of the terminal.
    """
    cells = [[column.title for column in columns], *rows]
    widths = [max(map(len, texts)) for texts in zip(*cells, strict=True)]
    least = [
        min(natural, max(column.shortest, len(column.title))) if column.shortest else natural
        for column, natural in zip(columns, widths, strict=True)
    ]
    kept = _fitting(columns, least, width)
    room = {place: widths[place] for place in kept}
    while _total(room.values()) > width and any(room[place] > least[place] for place in kept):
        room[max(kept, key=lambda place: (room[place] > least[place], room[place]))] -= 1
    lines = as_table(
        [[shorten(row[place], room[place]) for place in kept] for row in cells],
        right={at for at, place in enumerate(kept) if columns[place].right},
    ).split("\n")
    return FittingTable(
        lines=[shorten(line, width) for line in lines],
        without=[column.title for place, column in enumerate(columns) if place not in kept],
    )


def _fitting(columns: Sequence[Column], least: Sequence[int], width: int) -> list[int]:
    """Return the places of the columns that there is room for: what matters most comes first."""
    kept: list[int] = []
    for place in sorted(range(len(columns)), key=lambda place: columns[place].leaves):
        if (
            not columns[place].leaves
            or _total([*(least[at] for at in kept), least[place]]) <= width
        ):
            kept.append(place)
    return sorted(kept)


def _total(widths: Collection[int]) -> int:
    """Return how wide columns are, with the gaps between them."""
    return sum(widths) + 2 * (len(widths) - 1)


def shorten(text: str, width: int) -> str:
    """Return a text in at most ``width`` characters; of a longer one the middle is left out."""
    if len(text) <= width:
        return text
    end = max(width - 1, 0) // 2
    return text[: max(width - 1, 0) - end] + ELLIPSIS + text[len(text) - end :]


def shorten_count(count: int) -> str:
    """Return a large number with three digits and its unit: ``56.1 k``, ``3.66 G``."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size * 0.9995:
            number = count / size
            return f"{number:.{2 if number < 9.995 else 1 if number < 99.95 else 0}f} {unit}"
    return str(count)
