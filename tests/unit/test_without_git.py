"""Copies of the project that have no Git, such as an unpacked archive."""

from pathlib import Path

import pytest

from pipeline.graph import dag
from pipeline.graph.without_git import settle_without_git
from tests.toy import edit, make_toy


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """Return a project without Git, whose DVC was not told of that."""
    root = make_toy(tmp_path / "unpacked")
    edit(root / ".dvc" / "config", "    no_scm = true\n", "")
    return root


def test_the_graph_is_read_without_git_and_what_is_not_recorded_is_said_once(
    unpacked: Path,
) -> None:
    said: list[str] = []

    first = dag.read_mended_graph(unpacked, said.append)
    again = dag.read_mended_graph(unpacked, said.append)

    assert list(first) == list(again) != []
    assert len(said) == 1
    assert "the commit that a run was made with" in said[0]


def test_other_settings_of_dvc_stay(unpacked: Path) -> None:
    local = unpacked / ".dvc" / "config.local"
    local.write_text("[cache]\n    dir = /somewhere\n")

    settle_without_git(unpacked)

    assert "dir = /somewhere" in local.read_text()
    assert "no_scm = true" in local.read_text()


@pytest.mark.parametrize("place", [".", ".."])
def test_a_project_in_git_is_left_alone(unpacked: Path, place: str) -> None:
    (unpacked / place / ".git").mkdir()

    assert settle_without_git(unpacked) is None
    assert not (unpacked / ".dvc" / "config.local").exists()


def test_a_dvc_that_knows_is_not_told(tmp_path: Path) -> None:
    root = make_toy(tmp_path / "toy")

    assert settle_without_git(root) is None
    assert not (root / ".dvc" / "config.local").exists()
