"""Files of params as DVC reads them: parsed once, and asked for a value without a look at all.

DVC as it comes parses them for every stage, and for each key that a stage names it goes through all
values of the file: with many experiments that is most of what it does.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dvc.dependency import param
from dvc.dependency.param import dpath
from dvc.utils.serialize import LOADERS

_PLAIN = re.compile(r"(?!True$|False$|None$)[A-Za-z_][\w@-]*")
"""A part of a key that means one key only: no pattern, and nothing but a text looks like it."""


@contextmanager
def reading_params_once() -> Iterator[None]:
    """Let DVC parse a file of params again only when it has been written since."""
    load, search = LOADERS[".yaml"], param.dpath
    known: dict[tuple[Path, int, int, int], object] = {}

    def load_once(path: str, *args: object, **options: object) -> object:
        place = Path(path).resolve()
        state = place.stat()
        version = (place, state.st_ino, state.st_size, state.st_mtime_ns)
        if version not in known:
            known[version] = load(path, *args, **options)
        return known[version]

    LOADERS[".yaml"] = load_once
    param.dpath = SimpleNamespace(get=value_of)
    try:
        yield
    finally:
        LOADERS[".yaml"] = load
        param.dpath = search


def value_of(values: Any, key: str, separator: str) -> Any:  # noqa: ANN401  (YAML)
    """Return what ``dpath.get`` does.

    Args:
        values: Of a file, nested.
        key: Names from the outside to the inside.
        separator: Between them.

    Raises:
        KeyError: There is no such key.
    """
    found = values
    for part in key.split(separator):
        if not (isinstance(found, Mapping) and part in found and _PLAIN.fullmatch(part)):
            return dpath.get(values, key, separator=separator)
        found = found[part]
    return found
