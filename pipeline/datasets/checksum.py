"""A file held against what is known of it, and a guess at what it is instead."""

from pathlib import Path

from pipeline.arrays.file_checksum import digest_of
from pipeline.datasets.catalogue import PublishedFile

_SIGNATURES = {
    b"\x89png": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"bm": "a BMP image",
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
    b"pk\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"matlab": "a MATLAB file",
    b"\x89hdf": "a MATLAB file",
}

_KINDS = {
    ".png": "a PNG image",
    ".jpg": "a JPEG image",
    ".jpeg": "a JPEG image",
    ".bmp": "a BMP image",
    ".zip": "a ZIP archive",
    ".gz": "a gzip archive",
    ".tgz": "a gzip archive",
    ".mat": "a MATLAB file",
}
"""What a file must be by its ending, where no checksum says more."""

_NEVER = {"empty", "an HTML page", "a Git LFS pointer, not the file itself"}
"""What is never the file that was asked for, whatever its name."""


def difference(path: Path, file: PublishedFile) -> str | None:
    """Return how a file differs from what is known of it, or None if it does not.

    Without any checksum the size and the first bytes must do: a web page is no archive.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        start = stream.read(64)
    size, kind = path.stat().st_size, _kind(start)
    came = f"came {size} bytes ({kind})"
    known = {"sha256": file.sha256, "md5": file.md5}
    for name, expected in known.items():
        if expected and (found := digest_of(path, name)) != expected:
            wanted = "" if file.size is None else f"{file.size} bytes with "
            return f"expected {wanted}{name} {expected}, {came} with {name} {found}"
    if file.size is not None and size != file.size:
        return f"expected {file.size} bytes, {came}"
    expected_kind = _KINDS.get(file.suffix, kind)
    if not any(known.values()) and (kind != expected_kind or kind in _NEVER):
        return f"expected {_KINDS.get(file.suffix, 'data')}, {came}"
    return None


def _kind(start: bytes) -> str:
    """Say what a file is by its first bytes."""
    if not start:
        return "empty"
    plain = start.lstrip().lower()
    for signature, kind in _SIGNATURES.items():
        if plain.startswith(signature):
            return kind
    return f"starting with {start[:12]!r}"
