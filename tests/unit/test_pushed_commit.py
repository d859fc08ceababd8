"""What other machines clone has all that stages read, or the run is refused."""

from pathlib import Path

import pytest

from pipeline.graph.engines.engine import EngineError
from pipeline.graph.engines.pushed_commit import PushedCommit, find_pushed_commit
from tests.shared_toy import git, make_shared_toy
from tests.toy import edit

WRITTEN, READ = ("out/seed", "data/score.json"), ("raw.txt",)


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """Return a project whose commit is pushed."""
    return make_shared_toy(tmp_path)


def find(root: Path, *, read: tuple[str, ...] = READ, at: str | None = None) -> PushedCommit:
    return find_pushed_commit(root, written=WRITTEN, read=read, repository=at)


def test_a_commit_that_is_pushed_is_found(head: Path) -> None:
    found = find(head)

    assert found.commit == git(head, "rev-parse", "HEAD")
    assert found.repository == str(head.parent / "origin.git")


def test_what_stages_wrote_may_differ_from_the_commit(head: Path) -> None:
    (head / "dvc.lock").write_text("schema: '2.0'\n")
    (head / "data").mkdir()
    (head / "data/score.json").write_text("1")

    assert find(head).commit == git(head, "rev-parse", "HEAD")


def test_an_edited_file_is_refused_by_name(head: Path) -> None:
    edit(head / "work.py", "import json", "import  json")

    with pytest.raises(EngineError, match=r"not committed: work\.py: commit and push"):
        find(head)


def test_a_new_file_is_refused(head: Path) -> None:
    (head / "new network.py").touch()

    with pytest.raises(EngineError, match=r"not committed: new network\.py"):
        find(head)


def test_a_renamed_file_is_refused(head: Path) -> None:
    git(head, "mv", "work.py", "labour.py")

    with pytest.raises(EngineError, match=r"not committed: labour\.py"):
        find(head)


def test_a_commit_that_is_not_pushed_is_refused(head: Path) -> None:
    git(head, "commit", "--quiet", "--allow-empty", "--message=Empty")

    with pytest.raises(EngineError, match=r"is not in the Git remote 'origin'.*`git push`"):
        find(head)


def test_a_repository_without_a_remote_is_refused(head: Path) -> None:
    git(head, "remote", "remove", "origin")

    with pytest.raises(EngineError, match="git remote add origin"):
        find(head)


def test_a_git_remote_that_does_not_answer_is_refused(head: Path) -> None:
    (head.parent / "origin.git").rename(head.parent / "elsewhere.git")

    with pytest.raises(EngineError, match="the Git remote 'origin' does not answer"):
        find(head)


def test_a_project_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="commit and push"):
        find(tmp_path)


def test_a_project_below_the_top_of_its_repository_is_refused(head: Path) -> None:
    (head / "below").mkdir()

    with pytest.raises(EngineError, match="at the top of its repository"):
        find(head / "below")


def test_data_that_git_does_not_have_are_refused(head: Path) -> None:
    (head / "out").mkdir()
    (head / "out/photos").touch()

    with pytest.raises(EngineError, match="stages read what Git does not have: out/photos"):
        find(head, read=("raw.txt", "out/photos"))


@pytest.mark.parametrize("user", ["somebody:hunter2", "hunter2"])
def test_workers_may_know_the_repository_by_another_address_without_its_secret(
    head: Path, user: str
) -> None:
    found = find(head, at=f"https://{user}@git.example.com/toy.git")

    assert found.repository == "https://git.example.com/toy.git"
