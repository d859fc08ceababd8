"""The catalogue of a published data set: what it is, its terms, its files and their checksums.

A catalogue is a folder named after its set. ``set.toml`` describes the set and, for a set that
comes in archives, names them and says which member becomes which image. ``files.csv`` beside it
has a row for every file of a set that comes in single files. All that a stage uses of a set is
in its own folder, which DVC watches.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from pipeline.arrays.tables import read_mappings
from pipeline.arrays.written_text import TextError, read_text
from pipeline.images.raw_images import ROLES, DatasetError

ARRAY = "array"
"""Role of a file that is no image of its own: a cube, features, labels."""

Content = Literal["images", "pairs", "arrays"]
"""Clean images; clean images with degraded partners; or no images at all."""


@dataclass(frozen=True, order=True)
class PublishedFile:
    """One file as its publisher has it: an image of its own, or an archive.

    Args:
        folder: The folder of a mirror that has it: the name of the set it belongs to.
        file: Its place in that folder.
        urls: Where the publisher has it; none for a file that only a browser can fetch.
        size: In bytes, if known.
        sha256: Checksum, 64 lower-case hexadecimal digits, if one is published.
        md5: Checksum, 32 lower-case hexadecimal digits, if one is published.
    """

    folder: str
    file: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    @property
    def suffix(self) -> str:
        """The ending of its name in lower case, with the dot."""
        return PurePosixPath(self.file).suffix.lower()

    @property
    def in_mirror(self) -> str:
        """Its place in a mirror."""
        return f"{self.folder}/{self.file}"


@dataclass(frozen=True, order=True)
class CatalogueEntry:
    """A file that is an image: its name, ``clean`` or ``degraded``, and the file itself."""

    image: str
    role: str
    file: PublishedFile


@dataclass(frozen=True)
class Members:
    """Which members of an archive become images, and their names.

    Args:
        role: ``clean`` or ``degraded``.
        pattern: Regular expression that matches the whole path of a member; or the name of an
            array of blocks in a MATLAB file.
        image: Name of the image, in which the groups of the pattern are filled in.
    """

    role: str
    pattern: str
    image: str


@dataclass(frozen=True)
class Archive:
    """A file that holds images."""

    file: PublishedFile
    members: tuple[Members, ...]


@dataclass(frozen=True)
class Package:
    """An installed package that files ship with.

    Args:
        name: Of the distribution, as its index calls it.
        folder: Where the files are: the name of the module, and folders below it.
    """

    name: str
    folder: str


@dataclass(frozen=True)
class Catalogue:
    """A published data set.

    Args:
        name: Of the folder of the catalogue.
        title: One line for people.
        homepage: Where people find it.
        reference: The publication to cite.
        licence: Its terms in a few words.
        terms: Its terms, as far as its publisher states any.
        must_accept: Whether nothing is fetched before somebody accepted the terms.
        content: What its files are.
        images: How many; None if it has none.
        typical_size: Height and width of a usual image of it, to guess with; None if unknown.
        entries: Files that are images or arrays of their own.
        archives: Files that hold images.
        exclude: Images in the archives that the set leaves out.
        layout: How the arrays lie in the files: a key of ``LAYOUTS`` of
            ``pipeline/recognition/collecting/reading``; None for images.
        classes: Names of the classes of labelled data, in the order of their labels.
        package: What the files ship with; None if they have to be fetched.
    """

    name: str
    title: str
    homepage: str
    reference: str
    licence: str
    terms: str
    must_accept: bool
    content: Content
    images: int | None
    typical_size: tuple[int, int] | None
    entries: tuple[CatalogueEntry, ...]
    archives: tuple[Archive, ...]
    exclude: frozenset[str]
    layout: str | None = None
    classes: tuple[str, ...] = ()
    package: Package | None = None

    @property
    def files(self) -> list[PublishedFile]:
        """All files to fetch, each once."""
        files = [entry.file for entry in self.entries]
        return sorted({*files, *(archive.file for archive in self.archives)}, key=_by_place)


def _by_place(file: PublishedFile) -> tuple[str, str]:
    return file.folder, file.file


def is_image_name(text: str) -> bool:
    """Tell whether an image may be called so: its name becomes that of a file."""
    hidden = not text or text.startswith(".")
    return not hidden and text.isprintable() and not set(text) & set("/\\")


def list_catalogues(folder: Path) -> list[str]:
    """Return the names of all sets that ``folder`` has a catalogue of."""
    return sorted(path.parent.name for path in folder.glob("*/set.toml"))


def read_catalogue(folder: Path) -> Catalogue:
    """Read the catalogue of a published data set.

    Raises:
        DatasetError: ``folder`` has none, or something in it is wrong.
    """
    description = _read_description(folder / "set.toml")
    entries: tuple[CatalogueEntry, ...] = ()
    if not description.archives:
        entries = _read_files(folder / "files.csv", folder.name, description)
    return Catalogue(
        name=folder.name,
        title=description.title,
        homepage=description.homepage,
        reference=_one_line(description.reference),
        licence=description.licence,
        terms=_one_line(description.terms),
        must_accept=description.must_accept,
        content=description.content,
        images=description.images or len({e.image for e in entries if e.role != ARRAY}) or None,
        typical_size=_pair(description.typical_size),
        entries=entries,
        archives=tuple(_archive(one, folder.name) for one in description.archives),
        exclude=frozenset(description.exclude),
        layout=description.layout,
        classes=tuple(description.classes),
        package=_package(description.package),
    )


def require_images(catalogue: Catalogue, name: str) -> None:
    """Refuse a published set that is not made of images.

    Args:
        catalogue: What it is.
        name: Name of the entry of ``params.yaml`` that wants it, for messages.

    Raises:
        DatasetError: It is not.
    """
    if catalogue.content == "arrays":
        raise DatasetError(
            f"data set '{name}': {catalogue.title} is not made of images, so nothing can be cut "
            f"from it or tested on it; `restore data fetch {catalogue.name}` fetches it"
        )


def _one_line(text: str) -> str:
    """Join lines that are broken for the eyes of who edits the file."""
    return " ".join(text.split())


# ---------------------------------------------------------------------------- set.toml

_Text = Annotated[str, Field(min_length=1)]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Md5 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
_Url = Annotated[str, Field(pattern="^https?://")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _MembersOfArchive(_Part):
    role: Literal["clean", "degraded"]
    pattern: _Text
    image: _Text = r"\1"


class _ArchiveOfSet(_Part):
    file: Annotated[str, Field(pattern=r"^[^/.][^/]*$")]
    set: str | None = None
    """The set whose folder in a mirror has the archive, where several share it."""
    urls: list[_Url]
    bytes: PositiveInt | None = None
    sha256: _Sha256 | None = None
    md5: _Md5 | None = None
    members: list[_MembersOfArchive] = Field(default_factory=list)


class _PackageOfSet(_Part):
    name: _Text
    folder: Annotated[str, Field(pattern=r"^[a-z]\w*(/\w+)*$")]


class _Description(_Part):
    title: _Text
    homepage: _Url
    reference: _Text
    licence: _Text
    terms: _Text
    must_accept: bool
    checksums: _Text
    """For people: who published the checksums, or that nobody did."""
    content: Content
    base_url: _Url | None = None
    images: PositiveInt | None = None
    typical_size: Annotated[list[PositiveInt], Field(min_length=2, max_length=2)] | None = None
    exclude: list[str] = Field(default_factory=list)
    archives: list[_ArchiveOfSet] = Field(default_factory=list)
    layout: _Text | None = None
    classes: list[_Text] = Field(default_factory=list)
    package: _PackageOfSet | None = None

    @model_validator(mode="after")
    def _has_classes(self) -> Self:
        if (self.layout is None) != (not self.classes):
            raise ValueError("expected both 'layout' and 'classes' of labelled data, or neither")
        twice = [name for name, count in Counter(self.classes).items() if count > 1]
        if twice:
            raise ValueError(f"classes: expected each name once, came {', '.join(twice)} again")
        return self


def _read_description(path: Path) -> _Description:
    try:
        content = tomllib.loads(read_text(path))
        return _Description.model_validate(content)
    except (OSError, tomllib.TOMLDecodeError, TextError, RecursionError) as error:
        raise DatasetError(
            f"{path}: expected the description of a published data set, but {error}"
        ) from error
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise DatasetError("\n  ".join([f"{path}: unusable description:", *faults])) from error


def _pair(values: list[int] | None) -> tuple[int, int] | None:
    return None if values is None else (values[0], values[1])


def _package(one: _PackageOfSet | None) -> Package | None:
    return None if one is None else Package(one.name, one.folder)


def _archive(one: _ArchiveOfSet, name: str) -> Archive:
    file = PublishedFile(one.set or name, one.file, tuple(one.urls), one.bytes, one.sha256, one.md5)
    return Archive(file, tuple(Members(m.role, m.pattern, m.image) for m in one.members))


# --------------------------------------------------------------------------- files.csv

_COLUMNS = ("image", "role", "file", "bytes", "sha256")
"""Of every list of files; some have more."""


def _read_files(path: Path, name: str, description: _Description) -> tuple[CatalogueEntry, ...]:
    rows = _read_list(path)
    roles = (ARRAY,) if description.content == "arrays" else ROLES
    faults = [
        f"line {number}: {fault}"
        for number, row in enumerate(rows, start=2)
        for fault in _row_faults(row, roles)
    ]
    keys = Counter((row["image"], row["role"]) for row in rows)
    faults += [f"{image} has {n} rows as {role}" for (image, role), n in keys.items() if n > 1]
    faults += _partner_faults(rows, description.content)
    if faults:
        raise DatasetError("\n  ".join([f"{path}: unusable list of files:", *faults]))
    return tuple(
        CatalogueEntry(row["image"], row["role"], _published_file(row, name, description.base_url))
        for row in rows
    )


def _read_list(path: Path) -> list[dict[str, str]]:
    """Return the rows of a list of files, whose columns are at least ``_COLUMNS``."""
    expected = f"{path}: expected a list of files"
    try:
        rows = read_mappings(path, _COLUMNS)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{expected}, but {error}") from error
    if not rows:
        raise DatasetError(f"{expected}, but it lists no file")
    return rows


def _published_file(row: Mapping[str, str], name: str, base_url: str | None) -> PublishedFile:
    """Return the file of a row: without a column ``path``, that is the same as ``file``."""
    path = row.get("path") or row["file"]
    if "://" in path:
        urls: tuple[str, ...] = (path,)
    else:
        urls = (f"{base_url.rstrip('/')}/{quote(path)}",) if base_url else ()
    return PublishedFile(
        folder=row.get("set") or name,
        file=row["file"],
        urls=urls,
        size=int(row["bytes"]) if row["bytes"] else None,
        sha256=row["sha256"] or None,
    )


def _partner_faults(rows: list[dict[str, str]], content: Content) -> Iterator[str]:
    images = {role: {row["image"] for row in rows if row["role"] == role} for role in ROLES}
    for image in sorted(images["degraded"] - images["clean"]):
        yield f"{image} is degraded, but has no clean partner"
    if content == "pairs":
        for image in sorted(images["clean"] - images["degraded"]):
            yield f"{image} is clean, but has no degraded partner"
    elif images["degraded"]:
        yield f"degraded files, but set.toml says content = '{content}'"


def _row_faults(row: Mapping[str, str], roles: tuple[str, ...]) -> Iterator[str]:
    if row["role"] not in roles:
        yield f"role: expected one of {', '.join(roles)}, came '{row['role']}'"
    if not re.fullmatch("[0-9]*", row["bytes"]):
        yield f"bytes: expected a number or nothing, came '{row['bytes']}'"
    if not re.fullmatch("([0-9a-f]{64})?", row["sha256"]):
        yield (
            f"sha256: expected 64 lower-case hexadecimal digits or nothing, came '{row['sha256']}'"
        )
    if not is_image_name(row["image"]):
        yield f"image: expected a name without folders, came '{row['image']}'"
    file = PurePosixPath(row["file"])
    if file.is_absolute() or ".." in file.parts or not file.name:
        yield f"file: expected a path inside the folder of the set, came '{file}'"
