"""``restore sweep`` without a training: what it refuses before the first try, and what it tries."""

import shlex
import shutil
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.graph.trial_workspace import TrialWorkspace


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with the quick preset, which is the current folder, and no graph."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    shutil.copyfile(root / "pipeline/checking/presets/quick.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        (["recipe.steps"], 2, "recipe.steps: expected KEY=VALUE,VALUE such as recipe.steps=500"),
        (["recipe.steps=9,many"], 1, "steps: input should be a valid integer; came 'many'"),
        (["recipe.steps=9,"], 2, "--set recipe.steps=: expected KEY=VALUE"),
        (["recipe.steps=9", "recip.batch=4,8"], 2, "the nearest known one is 'recipe'"),
        (["recipe.steps=750", "recipe=quick"], 2, "dncnn_s25 has each of these values already"),
        (
            ["recipe.optimiser.betas=[0.8, 0.99],[2]"],
            1,
            "betas.0: input should be less than 1",
        ),
    ],
)
def test_a_value_that_cannot_be_tried_keeps_all_from_running(
    project: Path, changes: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = cli.main(["sweep", "dncnn_s25", *changes])

    assert said in capsys.readouterr().err
    assert found == code
    assert TrialWorkspace.all(project) == []


@pytest.mark.parametrize(
    ("changes", "tried"),
    [
        (["recipe.steps=9,750"], [{"recipe.steps=9"}]),
        (
            ["recipe.steps=9,750", "recipe.batch=4,8"],  # 4 and 750 are those of the main line
            [{"recipe.steps=9"}, {"recipe.steps=9", "recipe.batch=8"}, {"recipe.batch=8"}],
        ),
        (["recipe=short", "recipe.steps=750"], [{"recipe=short", "recipe.steps=750"}]),
    ],
)
def test_a_value_that_is_so_already_is_no_change_of_a_combination(
    project: Path, changes: list[str], tried: list[set[str]]
) -> None:
    cli.main(["sweep", "dncnn_s25", *changes])  # in a project without stages each try ends at once

    found = [one.read() for one in TrialWorkspace.all(project)]
    assert sorted(sorted(one.changes) for one in found if one) == sorted(map(sorted, tried))


def printed_commands(root: Path) -> set[str]:
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    lines = (line for page in pages for line in page.read_text().splitlines())
    return {
        line
        for line in lines
        if line.startswith("restore sweep ")
        or (line.startswith("restore try ") and "--set" in line)
    }


def test_what_the_pages_print_to_try_can_be_tried(project: Path, root: Path) -> None:
    for command in printed_commands(root):
        before = len(TrialWorkspace.all(project))

        cli.main(shlex.split(command)[1:])

        assert len(TrialWorkspace.all(project)) > before, command
