"""Command ``restore data``: the published data sets, and images that people fetched themselves."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import FAILURE, SUCCESS, USAGE, CommandError
from pipeline.commands.table import as_table

if TYPE_CHECKING:
    from pipeline.datasets.catalogue import Catalogue, PublishedFile

SUMMARY = "list, fetch and verify data sets, or import your own images"

_PHOTOGRAPHS = "skimage"
"""The set of images that is installed with the project."""
_CATALOGUES = Path("pipeline") / "catalogue"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the commands ``list``, ``fetch``, ``verify`` and ``import``."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="data_command")
    one = commands.add_parser("list", help="list the published data sets and where they are")
    one.add_argument("words", nargs="*", metavar="WORD", help="only sets whose line has a WORD")
    one = commands.add_parser("fetch", help="download sets, to have them before they are needed")
    one.add_argument("names", nargs="+", metavar="NAME", help="name of a published set")
    one.add_argument(
        "--accept-terms", action="store_true", help="accept the terms of these sets unasked"
    )
    one = commands.add_parser("verify", help="read all that was downloaded, find what is damaged")
    one.add_argument("names", nargs="*", metavar="NAME", help="only these sets")
    one = commands.add_parser("import", help="take files that you fetched, or images of your own")
    # The command moves to the project's folder before it runs.
    one.add_argument("folder", type=lambda text: Path(text).absolute(), metavar="FOLDER")
    one.add_argument(
        "--as", dest="name", metavar="NAME", help="a published set, or a new name for your images"
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Run one of the commands; ``root`` is the working folder."""
    from pipeline.datasets.storage import StorageError
    from pipeline.images.raw_images import DatasetError

    try:
        return _COMMANDS[options.data_command](root, options)
    except (DatasetError, StorageError) as error:
        raise CommandError(str(error)) from error


# -------------------------------------------------------------------------------- list


def _list(root: Path, options: argparse.Namespace) -> int:
    from pipeline.datasets.at_hand import size_of, state_of
    from pipeline.datasets.catalogue import list_catalogues, read_catalogue

    lines = []
    for name in list_catalogues(_CATALOGUES):
        catalogue = read_catalogue(_CATALOGUES / name)
        by_hand = any(not file.urls for file in catalogue.files)
        package = _package_of(catalogue)
        state = f"in {package}" if package else state_of(catalogue, root)
        lines.append(
            (
                name,
                str(catalogue.images or "-"),
                _readable(size_of(catalogue, root)),
                "by hand" if state == "not yet" and by_hand else state,
                _terms(catalogue),
                catalogue.title,
            )
        )
    words = [word.lower() for word in options.words]
    found = [line for line in lines if not words or any(w in _joined(line) for w in words)]
    if not found:
        raise CommandError(f"no published data set has {' or '.join(options.words)} in its line")
    print(as_table([("name", "images", "size", "state", "terms", "what"), *found]))
    return SUCCESS


def _package_of(catalogue: "Catalogue") -> str | None:
    """Return the package that a set ships with, if any."""
    if catalogue.package:
        return catalogue.package.name
    return "scikit-image" if catalogue.name == _PHOTOGRAPHS else None


def _terms(catalogue: "Catalogue") -> str:
    from pipeline.datasets.terms import ACCEPTED_TERMS, is_accepted

    if not catalogue.must_accept:
        return catalogue.licence
    accepted = "accepted" if is_accepted(catalogue, ACCEPTED_TERMS) else "to accept"
    return f"{catalogue.licence} ({accepted})"


def _joined(cells: Iterable[str]) -> str:
    return " ".join(cells).lower()


def _readable(size: int | None) -> str:
    if size is None:
        return "unknown"
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


# ------------------------------------------------------------------------------- fetch


def _fetch(root: Path, options: argparse.Namespace) -> int:
    for catalogue in _named(options.names):
        package = _package_of(catalogue)
        if package:
            print(f"{catalogue.name}: ships with {package}, nothing to fetch")
            continue
        _settle_terms(root, catalogue, unasked=options.accept_terms)
        _fetch_one(root, catalogue)
    return SUCCESS


