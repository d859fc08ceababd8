"""The folder of a downloaded data set, and the table that names its files.

The folder holds ``clean/IMAGE.ext``, for real noise ``degraded/IMAGE.ext`` beside it, and
``images.csv``, which names every file with its checksum.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from pipeline.arrays.tables import read_table

ROLES = ("clean", "degraded")
"""What a file is to its image; also the names of the folders in a data set."""

TABLE = "images.csv"
"""Name of the table, whose rows are of the class ``RawFile``."""


class DatasetError(ValueError):
    """A data set cannot be had, or is not what it should be; the message says what to do."""


@dataclass(frozen=True)
class RawFile:
    """A row of the table: a file, its place in the folder, its bytes and their checksum."""

    image: str
    role: str
    file: str
    bytes: int
    sha256: str


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
    for row in list_files(raw):
        path = raw / row.file
        if not path.is_file():
            raise DatasetError(f"{path}: listed in {raw / TABLE}, but there is no such file")
        files[row.image][row.role] = path
    return [
        RawImage(image, roles["clean"], roles.get("degraded")) for image, roles in files.items()
    ]


def list_files(raw: Path) -> list[RawFile]:
    """Return the files of a downloaded data set, in the order of the table.

    Raises:
        DatasetError: ``raw`` is not the folder of one, or its table is damaged or empty.
    """
    expected = f"{raw / TABLE}: expected a folder that the download stage wrote"
    try:
        table = read_table(raw / TABLE, RawFile, f"download@{raw.name}")
    except (OSError, ValueError) as error:
        raise DatasetError(f"{expected}, but {error}") from error
    if not table:
        raise DatasetError(f"{expected}, but it lists no file")
    return table
