"""The folder of a downloaded data set, and the table that names its files.

The folder holds ``clean/IMAGE.ext``, for real noise ``degraded/IMAGE.ext`` beside it, and
``images.csv``, which names every file with its checksum.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROLES = ("clean", "degraded")
"""What a file is to its image; also the names of the folders in a data set."""

TABLE = "images.csv"
COLUMNS = ("image", "role", "file", "bytes", "sha256")
"""Of the table, and at least of every catalogue."""


class DatasetError(ValueError):
    """A data set cannot be had, or is not what it should be; the message says what to do."""


@dataclass(frozen=True)
class RawImage:
    """One image of a downloaded data set; ``degraded`` is its real degraded partner, if any."""

    name: str
    clean: Path
    degraded: Path | None


def list_images(raw: Path) -> list[RawImage]:
    """Return the images of a downloaded data set, sorted by name.

    Raises:
        DatasetError: ``raw`` is not the folder of one, or a file of it is missing.
    """
    files: dict[str, dict[str, Path]] = defaultdict(dict)
    for row in read_table(raw / TABLE, "a folder that the download stage wrote"):
        path = raw / row["file"]
        if not path.is_file():
            raise DatasetError(f"{path}: listed in {raw / TABLE}, but there is no such file")
        files[row["image"]][row["role"]] = path
    return [
        RawImage(image, roles["clean"], roles.get("degraded")) for image, roles in files.items()
    ]


def read_table(path: Path, expected: str) -> list[dict[str, str]]:
    """Read a CSV file that lists the files of a data set.

    Args:
        path: The file.
        expected: What it should be, for messages.

    Raises:
        DatasetError: It cannot be read, lacks one of ``COLUMNS``, or lists nothing.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream)
            missing = set(COLUMNS) - set(rows.fieldnames or ())
            table = list(rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: expected {expected}, but {error}") from error
    if missing:
        raise DatasetError(
            f"{path}: expected {expected}, but column(s) {sorted(missing)} are missing"
        )
    if not table:
        raise DatasetError(f"{path}: expected {expected}, but it lists no file")
    return table
