"""Checksums that nobody published, recorded at the first download; later ones must match.

``data/checksums/SET.csv`` has a row for each such file of a set. Commit it: it is what makes
the download of somebody else the same as yours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.tables import columns_of, read_table, write_table
from pipeline.datasets.catalogue import PublishedFile
from pipeline.images.raw_images import DatasetError
from pipeline.running.outputs import new_file


@dataclass(frozen=True)
class _Recorded:
    """A file, its size and its checksum when it was downloaded for the first time."""

    file: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if len(self.sha256) != 64:
            raise ValueError(f"the row of {self.file} has no checksum")


def with_recorded(file: PublishedFile, checksums: Path) -> PublishedFile:
    """Return a file with the checksum that was recorded for it, if none is published.

    Raises:
        DatasetError: The record of its set cannot be read.
    """
    if file.sha256:
        return file
    row = _read(_place(file, checksums)).get(file.file)
    if row is None:
        return file
    return replace(file, size=row.bytes, sha256=row.sha256)


def record(found: Mapping[PublishedFile, Path], checksums: Path) -> None:
    """Record what files are now, except of those whose checksum is known.

    Whoever calls it holds the lock of the sets, so that no other process writes at the same time.

    Raises:
        OSError: The record cannot be written.
    """
    for file, path in found.items():
        if with_recorded(file, checksums).sha256 is None:
            rows = _read(_place(file, checksums))
            rows[file.file] = _Recorded(file.file, path.stat().st_size, sha256_of(path))
            with new_file(_place(file, checksums)) as unfinished:
                write_table(unfinished, _Recorded, (rows[name] for name in sorted(rows)))


def _place(file: PublishedFile, checksums: Path) -> Path:
    return checksums / f"{file.folder}.csv"


def _read(path: Path) -> dict[str, _Recorded]:
    try:
        return {row.file: row for row in read_table(path, _Recorded)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path}: expected checksums of earlier downloads ({', '.join(columns_of(_Recorded))}),"
            f" but {error}; restore the file from git, or remove it to accept the next download as "
            "the first one"
        ) from error
