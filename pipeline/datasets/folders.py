"""Kinds ``folder`` and ``paired``: images in folders of the user's own."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.datasets.files_below import files_below
from pipeline.datasets.finding import FoundFile, Places, refusal
from pipeline.datasets.image_names import images_by_name
from pipeline.images.files import SUFFIXES
from pipeline.images.raw_images import ROLES, DatasetError
from pipeline.nearest import first_of
from pipeline.settings.params import FolderDataset, PairedDataset

_SHOWN = 5
"""Names of files that stay out, where these are told."""

_log = logging.getLogger(__name__)


def find_in_folder(_dataset: FolderDataset, places: Places) -> list[FoundFile]:
    """Return the images of a folder and its subfolders, all clean.

    Raises:
        DatasetError: There is no folder, no image in it, or a name that cannot be used.
    """
    images = images_in(places.source, places.name)
    return [FoundFile(image, "clean", path) for image, path in images.items()]


def find_pairs(dataset: PairedDataset, places: Places) -> list[FoundFile]:
    """Return the images of two folders, which are partners if their names are the same.

    Raises:
        DatasetError: As ``find_in_folder``, or an image has no partner.
    """
    folders = {"clean": places.source / dataset.clean, "degraded": places.source / dataset.degraded}
    images = {role: images_in(folder, places.name) for role, folder in folders.items()}
    faults = [
        f"{path}: no partner of this name in {folders[other]}"
        for role, other in (ROLES, ROLES[::-1])
        for image, path in images[role].items()
        if image not in images[other]
    ]
    if faults:
        raise refusal(places.name, "image(s) without a partner", faults)
    return [FoundFile(image, role, path) for role in ROLES for image, path in images[role].items()]


def images_in(folder: Path, name: str, *, tell: bool = True) -> dict[str, Path]:
    """Return the image files of a folder and its subfolders by the names of the images.

    A file ``a/b.png`` is the image ``a__b``. Hidden files and folders do not count.

    Args:
        folder: Where to look.
        name: Of the data set, for messages.
        tell: Whether to say what is left out.

    Raises:
        DatasetError: There is no folder, no image in it, a linked folder or one that cannot be
            looked into, or a name that cannot be used.
    """
    if not folder.is_dir():
        home = "; ~ is not replaced here, write the path in full" if "~" in folder.parts else ""
        raise DatasetError(
            f"data set '{name}': expected a folder of images at {folder}, there is none{home}"
        )
    closed: list[str] = []
    hidden: list[Path] = []
    files = files_below(
        folder,
        lambda error: closed.append(f"{error.filename}: {error.strerror}"),
        on_hidden=hidden.append,
    )
    if closed:
        raise refusal(name, f"folder(s) in {folder} that cannot be looked into", closed)
    linked = {str(above) for path in files for above in _linked(path, folder)}
    if linked:
        # DVC does not look through them, and would not notice that an image there changed.
        raise refusal(
            name,
            f"linked folder(s) in {folder}, put a copy or the folder itself there",
            sorted(linked),
        )
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    others = [path for path in files if path.suffix.lower() not in SUFFIXES]
    if not images:
        raise DatasetError(
            f"data set '{name}': no image in {folder}; expected files that end in "
            f"{', '.join(sorted(SUFFIXES))}; came {_count_by_suffix(others) or 'an empty folder'}"
        )
    if tell:
        for left_out in _left_out(others, hidden, folder):
            _log.warning("data set '%s': in %s, %s", name, folder, left_out)
    return images_by_name(folder, images, name)


def _left_out(others: Sequence[Path], hidden: Sequence[Path], folder: Path) -> Iterator[str]:
    if others:
        yield f"{_count_by_suffix(others)} are not images and stay out: {_first(others, folder)}"
    if hidden:
        yield f"{len(hidden)} hidden file(s) or folder(s) stay out: {_first(hidden, folder)}"


def _first(paths: Sequence[Path], folder: Path) -> str:
    """Return the names of a few files."""
    names = [str(path.relative_to(folder)) for path in sorted(paths)]
    return first_of([name if name.isprintable() else ascii(name) for name in names], _SHOWN)


def _linked(path: Path, folder: Path) -> list[Path]:
    """Return the links to folders through which a file below a folder was found."""
    between = path.relative_to(folder).parents
    return [folder / above for above in between if above.name and (folder / above).is_symlink()]


def _count_by_suffix(paths: Iterable[Path]) -> str:
    counts = Counter(path.suffix.lower() or "without ending" for path in paths)
    kinds = ", ".join(f"{suffix} {count}" for suffix, count in sorted(counts.items()))
    return f"{counts.total()} other file(s) ({kinds})" if counts else ""