def _settle_terms(root: Path, catalogue: "Catalogue", *, unasked: bool) -> None:
    """Show the terms before a first download, and ask whoever must accept them."""
    from pipeline.datasets.at_hand import state_of
    from pipeline.datasets.terms import ACCEPTED_TERMS, accept, is_accepted, shown

    accepted = is_accepted(catalogue, ACCEPTED_TERMS)
    if accepted and state_of(catalogue, root) == "fetched":
        return
    if not (accepted or unasked or sys.stdin.isatty()):
        return  # fetching refuses, and its message shows the terms
    print(shown(catalogue), flush=True)
    if accepted:
        return
    if not unasked and _answer("Accept these terms? [y/N] ") not in {"y", "yes"}:
        raise CommandError(f"{catalogue.name}: terms not accepted, nothing was fetched")
    accept(catalogue, ACCEPTED_TERMS)


def _answer(question: str) -> str:
    """Ask; whoever ends the input instead (Ctrl-D) has answered nothing."""
    try:
        return input(question).strip().lower()
    except EOFError:
        print()
        return ""


def _fetch_one(root: Path, catalogue: "Catalogue") -> None:
    from pipeline.datasets.at_hand import CHECKSUMS, DOWNLOADS
    from pipeline.datasets.cache import alone, keep
    from pipeline.datasets.downloads import RETRY_AFTER
    from pipeline.datasets.finding import Places
    from pipeline.datasets.mirror import mirror_from_environment
    from pipeline.datasets.obtaining import obtain
    from pipeline.datasets.recorded import with_recorded
    from pipeline.datasets.storage import storage_faults
    from pipeline.datasets.terms import ACCEPTED_TERMS

    places = Places(
        name=catalogue.name,
        source=_CATALOGUES / catalogue.name,
        downloads=DOWNLOADS,
        checksums=CHECKSUMS,
        accepted_terms=ACCEPTED_TERMS,
        scratch=root,  # nothing is unpacked
        mirror=mirror_from_environment(),
        retry_after=RETRY_AFTER,
    )
    at = obtain(catalogue, places)
    size = sum(path.stat().st_size for path in at.values())
    with storage_faults(DOWNLOADS, catalogue.name, size), alone(at, DOWNLOADS):
        for file, path in at.items():
            if path.parent != DOWNLOADS:  # a mirror has it, which may not be there next time
                keep(path, with_recorded(file, CHECKSUMS), DOWNLOADS)
    print(f"{catalogue.name}: {len(at)} file(s), {_readable(size)}, in {DOWNLOADS}")


def _named(names: Sequence[str]) -> "list[Catalogue]":
    from pipeline.datasets.catalogue import list_catalogues, read_catalogue
    from pipeline.nearest import nearest_known

    known = list_catalogues(_CATALOGUES)
    for name in names:
        if name not in known:
            raise CommandError(
                f"there is no published data set '{name}'; {nearest_known(name, known)}; "
                "`restore data list` has them all",
                USAGE,
            )
    return [read_catalogue(_CATALOGUES / name) for name in names]


# ------------------------------------------------------------------------------ verify


def _verify(_root: Path, options: argparse.Namespace) -> int:
    from pipeline.datasets.at_hand import DOWNLOADS, RAW

    sets_of = _sets_by_checksum()
    wanted = set(options.names)
    downloads = [
        (path, sets_of.get(path.stem, []))
        for path in sorted(DOWNLOADS.glob("*"))
        if re.fullmatch("[0-9a-f]{64}", path.stem)
    ]
    absent = wanted - {name for _, names in downloads for name in names} - _raw_sets()
    if absent:
        raise CommandError(f"nothing of {', '.join(sorted(absent))} was downloaded", USAGE)
    if wanted:
        downloads = [(path, names) for path, names in downloads if wanted & set(names)]
    raw = [name for name in sorted(_raw_sets()) if not wanted or name in wanted]
    damaged = list(_damaged_downloads(downloads))
    for name in raw:
        damaged += _damaged_raw(name)
    print(f"{len(downloads)} download(s) and {len(raw)} data set(s) in {RAW} read", flush=True)
    if damaged:
        raise CommandError("\n  ".join([f"{len(damaged)} damaged file(s):", *damaged]))
    return SUCCESS


def _sets_by_checksum() -> dict[str, list[str]]:
    """Return which published sets a download belongs to, by its checksum."""
    from pipeline.datasets.at_hand import CHECKSUMS
    from pipeline.datasets.catalogue import list_catalogues, read_catalogue
    from pipeline.datasets.recorded import with_recorded

    sets: dict[str, list[str]] = {}
    for name in list_catalogues(_CATALOGUES):
        for file in read_catalogue(_CATALOGUES / name).files:
            known = with_recorded(file, CHECKSUMS).sha256
            if known:
                sets.setdefault(known, []).append(name)
    return sets


