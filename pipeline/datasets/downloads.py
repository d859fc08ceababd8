"""One file from the network; the only module that asks web servers for data."""

import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import pooch
import requests

from pipeline.datasets.catalogue import CatalogueEntry
from pipeline.datasets.checksum import difference

RETRY_AFTER = (1.0, 3.0, 9.0)
"""Seconds to wait before each further round of requests for a file."""
TIMEOUT = 30
"""Seconds without a byte after which a request has failed."""

_log = logging.getLogger(__name__)


class DownloadError(Exception):
    """No URL has the file; ``faults`` says of each what went wrong."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(faults)
        self.faults = faults


class _WrongContentError(ValueError):
    """A server sent something else than the file that was asked for."""


def download(
    entry: CatalogueEntry, urls: Sequence[str], folder: Path, retry_after: Sequence[float]
) -> Path:
    """Return a file that was downloaded before, or ask every URL in turn until one has it.

    Args:
        entry: The file.
        urls: Where it may be.
        folder: Where finished downloads are kept, named by their content.
        retry_after: Seconds to wait before each further round of requests.

    Raises:
        DownloadError: No URL has the file.
        OSError: The file cannot be written.
    """
    # Pooch reports each of hundreds of files; the bar says the same in one line.
    pooch.get_logger().setLevel("WARNING")
    fetch = partial(
        pooch.retrieve,
        known_hash=f"sha256:{entry.sha256}",
        fname=entry.sha256 + PurePosixPath(entry.file).suffix.lower(),
        path=folder,
        downloader=partial(_get, entry=entry),
    )
    faults: dict[str, str] = {}
    worth_asking = list(urls)
    for pause in (0.0, *retry_after):
        if not worth_asking:
            break
        time.sleep(pause)
        for url in list(worth_asking):
            try:
                return Path(fetch(url))
            except (_WrongContentError, requests.RequestException) as error:
                faults[url] = _reason(error)
                if _is_final(error):
                    worth_asking.remove(url)
    raise DownloadError(faults)


def _get(url: str, file: str | Path, _pooch: object, *, entry: CatalogueEntry) -> None:
    """Download one file for pooch.

    Its own downloader leaves the connection open when the disk is full, and its own check
    would only say that the checksum is wrong.
    """
    with requests.get(url, stream=True, timeout=TIMEOUT) as response, Path(file).open("wb") as out:
        response.raise_for_status()
        for chunk in response.iter_content(1 << 16):
            out.write(chunk)
    fault = difference(Path(file), entry)
    if fault:
        _log.warning("%s answered with something else: %s", url, fault)
        raise _WrongContentError(f"answered with something else: {fault}")


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT} s"
    if isinstance(error, requests.RequestException):
        return f"the connection failed ({type(error).__name__})"
    return str(error)


def _is_final(error: Exception) -> bool:
    """Tell whether asking again would bring the same answer."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        code = error.response.status_code
        return 400 <= code < 500 and code not in {408, 429}
    # Wrong content, or a URL that is none.
    return isinstance(error, ValueError)
