"""A hint for whoever misspelt a name."""

import difflib
from collections.abc import Iterable


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
