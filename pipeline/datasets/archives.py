"""Archives: the wanted members and nothing else, under names of our own.

A member never decides where it is written: its path only tells which image it is. So no path
leaves the folder, and links are not followed but refused.
"""

import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from pipeline.datasets.catalogue import Members, is_image_name
from pipeline.datasets.finding import FoundFile
from pipeline.images.raw_images import DatasetError

_MOST_BYTES = 1 << 28
"""Of a member. No published image has a tenth of it; a few bytes can unpack to any number."""


class _Member(NamedTuple):
    path: str
    is_file: bool
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, members: tuple[Members, ...], out: Path) -> list[FoundFile]:
    """Write the wanted members of a ZIP or tar archive as ``out/ROLE/IMAGE.ext``.

    Raises:
        DatasetError: It is no archive, it is damaged, or a member cannot be one of the images.
        OSError: A member cannot be written.
    """
    found = []
    with _members_of(archive) as entries:
        for entry in entries:
            wanted = _wanted(entry.path, members)
            if wanted is None:
                continue
            role, image = wanted
            if not entry.is_file:
                raise DatasetError(f"{archive}: {entry.path} is a link; expected a file")
            target = out / role / f"{image}{PurePosixPath(entry.path).suffix.lower()}"
            if target.exists():
                raise DatasetError(f"{archive}: {entry.path}: the image '{image}' came before")
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(entry, target, archive)
            found.append(FoundFile(image, role, target))
    return found


def damage(archive: Path) -> str | None:
    """Return what is wrong with an archive whose checksum nobody knows, or None.

    All of it is read, so that a truncated one is not taken for the real thing.
    """
    try:
        with _members_of(archive) as entries:
            for entry in entries:
                if entry.is_file and (stream := entry.open()) is not None:
                    with stream:
                        while stream.read(1 << 20):
                            pass
    except DatasetError as error:
        return str(error)
    return None


def _wanted(path: str, members: tuple[Members, ...]) -> tuple[str, str] | None:
    for one in members:
        match = re.fullmatch(one.pattern, path)
        if match:
            image = match.expand(one.image)
            if not is_image_name(image):
                raise DatasetError(f"member {path!r}: '{image}' cannot be the name of an image")
            return one.role, image
    return None


def _write(entry: _Member, target: Path, archive: Path) -> None:
    stream = entry.open()
    if stream is None:
        raise DatasetError(f"{entry.path}: expected a file, came something without content")
    with stream, target.open("xb") as out:
        while piece := stream.read(1 << 20):
            if out.tell() + len(piece) > _MOST_BYTES:
                raise DatasetError(
                    f"{archive}: {entry.path}: expected an image of {_MOST_BYTES >> 20} MiB at "
                    "most, came more"
                )
            out.write(piece)


@contextmanager
def _members_of(archive: Path) -> Iterator[Iterator[_Member]]:
    """Give the members one after the other, as they lie in the archive."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                yield _zip_members(opened)
        else:
            with tarfile.open(archive) as tar:
                yield _tar_members(tar)
    except (DatasetError, MemoryError):
        raise
    except Exception as error:  # the readers are made for sound archives: they raise anything
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of the archive
        # tarfile adds a line for every compression that it tried.
        reason = str(error).partition(":\n")[0] or "it ends too early"
        raise DatasetError(
            f"{archive}: expected a whole ZIP or tar archive, but {reason}"
        ) from error


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        if not info.is_dir():
            kind = stat.S_IFMT(info.external_attr >> 16)
            is_file = kind in {0, stat.S_IFREG}  # 0: written where files have no modes
            yield _Member(info.filename, is_file, partial(archive.open, info))


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        if not info.isdir():
            path = info.name.removeprefix("./")
            yield _Member(path, info.isfile(), partial(archive.extractfile, info))
