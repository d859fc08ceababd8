"""Tables in a terminal."""

from collections.abc import Collection, Sequence


def as_table(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Return rows as lines with aligned columns.

    Args:
        rows: Equally long; the first may hold the titles.
        right: Columns that are aligned at their right side, counted from 0.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
