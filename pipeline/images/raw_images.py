"""The folder of a downloaded data set, and the table that names its files.

The folder holds ``clean/IMAGE.ext``, for real noise ``degraded/IMAGE.ext`` beside it, and
``images.csv``, which names every file with its checksum.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.arrays.tables import read_lines

_CLEAN = "clean"

ROLES = (_CLEAN, "degraded")
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


class RawImages:
    """The images of a downloaded data set, sorted by name.

    There may be millions of them, so they are read from the table whenever they are gone through.

    Args:
        raw: Folder of the data set.
        count: How many there are.
        partners: Files in the folder that are real degraded partners, by the name of the image.
    """

    def __init__(self, raw: Path, count: int, partners: Mapping[str, str]) -> None:
        self._raw = raw
        self._count = count
        self._partners = partners

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[RawImage]:
        for row in _rows(self._raw):
            if row.role == _CLEAN:
                partner = self._partners.get(row.image)
                degraded = None if partner is None else self._raw / partner
                yield RawImage(row.image, self._raw / row.file, degraded)


def list_images(raw: Path) -> RawImages:
    """Return the images of a downloaded data set, sorted by name.

    Raises:
        DatasetError: ``raw`` is not the folder of one, or a file of it is missing.
    """
    count, partners = 0, {}
    for row in _rows(raw):
        path = raw / row.file
        if not path.is_file():
            raise DatasetError(f"{path}: listed in {raw / TABLE}, but there is no such file")
        if row.role == _CLEAN:
            count += 1
        else:
            partners[row.image] = row.file
    return RawImages(raw, count, partners)


def list_files(raw: Path) -> list[RawFile]:
    """Return the files of a downloaded data set, in the order of the table.

    Raises:
        DatasetError: ``raw`` is not the folder of one, or its table is damaged or empty.
    """
    return list(_rows(raw))


def _rows(raw: Path) -> Iterator[RawFile]:
    expected = f"{raw / TABLE}: expected a folder that the download stage wrote"
    count = 0
    try:
        for _, row in read_lines(raw / TABLE, RawFile, f"download@{raw.name}"):
            count += 1
            yield row
    except (OSError, ValueError) as error:
        raise DatasetError(f"{expected}, but {error}") from error
    if not count:
        raise DatasetError(f"{expected}, but it lists no file")
