"""The commit that other machines are to clone: all that stages read must be in it, and be there."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.graph.engines.addresses import without_password
from pipeline.graph.engines.engine import EngineError
from pipeline.graph.engines.git_command import GitError, run_git
from pipeline.graph.lock_file import LOCK
from pipeline.nearest import first_of

_PATIENCE = 60.0
_NAMED = 5


@dataclass(frozen=True)
class PushedCommit:
    """A commit that others can have."""

    repository: str
    """Where from: what ``git clone`` takes, without any password or token."""
    commit: str


def find_pushed_commit(
    root: Path, *, written: Collection[str], read: Iterable[str], repository: str | None
) -> PushedCommit:
    """Return the commit of the working tree, which must be clean and pushed.

    Args:
        root: Folder of the project.
        written: Files and folders that stages write, which may differ, like ``dvc.lock``.
        read: Files and folders that stages read and no stage writes.
        repository: Where workers find it, if they know it by another address than this machine.

    Raises:
        EngineError: It is not so; the message says what to do.
    """
    try:
        top = Path(_git(root, "rev-parse", "--show-toplevel"))
        commit = _git(root, "rev-parse", "HEAD")
    except EngineError as error:
        raise EngineError(
            f"remote workers clone a commit, and {root} has none: make it a repository, commit "
            "and push"
        ) from error
    if not top.samefile(root):
        raise EngineError(
            f"remote workers expect the project at the top of its repository, came {root} in {top}"
        )
    _refuse_edits(root, {LOCK, *written})
    _refuse_unknown(root, read)
    remote = _remote_of(root)
    _refuse_unpushed(root, remote, commit)
    address = repository or _git(root, "remote", "get-url", remote)
    return PushedCommit(repository=without_password(address), commit=commit)


def _refuse_edits(root: Path, written: Collection[str]) -> None:
    lines = _git(root, "status", "--porcelain", "--untracked-files=all", "-z").split("\0")
    edited = [line[3:] for line in lines if line[2:3] == " " and not _is_in(line[3:], written)]
    if edited:
        raise EngineError(
            "remote workers see only what is committed; not committed: "
            f"{first_of(edited, _NAMED)}: commit and push, or have Git ignore it"
        )


def _refuse_unknown(root: Path, read: Iterable[str]) -> None:
    """Refuse sources that lie here and that Git leaves out."""
    known = _git(root, "ls-files", "-z").split("\0")
    unknown = [
        path
        for path in read
        if (root / path).exists() and not any(_is_in(one, [path]) for one in known)
    ]
    if unknown:
        raise EngineError(
            f"stages read what Git does not have: {first_of(unknown, _NAMED)}: put it under "
            "DVC's control (`dvc add`) or Git's, commit and push"
        )


def _remote_of(root: Path) -> str:
    remotes = _git(root, "remote").splitlines()
    if not remotes:
        raise EngineError(
            "remote workers clone the project, and this repository has no remote: "
            "`git remote add origin ADDRESS`, and push"
        )
    branch = _git(root, "branch", "--show-current")
    told = _git(root, "config", "--default", "", f"branch.{branch}.remote") if branch else ""
    if told in remotes:
        return told
    return "origin" if "origin" in remotes else remotes[0]


def _refuse_unpushed(root: Path, remote: str, commit: str) -> None:
    try:
        _git(root, "fetch", "--quiet", remote)
    except EngineError as error:
        raise EngineError(f"the Git remote '{remote}' does not answer: {error}") from error
    if not _git(root, "for-each-ref", "--contains", commit, f"refs/remotes/{remote}"):
        raise EngineError(
            f"commit {commit[:10]} is not in the Git remote '{remote}', where workers take it "
            "from: `git push`"
        )


def _git(root: Path, *arguments: str) -> str:
    try:
        return run_git(root, *arguments, patience=_PATIENCE)
    except GitError as error:
        raise EngineError(str(error)) from error


def _is_in(path: str, folders: Iterable[str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)
