"""What is known of a published set before anything is fetched; no server is asked."""

from pathlib import Path
from typing import Literal

from pipeline.datasets.cache import place
from pipeline.datasets.catalogue import Catalogue, PublishedFile
from pipeline.datasets.mirror import local_file, mirror_from_environment
from pipeline.datasets.recorded import with_recorded

RAW = Path("data") / "raw"
"""Folder of the sets that the stage ``download`` brought together, relative to the project."""
DOWNLOADS = Path("data") / "downloads"
"""Folder of finished downloads, relative to the project."""
CHECKSUMS = Path("data") / "checksums"
"""Folder with the checksums that first downloads recorded, relative to the project."""

State = Literal["fetched", "in mirror", "partly", "not yet"]


def size_of(catalogue: Catalogue, root: Path) -> int | None:
    """Return the bytes of all files of a set; None while the size of one is unknown.

    Raises:
        DatasetError: The checksums recorded for it cannot be read.
    """
    sizes = [with_recorded(file, root / CHECKSUMS).size for file in catalogue.files]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def state_of(catalogue: Catalogue, root: Path) -> State:
    """Say where the files of a set are, by their sizes; `restore data verify` reads them.

    Raises:
        DatasetError: The checksums recorded for it cannot be read.
    """
    files = [with_recorded(file, root / CHECKSUMS) for file in catalogue.files]
    kept = [_kept(file, root) is not None for file in files]
    if all(kept):
        return "fetched"
    if all(at_hand(file, root) for file in files):
        return "in mirror"
    return "partly" if any(kept) else "not yet"


def at_hand(file: PublishedFile, root: Path) -> Path | None:
    """Return where a file is, downloaded or in a mirror on this machine; None if it is not.

    Raises:
        DatasetError: The checksums recorded for its set cannot be read.
    """
    file = with_recorded(file, root / CHECKSUMS)
    kept = _kept(file, root)
    in_mirror = local_file(mirror_from_environment(), file)
    return kept or (in_mirror if in_mirror and _has_size(in_mirror, file) else None)


def _kept(file: PublishedFile, root: Path) -> Path | None:
    path = place(file, root / DOWNLOADS)
    return path if path and _has_size(path, file) else None


def _has_size(path: Path, file: PublishedFile) -> bool:
    return path.is_file() and file.size in {None, path.stat().st_size}
