"""Finished downloads, kept by their content: a file is named by its own checksum."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock

from pipeline.arrays.file_checksum import sha256_of
from pipeline.datasets.catalogue import PublishedFile
from pipeline.datasets.checksum import difference
from pipeline.running.outputs import new_file


def place(file: PublishedFile, downloads: Path) -> Path | None:
    """Return where a file is kept once it was fetched, or None while its checksum is unknown."""
    return downloads / f"{file.sha256}{file.suffix}" if file.sha256 else None


def cached(file: PublishedFile, downloads: Path) -> Path | None:
    """Return the file that was fetched before, or None if there is none or it is damaged.

    Raises:
        OSError: It cannot be read.
    """
    path = place(file, downloads)
    return path if path and path.is_file() and difference(path, file) is None else None


def keep(path: Path, file: PublishedFile, downloads: Path) -> Path:
    """Keep the copy of a file from elsewhere; return the copy.

    Raises:
        OSError: The file cannot be read or the copy cannot be written.
    """
    kept = downloads / f"{file.sha256 or sha256_of(path)}{file.suffix}"
    with new_file(kept) as unfinished:
        shutil.copyfile(path, unfinished)
    return kept


@contextmanager
def alone(files: Iterable[PublishedFile], downloads: Path) -> Iterator[None]:
    """Keep other processes from fetching files of the same sets while the block runs.

    Raises:
        OSError: The locks cannot be written.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    with ExitStack() as locks:
        # Always in the same order: two processes never wait for one another.
        for folder in sorted({file.folder for file in files}):
            locks.enter_context(FileLock(downloads / f".{folder}.lock"))
        yield
