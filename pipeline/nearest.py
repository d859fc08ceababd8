"""Names in messages: those like a name that somebody misspelt, and the first of many."""

import difflib
from collections.abc import Iterable, Sequence


def nearest_known(name: str, known: Iterable[str]) -> str:
    """Say which known name is like an unknown one, or which there are: a part of a message."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"the nearest known one is '{near[0]}'"
    return f"expected one of: {', '.join(known) or '(none is defined)'}"


def nearest_few(name: str, known: Iterable[str]) -> str:
    """Say which of very many names are like an unknown one: a part of a message."""
    as_written = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), as_written, n=3, cutoff=0.3)
    return f"the nearest are {', '.join(as_written[one] for one in near) or '(none)'}"


def first_of(names: Sequence[object], most: int) -> str:
    """Name the first ``most``, and count the rest: a part of a message."""
    named = ", ".join(map(str, names[:most]))
    return f"{named} and {len(names) - most} more" if len(names) > most else named
