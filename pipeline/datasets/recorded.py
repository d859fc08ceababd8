"""Checksums that nobody published, recorded at the first download; later ones must match.

``data/checksums/SET.csv`` has a row for each such file of a set. Commit it: it is what makes
the download of somebody else the same as yours.
"""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline.arrays.file_checksum import sha256_of
from pipeline.datasets.catalogue import PublishedFile
from pipeline.images.raw_images import DatasetError
from pipeline.running.outputs import new_file

_COLUMNS = ("file", "bytes", "sha256")


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
    return replace(file, size=int(row["bytes"]), sha256=row["sha256"])


def record(found: Mapping[PublishedFile, Path], checksums: Path) -> None:
    """Record what files are now, except of those whose checksum is known.

    Whoever calls it holds the lock of the sets, so that no other process writes at the same time.

    Raises:
        OSError: The record cannot be written.
    """
    for file, path in found.items():
        if with_recorded(file, checksums).sha256 is None:
            rows = _read(_place(file, checksums))
            size = str(path.stat().st_size)
            rows[file.file] = {"file": file.file, "bytes": size, "sha256": sha256_of(path)}
            with new_file(_place(file, checksums)) as unfinished:
                _write(rows, unfinished)


def _place(file: PublishedFile, checksums: Path) -> Path:
    return checksums / f"{file.folder}.csv"


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = {row["file"]: row for row in csv.DictReader(stream)}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise _unusable(path, str(error)) from error
    for row in rows.values():
        if not str(row.get("bytes")).isdecimal() or len(row.get("sha256") or "") != 64:
            raise _unusable(path, f"the row of {row['file']} has no size or no checksum")
    return rows


def _unusable(path: Path, why: str) -> DatasetError:
    return DatasetError(
        f"{path}: expected checksums of earlier downloads ({', '.join(_COLUMNS)}), but {why}; "
        "restore the file from git, or remove it to accept the next download as the first one"
    )


def _write(rows: Mapping[str, Mapping[str, str]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[file] for file in sorted(rows))
