"""Cards: a table beside degraded images that says what was drawn for each of them."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_cards(path: Path, cards: Sequence[Mapping[str, object]]) -> None:
    """Write cards as CSV, with a column for every value that any of them has."""
    columns = list(dict.fromkeys(key for card in cards for key in card))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(cards)
