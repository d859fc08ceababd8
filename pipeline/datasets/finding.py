"""What every kind of data set is asked, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.images.raw_images import DatasetError


@dataclass(frozen=True)
class Places:
    """Where to look for a data set and where to keep what was downloaded.

    Args:
        name: Name of the data set, for messages.
        source: Its catalogue or folder.
        downloads: Folder of finished downloads, named by their content.
        checksums: Folder with the checksums that first downloads recorded.
        accepted_terms: Folder that notes whose terms were accepted.
        scratch: Folder for what is unpacked; whoever made the places removes it.
        mirror: Folder or URL to try before the publisher, or None.
        retry_after: Seconds to wait before each further round of requests for a file.
    """

    name: str
    source: Path
    downloads: Path
    checksums: Path
    accepted_terms: Path
    scratch: Path
    mirror: str | None
    retry_after: Sequence[float]


@dataclass(frozen=True, order=True)
class FoundFile:
    """One file of a data set, at hand and with the right checksum if one is known."""

    image: str
    role: str
    path: Path


def refusal(name: str, what: str, faults: Sequence[str]) -> DatasetError:
    """Return an error that lists what is wrong with the data set ``name``, a line each."""
    lines = [f"data set '{name}' has {len(faults)} {what}:", *(f"  {fault}" for fault in faults)]
    return DatasetError("\n".join(lines))
