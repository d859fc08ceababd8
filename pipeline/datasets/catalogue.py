"""The catalogue of a published data set: a CSV file with a row for every file of the set."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.raw_images import ROLES, DatasetError, read_table


@dataclass(frozen=True, order=True)
class CatalogueEntry:
    """One file of a published data set: a row of its catalogue.

    Args:
        image: Name of the image, shared by a clean file and its degraded partner.
        role: ``clean`` or ``degraded``.
        file: Where a mirror has it, relative to the folder of the set.
        size: In bytes.
        sha256: Checksum, 64 lower-case hexadecimal digits.
        path: Where the source has it, relative to the base URL of the set.
    """

    image: str
    role: str
    file: str
    size: int
    sha256: str
    path: str


def read_catalogue(path: Path) -> list[CatalogueEntry]:
    """Read the catalogue of a published data set.

    The columns are those of ``CatalogueEntry`` (its size is called ``bytes``); without a column
    ``path``, it is the same as ``file``.

    Raises:
        DatasetError: The file is not a catalogue, or a row of it is wrong.
    """
    rows = read_table(path, "a catalogue")
    faults = [
        f"line {number}: {fault}"
        for number, row in enumerate(rows, start=2)
        for fault in _row_faults(row)
    ]
    keys = Counter((row["image"], row["role"]) for row in rows)
    faults += [f"{image} has {n} rows as {role}" for (image, role), n in keys.items() if n > 1]
    clean = {row["image"] for row in rows if row["role"] == "clean"}
    lonely = sorted({row["image"] for row in rows} - clean)
    faults += [f"{image} is degraded, but has no clean partner" for image in lonely]
    if faults:
        raise DatasetError("\n  ".join([f"{path}: unusable catalogue:", *faults]))
    return [
        CatalogueEntry(
            image=row["image"],
            role=row["role"],
            file=row["file"],
            size=int(row["bytes"]),
            sha256=row["sha256"],
            path=row.get("path", row["file"]),
        )
        for row in rows
    ]


def _row_faults(row: Mapping[str, str | None]) -> Iterator[str]:
    if None in row.values():
        yield "too few columns"
        return
    if row["role"] not in ROLES:
        yield f"role: expected one of {', '.join(ROLES)}, came '{row['role']}'"
    if not str(row["bytes"]).isdecimal():
        yield f"bytes: expected a number, came '{row['bytes']}'"
    sha256 = str(row["sha256"])
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        yield f"sha256: expected 64 lower-case hexadecimal digits, came '{sha256}'"
    image, file = str(row["image"]), PurePosixPath(str(row["file"]))
    if not image or PurePosixPath(image).name != image:
        yield f"image: expected a name without folders, came '{image}'"
    if file.is_absolute() or ".." in file.parts or not file.name:
        yield f"file: expected a path inside the folder of the set, came '{file}'"
