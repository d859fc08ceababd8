"""The table of what training and test images share: one row a pair of images."""

import csv
from collections.abc import Iterable
from pathlib import Path

COLUMNS = (
    "train_set",
    "train_image",
    "test_set",
    "test_image",
    "how",
    "correlation",
    "keypoints",
    "scale",
    "train_share",
    "test_share",
)
"""Of the table, in this order; an image that cannot be judged stands without a partner."""


def write_overlaps(path: Path, rows: Iterable[tuple[str | int, ...]]) -> None:
    """Write the table, its header also where nothing is shared."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
