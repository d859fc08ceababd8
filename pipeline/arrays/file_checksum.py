"""The checksum of a file, read piece by piece, and of the files of a folder."""

import hashlib
from functools import partial
from pathlib import Path


def digest_of(path: Path, name: str) -> str:
    """Return the hexadecimal checksum of a file.

    Args:
        path: The file.
        name: Of the algorithm, such as ``sha256``.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        # MD5 is what some publishers offer; it tells damage, not malice.
        new = partial(hashlib.new, name, usedforsecurity=False)
        return hashlib.file_digest(stream, new).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        OSError: The file cannot be read.
    """
    return digest_of(path, "sha256")


def sha256_of_folder(folder: Path) -> str:
    """Return one checksum for the names and contents of all files of a folder.

    Raises:
        OSError: A file cannot be read, or the folder holds another folder.
    """
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
