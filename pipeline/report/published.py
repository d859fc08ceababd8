"""Numbers of the literature, to put beside those measured here."""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pipeline.params import Protocol

COLUMNS = (
    "model",
    "system",
    "data_set",
    "degradation",
    "protocol",
    "psnr",
    "ssim",
    "source",
    "verified",
)
"""Of ``published.csv``, in this order."""

PROTOCOLS: tuple[str, ...] = get_args(Protocol)

Key = tuple[str, str, str, str]
"""Model, data set, degradation and protocol: only numbers that share all four are compared."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published number.

    Args:
        model: What the project calls it: ``arch.name`` of a network, or the name of a method.
        data_set: Name of the test set.
        degradation: Label of the level, such as ``gaussian_25``.
        protocol: How it was measured.
        psnr: In decibels, mean over the images.
        ssim: Mean over the images, if it was published by the same definition.
        source: Where the number stands.
        verified: Read in that place; a number from memory is never compared with.
        system: Name in the literature.
    """

    model: str
    data_set: str
    degradation: str
    protocol: str
    psnr: float
    ssim: float | None
    source: str
    verified: bool
    system: str

    @property
    def key(self) -> Key:
        """Return what a measured number must have in common with this one."""
        return (self.model, self.data_set, self.degradation, self.protocol)


def read_published(path: Path) -> dict[Key, Published]:
    """Read the published numbers that were verified.

    Raises:
        ValueError: The columns or a value are wrong, or two rows say the same thing; the message
            names the line.
    """
    found: dict[Key, Published] = {}
    lines: dict[Key, int] = {}
    for line, row in _rows(path):
        entry = _parse(row, f"{path}, line {line}")
        if entry.key in lines:
            raise ValueError(
                f"{path}, line {line}: expected one row for {', '.join(entry.key)}; "
                f"line {lines[entry.key]} is about the same"
            )
        lines[entry.key] = line
        if entry.verified:
            found[entry.key] = entry
    return found


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise ValueError(
                f"{path}, line 1: expected the columns {', '.join(COLUMNS)}; "
                f"came {', '.join(header) or 'an empty file'}"
            )
        for values in reader:
            if len(values) != len(COLUMNS):
                raise ValueError(
                    f"{path}, line {reader.line_num}: expected {len(COLUMNS)} values, "
                    f"came {len(values)}; put a text with commas in quotes"
                )
            yield reader.line_num, dict(zip(COLUMNS, values, strict=True))


def _parse(row: Mapping[str, str], where: str) -> Published:
    for column in COLUMNS:
        if column != "ssim" and not row[column].strip():
            raise ValueError(f"{where}: expected a value for {column}, came an empty one")
    if row["protocol"] not in PROTOCOLS:
        raise ValueError(
            f"{where}: expected a protocol among {', '.join(PROTOCOLS)}; came '{row['protocol']}'"
        )
    if row["verified"] not in {"true", "false"}:
        raise ValueError(
            f"{where}: expected verified to be true or false; came '{row['verified']}'"
        )
    return Published(
        model=row["model"],
        data_set=row["data_set"],
        degradation=row["degradation"],
        protocol=row["protocol"],
        psnr=_number(row, "psnr", where),
        ssim=_number(row, "ssim", where) if row["ssim"] else None,
        source=row["source"],
        verified=row["verified"] == "true",
        system=row["system"],
    )


def _number(row: Mapping[str, str], column: str, where: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{where}: expected a number for {column}, came '{row[column]}'")
    return value
