"""Tables of the literature: one published number a row, each with its source."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

FROM_MEMORY = {"true": True, "false": False}
"""What the column ``from_memory`` says: whether a number was not read in its source."""


def read_literature(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the rows of a table by their lines; no value is empty.

    Args:
        path: File to read.
        columns: What its header must be; ``from_memory`` among them.

    Raises:
        ValueError: The columns are others, or a row lacks a value, or does not say whether it is
            from memory; the message names the line.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if header != list(columns):
            raise ValueError(
                f"{path}, line 1: expected the columns {', '.join(columns)}; "
                f"came {', '.join(header) or 'an empty file'}"
            )
        for values in reader:
            where = f"{path}, line {reader.line_num}"
            if len(values) != len(columns):
                raise ValueError(
                    f"{where}: expected {len(columns)} values, "
                    f"came {len(values)}; put a text with commas in quotes"
                )
            row = dict(zip(columns, values, strict=True))
            for column, value in row.items():
                if not value.strip():
                    raise ValueError(f"{where}: expected a value for {column}, came an empty one")
            if row["from_memory"] not in FROM_MEMORY:
                raise ValueError(
                    f"{where}: expected from_memory to be true or false; "
                    f"came '{row['from_memory']}'"
                )
            yield reader.line_num, row
