"""Errors of the disk in the words of the user."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StorageError(OSError):
    """A data set cannot be written: no space or no permission; the message says where."""


@contextmanager
def storage_faults(folder: Path, name: str, needed: int) -> Iterator[None]:
    """Explain what goes wrong while a data set is written.

    Args:
        folder: Where it is written to; need not be there yet.
        name: Name of the data set.
        needed: Its size in bytes.

    Raises:
        StorageError: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        task = f"data set '{name}' cannot be written to {folder}"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageError(
                f"{task}: the disk is full: {megabytes(needed)} needed, "
                f"{megabytes(free_space(folder))} free; make room and try again, nothing is lost"
            ) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise StorageError(
                f"{task}: no permission to write {error.filename or folder} "
                f"({megabytes(needed)}); change the owner or the mode of that folder and try again"
            ) from error
        raise StorageError(f"{task}: {error}") from error


def megabytes(size: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{size / 1e6:.1f} MB"


def free_space(folder: Path) -> int:
    """Return the free bytes where ``folder`` is or would be."""
    places = (folder.absolute(), *folder.absolute().parents)
    nearest = next(place for place in places if place.is_dir())
    return shutil.disk_usage(nearest).free
