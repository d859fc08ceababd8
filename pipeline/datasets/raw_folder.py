"""The copies of found files in the folder of a data set, and their table."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.tables import write_table
from pipeline.datasets.finding import FoundFile
from pipeline.images.raw_images import TABLE, RawFile
from pipeline.running.workers import each


def write_files(found: Sequence[FoundFile], folder: Path, scratch: Path) -> None:
    """Bring the files of a data set together, in the order given, and list their checksums.

    Args:
        found: The files; those in ``scratch`` are moved, all others copied.
        folder: Folder to fill.
        scratch: Folder whose files are nobody else's.

    Raises:
        OSError: A file cannot be read or written.
    """
    for role in {file.role for file in found}:
        (folder / role).mkdir(exist_ok=True)
    rows = list(each(partial(_write, folder=folder, scratch=scratch), found))
    write_table(folder / TABLE, RawFile, rows)


def _write(file: FoundFile, folder: Path, scratch: Path) -> RawFile:
    """Write one file, and return its row of the table."""
    relative = f"{file.role}/{file.image}{file.path.suffix.lower()}"
    move = file.path.is_relative_to(scratch)
    size, sha256 = _take(file.path, folder / relative, move=move)
    return RawFile(file.image, file.role, relative, size, sha256)


def _take(source: Path, target: Path, *, move: bool) -> tuple[int, str]:
    """Write a new file with the bytes of another; return its size and checksum.

    Never a link: DVC takes the file over and may make it read-only.
    """
    if move:
        source.rename(target)
        return target.stat().st_size, sha256_of(target)
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(1 << 20):
            digest.update(chunk)
            writer.write(chunk)
        return writer.tell(), digest.hexdigest()
