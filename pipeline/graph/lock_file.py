"""A whole copy of ``dvc.lock``, put back when a killed DVC left half of one.

DVC writes the file in place. Whatever ends it meanwhile, SIGKILL or a power cut, leaves an empty
file or the beginning of one, and with that DVC starts nothing. What ran since the copy was made is
not lost with it: DVC finds it in its cache.
"""

import contextlib
import os
import shutil
from pathlib import Path

from pipeline.running.outputs import new_file, outlast_power_cuts

LOCK = "dvc.lock"

_COPY = ".restore/dvc.lock"
_BROKEN = ".restore/dvc.lock.broken"


def keep_copy(root: Path) -> None:
    """Copy the ``dvc.lock`` of a project, which must be whole, unless its copy is as new.

    A copy that cannot be made is no reason to stop.
    """
    lock, copy = root / LOCK, root / _COPY
    with contextlib.suppress(OSError):
        if copy.exists() and copy.stat().st_mtime_ns == lock.stat().st_mtime_ns:
            return
        copy.parent.mkdir(exist_ok=True)
        unfinished = copy.with_name(f".{copy.name}.{os.getpid()}")
        shutil.copy2(lock, unfinished)
        outlast_power_cuts(unfinished)
        unfinished.replace(copy)


def put_back(root: Path) -> str:
    """Set a broken ``dvc.lock`` aside, put the last whole copy in its place, and say so.

    Raises:
        OSError: The files cannot be moved.
    """
    lock, copy, broken = root / LOCK, root / _COPY, root / _BROKEN
    broken.parent.mkdir(exist_ok=True)
    size = lock.stat().st_size
    shutil.copy2(lock, broken)
    found = f"{LOCK} was not whole ({size} bytes; now {_BROKEN}): DVC was killed while it wrote it"
    if not copy.exists():
        lock.unlink()
        return f"{found}; it is made anew, and what has run comes from DVC's cache"
    with new_file(lock) as file:
        shutil.copy2(copy, file)
    return f"{found}; its last whole copy is back, and what has run since comes from DVC's cache"
