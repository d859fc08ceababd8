"""Which files are photographs to restore, and where their results go. Loads without torch."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.datasets.files_below import files_below
from pipeline.images.files import SUFFIXES

UNREAD = {
    **dict.fromkeys((".heic", ".heif"), "HEIC"),
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"), "raw"),
    ".avif": "AVIF",
}
"""Kinds of photographs that somebody else has to decode, by the ending of their files."""


class NothingFoundError(ValueError):
    """No file was found to restore."""


@dataclass(frozen=True)
class Job:
    """A photograph, and the file that its restored version becomes."""

    source: Path
    target: Path


@dataclass
class Found:
    """What was found.

    Args:
        results: Folder of the results, that of the first input.
        jobs: What is to be done.
        done: How many have a result already.
        others: How many files in folders are no pictures.
        refused: Files that cannot be done, and why.
    """

    results: Path
    jobs: list[Job] = field(default_factory=list)
    done: int = 0
    others: int = 0
    refused: list[tuple[Path, str]] = field(default_factory=list)


def find_photographs(inputs: Sequence[Path], out: Path | None, *, again: bool) -> Found:
    """Find the photographs that are meant.

    Args:
        inputs: Absolute: files, folders (all that is in them, and in theirs), or patterns.
        out: Folder of the results; None for one beside the folder of each input, ``X-restored``.
        again: Also what has a result already.

    Raises:
        NothingFoundError: An input does not exist, or none holds a picture.
    """
    named = [path for given in inputs for path in _expanded(given)]
    folders = [path for path in named if path.is_dir()]
    several = len(folders) > 1
    found = Found(_root(named[0], out, several=several))
    taken: dict[Path, Path] = {}
    for path in named:
        root = _root(path, out, several=several)
        pairs = _in_folder(path, root, found) if path.is_dir() else [(path, root / path.name)]
        for source, wanted in pairs:
            target = wanted.with_suffix(_suffix(wanted.suffix))
            _sort(Job(source, target), taken, found, again=again)
    if not (found.jobs or found.done or found.refused):
        names = ", ".join(map(str, inputs))
        raise NothingFoundError(
            f"{names}: expected photographs ({', '.join(sorted(SUFFIXES))}); came "
            f"{found.others} other files"
            if found.others
            else f"{names}: an empty folder"
        )
    return found


def _expanded(given: Path) -> list[Path]:
    if given.exists():
        return [given]
    matches = sorted(map(Path, glob.glob(str(given), recursive=True)))  # noqa: PTH207  (absolute)
    if not matches:
        raise NothingFoundError(f"{given}: no such file or folder")
    return matches


def _root(path: Path, out: Path | None, *, several: bool) -> Path:
    folder = path if path.is_dir() else path.parent
    if out is None:
        return folder.with_name(f"{folder.name}-restored")
    return out / folder.name if several and path.is_dir() else out


def _in_folder(folder: Path, root: Path, found: Found) -> Iterator[tuple[Path, Path]]:
    def refuse(error: OSError) -> None:
        found.refused.append((Path(error.filename), f"cannot be looked into: {error.strerror}"))

    has_results = root != folder and root.is_relative_to(folder)
    for path in files_below(folder, refuse):
        inside = path.relative_to(folder)
        if has_results and path.is_relative_to(root):
            continue
        if path.suffix.lower() in SUFFIXES or path.suffix.lower() in UNREAD:
            yield path, root / inside
        else:
            found.others += 1


def _suffix(suffix: str) -> str:
    # The palette of a GIF would undo the work.
    return ".png" if suffix.lower() == ".gif" else suffix


def _sort(job: Job, taken: dict[Path, Path], found: Found, *, again: bool) -> None:
    kind = UNREAD.get(job.source.suffix.lower())
    if job.source == taken.get(job.target):
        return  # named twice
    if not job.source.is_file():
        why = _what_is_no_file(job.source)
    elif kind is not None:
        why = f"a {kind} file: develop or convert it to JPEG, PNG or TIFF first"
    elif job.target.exists() and job.target.samefile(job.source):
        why = "its result would replace it; give another folder with --out"
    elif job.target in taken:
        why = f"its result would be {job.target}, as that of {taken[job.target]}; rename one"
    else:
        taken[job.target] = job.source
        if job.target.exists() and not again:
            found.done += 1
        else:
            found.jobs.append(job)
        return
    found.refused.append((job.source, why))


def _what_is_no_file(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return f"a link to {path.readlink()}, which is not there"
    return "expected a file, came a pipe or a device"
