"""All files of a folder, its subfolders, and folders that links in it lead to."""

from collections.abc import Callable, Iterator
from pathlib import Path


def files_below(
    folder: Path, on_error: Callable[[OSError], None], *, hidden: bool = False
) -> list[Path]:
    """Return the files of a folder and its subfolders, in the order of their paths.

    Links to folders are followed, but for those that lead back to where they lie.

    Args:
        folder: Where to look.
        on_error: Is called with what forbids to look into a folder.
        hidden: Also files and folders whose names begin with a dot.
    """
    return sorted(_walk(folder, frozenset([folder.resolve()]), on_error, hidden=hidden))


def _walk(
    folder: Path, above: frozenset[Path], on_error: Callable[[OSError], None], *, hidden: bool
) -> Iterator[Path]:
    try:
        inside = list(folder.iterdir())
    except OSError as error:
        on_error(error)
        return
    for path in inside:
        if path.name.startswith(".") and not hidden:
            continue
        if not path.is_dir():
            yield path
            continue
        place = path.resolve()
        if place not in above:
            yield from _walk(path, above | {place}, on_error, hidden=hidden)
