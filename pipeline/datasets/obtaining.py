"""The files of a published set: in a mirror, downloaded before, or downloaded now."""

import errno
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from tqdm import tqdm

from pipeline.datasets.archives import damage
from pipeline.datasets.cache import alone, cached, place
from pipeline.datasets.catalogue import Catalogue, PublishedFile
from pipeline.datasets.checksum import difference
from pipeline.datasets.downloads import DownloadError, download
from pipeline.datasets.finding import Places
from pipeline.datasets.mirror import MIRROR_VARIABLE, is_url, local_file, usable_mirror
from pipeline.datasets.package_files import file_in_package
from pipeline.datasets.recorded import record, with_recorded
from pipeline.datasets.storage import free_space, storage_faults
from pipeline.datasets.terms import require_acceptance, shown
from pipeline.images.files import SUFFIXES, ImageError, read_8bit
from pipeline.images.raw_images import DatasetError
from pipeline.running.passing import PassingError
from pipeline.running.workers import each

DOWNLOADS_AT_ONCE = 6
_ARCHIVES = frozenset({".zip", ".tgz", ".gz", ".tar"})

_NO_SUCH_FILE = "no such file"

_log = logging.getLogger(__name__)
_recording = threading.Lock()


class UnreachableError(DatasetError, PassingError):
    """A file cannot be had now, as a server or the way to it fails."""


def obtain(catalogue: Catalogue, places: Places) -> dict[PublishedFile, Path]:
    """Return where every file of a set is: in a package, in a mirror, downloaded before, or now.

    Checksums that nobody published are recorded, and held against from then on.

    Raises:
        DatasetError: The terms were not accepted, or a file cannot be had from any place; it is
            ``UnreachableError`` where that may be otherwise later.
        StorageError: Downloads cannot be written.
    """
    require_acceptance(catalogue, places.accepted_terms)
    _log.info("%s", shown(catalogue))
    if catalogue.package:
        return {
            file: file_in_package(file, catalogue.package, places.name) for file in catalogue.files
        }
    mirror = usable_mirror(places.mirror)
    published = [file for file in catalogue.files if file.sha256]
    found, faults = _look_in_mirror(published, mirror)
    rest = [file for file in catalogue.files if file not in found]
    if rest:
        needed = sum(file.size or 0 for file in rest if not _is_kept(file, places))
        with storage_faults(places.downloads, places.name, needed):
            if needed > free_space(places.downloads):
                raise OSError(errno.ENOSPC, "the files would not fit")
            with alone(rest, places.downloads):
                found |= _fetch(rest, faults, catalogue, places, mirror)
    return found


def _fetch(
    files: Sequence[PublishedFile],
    faults: dict[PublishedFile, dict[str, str]],
    catalogue: Catalogue,
    places: Places,
    mirror: str | None,
) -> dict[PublishedFile, Path]:
    """Fetch files while no other process fetches any of these sets."""
    # What another process recorded meanwhile counts.
    known = {with_recorded(file, places.checksums): file for file in files}
    in_mirror, more = _look_in_mirror([file for file in known if file not in faults], mirror)
    find = partial(
        _download, faults=faults | more, catalogue=catalogue, places=places, mirror=mirror
    )
    missing = [file for file in known if file not in in_mirror]
    record(in_mirror, places.checksums)
    fetched = _in_threads(find, missing, f"download {places.name}")
    return {known[file]: path for file, path in (in_mirror | fetched).items()}


def fault_of_content(path: Path, file: PublishedFile) -> str | None:
    """Return what is wrong with a file whose checksum nobody knows, or None if it is whole."""
    if file.suffix in _ARCHIVES:
        return damage(path)
    if file.suffix in SUFFIXES:
        try:
            read_8bit(path)
        except ImageError as error:
            return str(error)
    return None


def _look_in_mirror(
    files: Sequence[PublishedFile], mirror: str | None
) -> tuple[dict[PublishedFile, Path], dict[PublishedFile, dict[str, str]]]:
    """Return the files that a mirror folder has, and what is wrong with the others there."""
    found: dict[PublishedFile, Path] = {}
    faults: dict[PublishedFile, dict[str, str]] = {}
    at_hand = [(path, file) for file in files if (path := local_file(mirror, file)) is not None]
    for (path, file), fault in zip(at_hand, each(_fault_in_mirror, at_hand), strict=True):
        if fault is None:
            found[file] = path
        else:
            faults[file] = {str(path): fault}
            if fault != _NO_SUCH_FILE:
                _log.warning("the mirror's %s is not used: %s", path, fault)
    return found, faults


