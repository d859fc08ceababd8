"""A small file system of its own, that a test can fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mount_small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Make a folder with a file system of its own; skip the test where that is not allowed.

    Args:
        folder: To make.
        options: Of the mount, such as ``size=64k``.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def enlarge(disk: Path, size: str) -> None:
    """Give a small file system another size, such as ``32m``."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)
