"""A file held against its checksum, and a guess at what it is instead."""

import hashlib
from pathlib import Path

from pipeline.datasets.catalogue import CatalogueEntry

_SIGNATURES = {
    b"\x89png": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"bm": "a BMP image",
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
    b"pk\x03\x04": "a ZIP archive",
}


def difference(path: Path, entry: CatalogueEntry) -> str | None:
    """Return how a file differs from what its catalogue says, or None if it does not.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
        size = stream.tell()
        stream.seek(0)
        start = stream.read(64)
    if found == entry.sha256:
        return None
    return (
        f"expected {entry.size} bytes with sha256 {entry.sha256}, "
        f"came {size} bytes ({_kind(start)}) with sha256 {found}"
    )


def _kind(start: bytes) -> str:
    """Say what a file is by its first bytes."""
    if not start:
        return "empty"
    plain = start.lstrip().lower()
    for signature, kind in _SIGNATURES.items():
        if plain.startswith(signature):
            return kind
    return f"starting with {start[:12]!r}"