def _fault_in_mirror(at_hand: tuple[Path, PublishedFile]) -> str | None:
    path, file = at_hand
    try:
        fault = difference(path, file)
        if fault is None and not (file.sha256 or file.md5):
            fault = fault_of_content(path, file)
    except FileNotFoundError:
        return _NO_SUCH_FILE
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    return fault


def _is_kept(file: PublishedFile, places: Places) -> bool:
    """Tell whether a file takes its space already, be it damaged or not."""
    kept = place(with_recorded(file, places.checksums), places.downloads)
    return kept is not None and kept.is_file()


def _download(
    file: PublishedFile,
    advance: Callable[[int], object],
    *,
    faults: dict[PublishedFile, dict[str, str]],
    catalogue: Catalogue,
    places: Places,
    mirror: str | None,
) -> Path:
    """Return a file with the right checksum: downloaded before, or now."""
    before = cached(file, places.downloads)
    if before is not None:
        return before
    urls = list(file.urls)
    if mirror and is_url(mirror):
        urls.insert(0, f"{mirror.rstrip('/')}/{quote(file.in_mirror)}")
    try:
        path = download(
            file,
            urls,
            places.downloads,
            places.retry_after,
            check=partial(fault_of_content, file=file),
            advance=advance,
        )
    except DownloadError as error:
        known = [f"{file.size} bytes"] if file.size is not None else []
        known += [f"sha256 {file.sha256}"] if file.sha256 else []
        tried = faults.get(file, {}) | error.faults
        lines = [
            f"data set '{places.name}': {file.file} ({', '.join(known) or 'size unknown'}) "
            "cannot be had:",
            *(f"  {where}: {fault}" for where, fault in tried.items()),
            *_ways_out(file, catalogue, places),
        ]
        refused = UnreachableError if error.may_pass else DatasetError
        raise refused("\n".join(lines)) from error
    # At once: if another file of the set cannot be had, this one is known next time.
    with _recording:
        record({file: path}, places.checksums)
    return path


def _ways_out(file: PublishedFile, catalogue: Catalogue, places: Places) -> Iterator[str]:
    if file not in catalogue.files:
        yield (
            "Nobody published its checksum: the first download recorded it in "
            f"{places.checksums / file.folder}.csv; if its publisher means another file now, "
            "remove its row there"
        )
    if not file.urls:
        yield f"  no address that a program could ask is known; see {catalogue.homepage}"
    else:
        yield (
            f"Try again later (finished downloads are kept in {places.downloads}), or set "
            f"{MIRROR_VARIABLE} to a folder or URL that holds {file.in_mirror}"
        )
    yield f"A file that you fetched yourself: `restore data import FOLDER --as {catalogue.name}`"


class _Abandoned(BaseException):
    """Nobody waits for a download any more."""


def _in_threads(
    find: Callable[[PublishedFile, Callable[[int], object]], Path],
    files: Sequence[PublishedFile],
    title: str,
) -> dict[PublishedFile, Path]:
    """Find several files at a time; give up at the first one that cannot be found."""
    total = sum(file.size or 0 for file in files) or None
    # No bar where nobody watches: tqdm sees that the output is not a terminal.
    bar = tqdm(desc=title, total=total, unit="B", unit_scale=True, disable=None)
    with bar, ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool, _given_up(pool) as given_up:

        def advance(count: int) -> None:
            if given_up.is_set():
                raise _Abandoned
            bar.update(count)

        futures = {pool.submit(find, file, advance): file for file in files}
        for future in as_completed(futures):
            future.result()
        return {file: future.result() for future, file in futures.items()}


@contextmanager
def _given_up(pool: ThreadPoolExecutor) -> Iterator[threading.Event]:
    """Give an event that is set when the user interrupts, so that running downloads end too.

    When one file cannot be had, those that are on their way still come to their end.
    """
    event = threading.Event()
    try:
        yield event
    except BaseException as error:
        if not isinstance(error, Exception):
            event.set()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
