"""The terms of published data sets: shown before a download, and who must accept them first.

An acceptance is noted in a file named after the set, with the checksum of the text that was
accepted, so that changed terms are asked for again. ``RESTORE_ACCEPT_TERMS`` accepts the terms
of the sets that it names (or of ``all``) where nobody can be asked.
"""

import hashlib
import os
import textwrap
from functools import partial
from pathlib import Path

from pipeline.datasets.catalogue import Catalogue
from pipeline.images.raw_images import DatasetError
from pipeline.running.outputs import new_file

ACCEPT_VARIABLE = "RESTORE_ACCEPT_TERMS"
"""Environment variable with the names of sets, parted by commas, whose terms the user accepts."""

ACCEPTED_TERMS = Path(".restore") / "accepted_terms"
"""Folder that notes whose terms were accepted, relative to the project."""


def shown(catalogue: Catalogue) -> str:
    """Return what people must have seen before a set is fetched for the first time."""
    paragraphs = (catalogue.homepage, catalogue.reference, f"Terms: {catalogue.terms}")
    wrap = partial(textwrap.fill, width=98, initial_indent="  ", subsequent_indent="    ")
    return "\n".join([catalogue.title, *map(wrap, paragraphs)])


def is_accepted(catalogue: Catalogue, folder: Path) -> bool:
    """Tell whether a set may be fetched: it asks for nothing, or somebody accepted its terms."""
    if not catalogue.must_accept:
        return True
    named = {name.strip() for name in os.environ.get(ACCEPT_VARIABLE, "").split(",")}
    if named & {catalogue.name, "all"}:
        return True
    try:
        return (folder / catalogue.name).read_text(encoding="utf-8").strip() == _digest(catalogue)
    except (OSError, UnicodeDecodeError):
        return False


def accept(catalogue: Catalogue, folder: Path) -> None:
    """Note that the user accepted the terms of a set as they are now.

    Raises:
        OSError: The note cannot be written.
    """
    with new_file(folder / catalogue.name) as unfinished:
        unfinished.write_text(f"{_digest(catalogue)}\n", encoding="utf-8")


def require_acceptance(catalogue: Catalogue, folder: Path) -> None:
    """Refuse to go on with a set whose terms nobody accepted.

    Raises:
        DatasetError: It says what the terms are and how to accept them.
    """
    if not is_accepted(catalogue, folder):
        raise DatasetError(
            f"data set '{catalogue.name}': its terms were not accepted\n"
            f"{shown(catalogue)}\n"
            "Accept them with\n"
            f"  restore data fetch {catalogue.name} --accept-terms\n"
            "or, where no one can be asked, by setting\n"
            f"  {ACCEPT_VARIABLE}={catalogue.name}"
        )


def _digest(catalogue: Catalogue) -> str:
    return hashlib.sha256(catalogue.terms.encode()).hexdigest()
