"""The mirror: a folder or URL that holds files of published data sets as SET/FILE."""

import logging
import os
from pathlib import Path

from pipeline.datasets.catalogue import PublishedFile

MIRROR_VARIABLE = "RESTORE_MIRROR"
"""Environment variable with the mirror that the user wants."""

_log = logging.getLogger(__name__)


def mirror_from_environment() -> str | None:
    """Return the mirror that the user set, if any."""
    return os.environ.get(MIRROR_VARIABLE) or None


def usable_mirror(mirror: str | None) -> str | None:
    """Return the mirror if there can be one at that place, else say so and return None."""
    if mirror and not is_url(mirror) and not Path(mirror).is_dir():
        _log.warning("%s is not used: %s is neither a folder nor a URL", MIRROR_VARIABLE, mirror)
        return None
    return mirror


def is_url(place: str) -> bool:
    """Tell whether a mirror is asked over the network."""
    return place.startswith(("https://", "http://"))


def local_file(mirror: str | None, file: PublishedFile) -> Path | None:
    """Return where a mirror on this machine has a file, or None if the mirror is elsewhere."""
    return Path(mirror) / file.in_mirror if mirror and not is_url(mirror) else None
