"""Outputs that are there whole or not at all, after a power cut too."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which takes the place of ``path`` when all went well.

    After a failure ``path`` is as it was.

    Raises:
        OSError: The folder cannot be made, written or renamed.
    """
    unfinished = _beside(path)
    if unfinished.exists():  # a run that was killed left it
        shutil.rmtree(unfinished)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        outlast_power_cuts(unfinished)
        if path.exists():
            replaced = path.with_name(f".{path.name}.replaced")
            shutil.rmtree(replaced, ignore_errors=True)
            path.rename(replaced)
            unfinished.rename(path)
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            unfinished.rename(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give the path of a file to write, which takes the place of ``path`` when all went well.

    Raises:
        OSError: The file cannot be written or renamed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _beside(path)
    try:
        yield unfinished
        outlast_power_cuts(unfinished)
        unfinished.replace(path)
        _sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def outlast_power_cuts(path: Path) -> None:
    """Have the disk hold a file, or a folder with all in it, before it gets its name.

    Otherwise the name may outlast a power cut, and the content not.

    Raises:
        OSError: The disk does not take it.
    """
    if path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            outlast_power_cuts(inner)
    _sync(path)


def _sync(path: Path) -> None:
    if os.name != "posix":  # elsewhere nobody can open a folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    """Return the place of an unfinished output: hidden, and on the same file system."""
    return path.parent / f".{path.name}.unfinished"