def _raw_sets() -> set[str]:
    from pipeline.datasets.at_hand import RAW

    return {path.parent.name for path in RAW.glob("[!.]*/images.csv")}


def _damaged_downloads(downloads: Iterable[tuple[Path, list[str]]]) -> Iterator[str]:
    from pipeline.arrays.file_checksum import sha256_of

    for path, names in downloads:
        if sha256_of(path) != path.stem:
            again = f"`restore data fetch {names[0]}` fetches it again" if names else "remove it"
            yield f"{path} ({', '.join(names) or 'of no known set'}): {again}"


def _damaged_raw(name: str) -> Iterator[str]:
    from pipeline.arrays.file_checksum import sha256_of
    from pipeline.datasets.at_hand import RAW
    from pipeline.images.raw_images import list_files

    for row in list_files(RAW / name):
        path = RAW / name / row.file
        if not path.is_file() or sha256_of(path) != row.sha256:
            yield f"{path}: `dvc repro --force --single-item download@{name}` writes it again"


# ------------------------------------------------------------------------------ import


def _import(root: Path, options: argparse.Namespace) -> int:
    from pipeline.datasets.catalogue import list_catalogues
    from pipeline.section import NAME

    name = options.name or re.sub("[^A-Za-z0-9_-]+", "_", options.folder.name).strip("_-")
    if not options.folder.is_dir():
        raise CommandError(f"expected a folder, there is none at {options.folder}", USAGE)
    if name in list_catalogues(_CATALOGUES):
        return _adopt(name, options.folder)
    if not re.fullmatch(NAME, name):
        raise CommandError(
            f"expected a name of letters, digits, _ and -, came '{name}'; give one with --as",
            USAGE,
        )
    return _introduce(root, name, options.folder)


def _adopt(name: str, folder: Path) -> int:
    from pipeline.datasets.at_hand import CHECKSUMS, DOWNLOADS
    from pipeline.datasets.importing import adopt

    (catalogue,) = _named([name])
    adopted = adopt(catalogue, folder, DOWNLOADS, CHECKSUMS)
    if not adopted.new and adopted.missing:
        raise CommandError(
            f"no file of '{name}' in {folder}; expected {_what(adopted.missing)}; to use the "
            "images there as they are, give them a name of their own with --as"
        )
    print(f"{name}: {len(adopted.new)} file(s) taken, {len(adopted.before)} there before")
    if adopted.missing:
        print(f"{len(adopted.missing)} file(s) still missing: {_what(adopted.missing)}")
        return FAILURE
    return SUCCESS


def _what(missing: "Sequence[PublishedFile]") -> str:
    from pipeline.nearest import first_of

    named = [
        f"{file.file} ({f'{file.size} bytes' if file.size else 'whole, under this name'})"
        for file in missing
    ]
    return first_of(named, 3)


def _introduce(root: Path, name: str, folder: Path) -> int:
    from pipeline.checking.params_text import as_key, as_line
    from pipeline.datasets.importing import look_at
    from pipeline.section import PATTERNS, SOURCE

    images = look_at(folder, name)
    colours = ", ".join(f"{count} {colour}" for colour, count in sorted(images.colours.items()))
    print(f"{images.colours.total()} images ({colours}), {_readable(images.bytes)}, all decoded")
    for (width, height), count in images.sizes.most_common(5):
        print(f"  {count} of {width}x{height} pixels")
    if len(images.sizes) > 5:
        print(f"  and {len(images.sizes) - 5} more sizes")
    near = folder.is_relative_to(root)
    source = folder.relative_to(root).as_posix() if near else str(folder)
    source = f"./{source}" if source.startswith("-") else source
    if not re.fullmatch(SOURCE, source):
        raise CommandError(f"expected {PATTERNS[SOURCE]}; came {source!r}: rename it", USAGE)
    print("\nTo use them, add to params.yaml under `datasets`:\n")
    print(f"  {as_key(name)}: {as_line({'kind': 'folder', 'source': source})}")
    return SUCCESS


_COMMANDS: Mapping[str, Callable[[Path, argparse.Namespace], int]] = {
    "list": _list,
    "fetch": _fetch,
    "verify": _verify,
    "import": _import,
}
