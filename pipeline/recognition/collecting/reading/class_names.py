"""Names of the classes beside labels of the user's own."""

import unicodedata
from pathlib import Path

from pipeline.arrays.written_text import TextError, read_text
from pipeline.images.raw_images import DatasetError

_MOST = 10_000
"""Classes that anybody tells apart: a higher number is no class but a measurement."""


def read_class_names(path: Path, first: int, last: int) -> tuple[str, ...]:
    """Return the names in a file, one a line; without the file, the numbers of the classes.

    Args:
        path: The file, which need not be there.
        first: Number of the first class.
        last: Highest number in the labels.

    Raises:
        DatasetError: It cannot be read, a name is empty or there twice, or the number is absurd.
    """
    if last > _MOST:
        raise DatasetError(
            f"{path.with_name('labels.npy')}: expected numbers of classes, {_MOST} at most; came "
            f"{last}"
        )
    if not path.exists():
        return tuple(str(number) for number in range(first, last + 1))
    try:
        lines = read_text(path).splitlines()
    except (OSError, TextError) as error:
        raise DatasetError(f"{path}: expected a name a line, but {error}") from error
    names = tuple(unicodedata.normalize("NFC", line.strip()) for line in lines)
    unusable = [name for name in names if not name or names.count(name) > 1]
    if unusable or not names:
        raise DatasetError(
            f"{path}: expected a name a line, each once; came "
            f"{f'{unusable[0]!r} too often' if unusable and unusable[0] else 'an empty line'}"
        )
    return names
