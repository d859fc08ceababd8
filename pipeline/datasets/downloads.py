"""One file from the network; the only module that asks web servers for data."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import requests

from pipeline.arrays.file_checksum import sha256_of
from pipeline.datasets.cache import place
from pipeline.datasets.catalogue import PublishedFile
from pipeline.datasets.checksum import difference

RETRY_AFTER = (1.0, 3.0, 9.0)
"""Seconds to wait before each further round of requests for a file."""
TIMEOUT = 30
"""Seconds without a byte after which a request has failed."""

_CHUNK = 1 << 16
_log = logging.getLogger(__name__)


class DownloadError(Exception):
    """No URL has the file; ``faults`` says of each what went wrong.

    ``may_pass`` tells whether one of them may have it later.
    """

    def __init__(self, faults: dict[str, str], *, may_pass: bool) -> None:
        super().__init__(faults)
        self.faults = faults
        self.may_pass = may_pass


class _WrongContentError(ValueError):
    """A server sent something else than the file that was asked for."""


def download(
    file: PublishedFile,
    urls: Sequence[str],
    downloads: Path,
    retry_after: Sequence[float],
    *,
    check: Callable[[Path], str | None],
    advance: Callable[[int], object],
) -> Path:
    """Ask every URL in turn until one has the file.

    What arrived of a file that broke off is kept, and the next request asks for the rest, if
    the server can say that it is still the same file.

    Args:
        file: The file.
        urls: Where it may be.
        downloads: Folder where finished downloads are kept, named by their content.
        retry_after: Seconds to wait before each further round of requests.
        check: Says what else is wrong with a file whose checksum nobody knows.
        advance: Is told how many bytes have come.

    Raises:
        DownloadError: No URL has the file.
        OSError: The file cannot be written.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    partial = _Partial(downloads / f".{quote(file.in_mirror, safe=' ')}.part")
    faults: dict[str, str] = {}
    worth_asking = list(urls)
    for pause in (0.0, *retry_after):
        if not worth_asking:
            break
        time.sleep(pause)
        for url in list(worth_asking):
            try:
                _get(url, partial, advance)
                _refuse_other_content(url, partial, file, check)
                finished = place(file, downloads)
                if finished is None:
                    finished = downloads / f"{sha256_of(partial.path)}{file.suffix}"
                return partial.finish(finished)
            except (_WrongContentError, requests.RequestException) as error:
                faults[url] = _reason(error)
                if _is_final(error):
                    worth_asking.remove(url)
            except OSError:
                partial.forget()
                raise
    raise DownloadError(faults, may_pass=bool(worth_asking))


class _Partial:
    """What has arrived of a file, and what its server called that version of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version = path.with_suffix(".version")

    def range_headers(self, url: str) -> dict[str, str]:
        """Ask for the rest, on condition that the file at the server did not change."""
        try:
            came_from, version = self._version.read_text(encoding="utf-8").splitlines()
            size = self.path.stat().st_size
        except (OSError, ValueError):
            return {}
        if came_from != url or not size:
            return {}
        return {"Range": f"bytes={size}-", "If-Range": version}

    def begin(self, url: str, response: requests.Response) -> None:
        """Note what the server calls the file, before its first byte is written."""
        self.forget()
        # A weak validator does not promise the same bytes.
        version = response.headers.get("ETag", "")
        version = "" if version.startswith("W/") else version
        version = version or response.headers.get("Last-Modified", "")
        if version:
            self._version.write_text(f"{url}\n{version}\n", encoding="utf-8")

    def finish(self, finished: Path) -> Path:
        """Give the complete file its name."""
        self.path.replace(finished)
        self.forget()
        return finished

    def forget(self) -> None:
        """Throw away what has arrived."""
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def can_go_on(self) -> bool:
        """Tell whether a later request could ask for the rest."""
        return self._version.is_file()


def _get(url: str, partial: _Partial, advance: Callable[[int], object]) -> None:
    """Bring what is missing of a file; keep what came of it when the connection breaks off."""
    # Compressed transfer would make the length of the file unknown, and its rest with it.
    headers = {"Accept-Encoding": "identity", **partial.range_headers(url)}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                partial.forget()  # complete or too long: it is asked for again as a whole
            response.raise_for_status()
            rest = response.status_code == requests.codes.partial_content
            if not rest:
                partial.begin(url, response)
            with partial.path.open("ab") as out:
                advance(out.tell())
                for chunk in response.iter_content(_CHUNK):
                    advance(out.write(chunk))
    except requests.RequestException:
        if not partial.can_go_on():
            partial.forget()
        raise


def _refuse_other_content(
    url: str, partial: _Partial, file: PublishedFile, check: Callable[[Path], str | None]
) -> None:
    fault = difference(partial.path, file)
    if fault is None and not (file.sha256 or file.md5):
        fault = check(partial.path)
    if fault:
        partial.forget()
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
        return 400 <= code < 500 and code not in {408, 416, 429}
    # Wrong content, or a URL that is none.
    return isinstance(error, ValueError)
