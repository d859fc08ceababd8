"""Clones that a worker keeps."""

import os
from pathlib import Path

import pytest

from pipeline.graph.engines.clones import FOLDER_VARIABLE, CloneError, borrowed_clone
from tests.shared_toy import git, make_shared_toy
from tests.toy import call


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project that is pushed; clones of it are made beside it."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "work"))
    return make_shared_toy(tmp_path)


def commit(head: Path) -> str:
    return git(head, "rev-parse", "HEAD")


def origin(head: Path) -> str:
    return str(head.parent / "origin.git")


def test_a_clone_is_used_again_with_its_caches_and_without_what_stages_left(head: Path) -> None:
    with borrowed_clone(origin(head), commit(head)) as first:
        for kept in (".dvc/cache/a", "data/checkpoints/net/a.pt", "out/seed", "stray.py"):
            (first / kept).parent.mkdir(parents=True, exist_ok=True)
            (first / kept).touch()
        (first / "work.py").write_text("edited")

    with borrowed_clone(origin(head), commit(head)) as second:
        assert second == first
        assert (second / ".dvc/cache/a").exists()
        assert (second / "data/checkpoints/net/a.pt").exists()
        assert not (second / "out").exists()
        assert git(second, "status", "--porcelain") == ""


def test_a_clone_goes_to_a_commit_that_was_pushed_since(head: Path) -> None:
    with borrowed_clone(origin(head), commit(head)):
        pass
    (head / "raw.txt").write_text("newer")
    git(head, "commit", "--quiet", "--all", "--message=Newer")
    git(head, "push", "--quiet")

    with borrowed_clone(origin(head), commit(head)) as clone:
        assert (clone / "raw.txt").read_text() == "newer"


def test_a_clone_is_used_again_after_git_and_dvc_were_killed_in_it(head: Path) -> None:
    with borrowed_clone(origin(head), commit(head)) as first:
        refs = first / ".git/refs/remotes/origin"
        for lock in (first / ".git/index.lock", first / ".git/HEAD.lock", refs / "main.lock"):
            lock.touch()
        (first / ".dvc/tmp").mkdir(exist_ok=True)
        (first / ".dvc/tmp/rwlock").write_text('{"read": {"ra')
        (first / ".dvc/cache").mkdir(exist_ok=True)
    (head / "raw.txt").write_text("newer")
    git(head, "commit", "--quiet", "--all", "--message=Newer")
    git(head, "push", "--quiet")

    with borrowed_clone(origin(head), commit(head)) as second:
        assert (second / "raw.txt").read_text() == "newer"
        assert (second / ".dvc/cache").is_dir()
        assert call(second, "dvc", "repro", "--quiet", "seed").returncode == 0


def test_half_a_clone_is_made_anew(
    head: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    killed = tmp_path / "bin/git"
    killed.write_text('#!/bin/sh\nfor last; do :; done\nmkdir -p "$last/.git"\nkill -KILL $$\n')
    killed.chmod(0o755)
    pushed = commit(head)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{killed.parent}:{os.environ['PATH']}")
        with pytest.raises(CloneError), borrowed_clone(origin(head), pushed):
            pass

    with borrowed_clone(origin(head), pushed) as clone:
        assert git(clone, "status", "--porcelain") == ""


def test_two_stages_at_once_have_a_clone_each(head: Path) -> None:
    with (
        borrowed_clone(origin(head), commit(head)) as one,
        borrowed_clone(origin(head), commit(head)) as other,
    ):
        assert one != other


def test_a_commit_that_the_repository_lacks_is_refused(head: Path) -> None:
    with (
        pytest.raises(CloneError, match="this worker cannot have the commit: git checkout"),
        borrowed_clone(origin(head), "0" * 40),
    ):
        pass


def test_a_repository_that_is_not_there_is_refused(head: Path) -> None:
    with (
        pytest.raises(CloneError, match="git clone"),
        borrowed_clone(str(head / "nosuch"), commit(head)),
    ):
        pass
