"""All files of a folder, its subfolders, and folders that links in it lead to."""

from collections.abc import Callable, Iterator
from pathlib import Path


def files_below(
    folder: Path,
    on_error: Callable[[OSError], None],
    *,
    hidden: bool = False,
    on_hidden: Callable[[Path], None] = lambda _: None,
) -> list[Path]:
    """Return the files of a folder and its subfolders, in the order of their paths.

    Links to folders are followed, but for those that lead back to where they lie.

    Args:
        folder: Where to look.
        on_error: Is called with what forbids to look into a folder.
        hidden: Also files and folders whose names begin with a dot.
        on_hidden: Is called with each of these that is left out.
    """
    take_hidden = None if hidden else on_hidden
    return sorted(_walk(folder, frozenset([folder.resolve()]), on_error, take_hidden))


def _walk(
    folder: Path,
    above: frozenset[Path],
    on_error: Callable[[OSError], None],
    on_hidden: Callable[[Path], None] | None,
) -> Iterator[Path]:
    try:
        inside = list(folder.iterdir())
    except OSError as error:
        on_error(error)
        return
    for path in inside:
        if on_hidden is not None and path.name.startswith("."):
            on_hidden(path)
            continue
        if not path.is_dir():
            yield path
            continue
        place = path.resolve()
        if place not in above:
            yield from _walk(path, above | {place}, on_error, on_hidden)
