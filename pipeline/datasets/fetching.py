"""A data set, brought together in one folder, which ``pipeline/images/raw_images.py`` reads.

``fetch_dataset`` finds the files in the way of the kind of set (``FINDERS``).
"""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.datasets.catalogue_images import find_published
from pipeline.datasets.decoding import decode_all
from pipeline.datasets.downloads import RETRY_AFTER
from pipeline.datasets.finding import FoundFile, Places
from pipeline.datasets.folders import find_in_folder, find_pairs
from pipeline.datasets.raw_folder import write_files
from pipeline.datasets.skimage_photos import find_in_skimage
from pipeline.datasets.storage import megabytes, storage_faults
from pipeline.datasets.terms import ACCEPTED_TERMS
from pipeline.running.outputs import new_folder
from pipeline.settings.params import Dataset

FINDERS: Mapping[str, Callable[[Any, Places], list[FoundFile]]] = {
    "skimage": find_in_skimage,
    "catalogue": find_published,
    "folder": find_in_folder,
    "paired": find_pairs,
}
"""For each kind of data set, how its files are found and held against their checksums."""

_log = logging.getLogger(__name__)


def fetch_dataset(
    dataset: Dataset,
    *,
    name: str,
    source: Path,
    downloads: Path,
    mirror: str | None,
    out: Path,
    accepted_terms: Path = ACCEPTED_TERMS,
    retry_after: Sequence[float] = RETRY_AFTER,
) -> None:
    """Bring all images of a data set together in one folder, or leave no folder at all.

    Every file with a known checksum is held against it, every image is decoded once, and
    degraded images must have the size and the channels of their clean partners.

    Args:
        dataset: Its entry in ``params.yaml``.
        name: Name of that entry, for messages.
        source: Catalogue of the set, or the user's folder.
        downloads: Folder where finished downloads are kept for the next time. Checksums that
            nobody published are recorded in the folder ``checksums`` beside it.
        mirror: Folder or URL that is tried before the publisher, or None.
        out: Folder to write; one that is there is replaced.
        accepted_terms: Folder that notes whose terms were accepted.
        retry_after: Seconds to wait before each further round of requests for a file.

    Raises:
        DatasetError: Terms were not accepted, a file cannot be had or is not the expected one,
            an image cannot be used, or a partner is missing.
        StorageError: There is no space or no permission to write.
    """
    places = Places(
        name=name,
        source=source,
        downloads=downloads,
        checksums=downloads.with_name("checksums"),
        accepted_terms=accepted_terms,
        scratch=out.with_name(f".{out.name}.unpacked"),
        mirror=mirror,
        retry_after=retry_after,
    )
    # A run that was killed may have left something.
    shutil.rmtree(places.scratch, ignore_errors=True)
    try:
        found = sorted(FINDERS[dataset.kind](dataset, places))
        decode_all(found, name)
        needed = sum(file.path.stat().st_size for file in found)
        with storage_faults(out, name, needed), new_folder(out) as folder:
            write_files(found, folder, places.scratch)
    finally:
        shutil.rmtree(places.scratch, ignore_errors=True)
    _log.info("data set '%s': %d files, %s", name, len(found), megabytes(needed))
