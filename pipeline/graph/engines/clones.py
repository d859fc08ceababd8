"""Clones of the project on a worker, kept between stages, each used by one stage at a time."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.graph.engines.git_command import GitError, run_git

FOLDER_VARIABLE = "RESTORE_WORK_FOLDER"
"""Where clones are, ``~/.cache/restore`` where it is not set."""

_KEPT = (
    ".dvc/cache",
    ".dvc/tmp",
    ".dvc/config.local",
    ".restore",
    "data/checkpoints",
    "mlflow.db*",
    "mlruns",
)
"""What stays when a clone goes to another commit."""

_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")


class CloneError(RuntimeError):
    """The commit cannot be had."""


@contextmanager
def borrowed_clone(repository: str, commit: str) -> Iterator[Path]:
    """Yield a clone at a commit, with nothing in it but that and what earlier stages left cached.

    Args:
        repository: What ``git clone`` takes.
        commit: Its full name.

    Raises:
        CloneError: Git cannot have it.
        OSError: The folder cannot be written.
    """
    home = Path(os.environ.get(FOLDER_VARIABLE) or Path.home() / ".cache" / "restore")
    clones = home / "clones" / hashlib.sha256(repository.encode()).hexdigest()[:16]
    clones.mkdir(parents=True, exist_ok=True)
    for number in count():
        lock = FileLock(clones / f"{number}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            continue
        with lock:
            clone = clones / str(number)
            _check_out(clone, repository, commit)
            yield clone
        return


def _check_out(clone: Path, repository: str, commit: str) -> None:
    if not (clone / ".git").is_dir():
        unfinished = clone.with_name(f"{clone.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _git(clone.parent, "clone", "--quiet", "--no-checkout", repository, unfinished.name)
        unfinished.replace(clone)
    _forget_the_killed(clone)
    _git(clone, "fetch", "--quiet", "--tags", "--force", "origin")
    _git(clone, "checkout", "--quiet", "--force", "--detach", commit)
    kept = [word for path in _KEPT for word in ("--exclude", path)]
    _git(clone, "clean", "-ffdx", "--quiet", *kept)


def _forget_the_killed(clone: Path) -> None:
    """Remove what a program that was killed holds of a clone, which nobody else uses now.

    Git's locks, and DVC's list of who uses which file. DVC's own locks end with their process.
    """
    of_git = clone / ".git"
    users = clone / ".dvc" / "tmp" / "rwlock"
    for path in [users, *of_git.glob("*.lock"), *(of_git / "refs").rglob("*.lock")]:
        path.unlink(missing_ok=True)


def _git(folder: Path, *arguments: str) -> None:
    try:
        run_git(folder, *_NO_HOOKS, *arguments)
    except GitError as error:
        raise CloneError(
            f"this worker cannot have the commit: git {arguments[0]}: {error}"
        ) from error
