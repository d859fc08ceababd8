"""Kind ``files``: the files of a catalogue, from a mirror or from their own URLs."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from urllib.parse import quote

from tqdm import tqdm

from pipeline.datasets.catalogue import CatalogueEntry, read_catalogue
from pipeline.datasets.checksum import difference
from pipeline.datasets.downloads import DownloadError, download
from pipeline.datasets.finding import FoundFile, Places
from pipeline.datasets.mirror import MIRROR_VARIABLE, is_url, usable_mirror
from pipeline.datasets.storage import storage_faults
from pipeline.params import FilesDataset
from pipeline.raw_images import DatasetError

DOWNLOADS_AT_ONCE = 6

_log = logging.getLogger(__name__)


def find_files(dataset: FilesDataset, places: Places) -> list[FoundFile]:
    """Return all files of a catalogue, each with the right checksum.

    Raises:
        DatasetError: A file cannot be had from any place.
        StorageError: Downloads cannot be written.
    """
    entries = read_catalogue(places.source)
    needed = sum(entry.size for entry in entries)
    mirror = usable_mirror(places.mirror)
    find = partial(_find_file, base_url=dataset.base_url, places=places, mirror=mirror)
    with storage_faults(places.downloads, places.name, needed):
        paths = _in_threads(find, entries, f"download {places.name}")
    return [
        FoundFile(entry.image, entry.role, path) for entry, path in zip(entries, paths, strict=True)
    ]


def _in_threads(
    find: Callable[[CatalogueEntry], Path], entries: Sequence[CatalogueEntry], title: str
) -> list[Path]:
    """Find several files at a time; give up at the first one that cannot be found."""
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        futures = [pool.submit(find, entry) for entry in entries]
        try:
            # No bar where nobody watches: tqdm sees that the output is not a terminal.
            for future in tqdm(as_completed(futures), title, len(futures), disable=None):
                future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return [future.result() for future in futures]


def _find_file(entry: CatalogueEntry, *, base_url: str, places: Places, mirror: str | None) -> Path:
    """Return a file with the right checksum: of the mirror, downloaded before, or now."""
    in_mirror = f"{places.source.stem}/{entry.file}"
    urls = [f"{base_url.rstrip('/')}/{quote(entry.path)}"]
    faults: dict[str, str] = {}
    if mirror and is_url(mirror):
        urls.insert(0, f"{mirror.rstrip('/')}/{quote(in_mirror)}")
    elif mirror:
        path = Path(mirror) / in_mirror
        fault = _fault_in_mirror(path, entry)
        if fault is None:
            return path
        faults[str(path)] = fault
    try:
        return download(entry, urls, places.downloads, places.retry_after)
    except DownloadError as error:
        faults |= error.faults
        lines = [
            f"data set '{places.name}': {entry.file} ({entry.size} bytes, sha256 {entry.sha256}) "
            "cannot be had:",
            *(f"  {place}: {fault}" for place, fault in faults.items()),
            f"Try again later (finished downloads are kept in {places.downloads}), or set "
            f"{MIRROR_VARIABLE} to a folder or URL that holds {in_mirror}",
        ]
        raise DatasetError("\n".join(lines)) from error


def _fault_in_mirror(path: Path, entry: CatalogueEntry) -> str | None:
    try:
        fault = difference(path, entry)
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    if fault:
        _log.warning("the mirror's %s is not used: %s", path, fault)
    return fault
