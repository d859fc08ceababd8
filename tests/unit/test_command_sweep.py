"""``restore sweep`` without a training: what it refuses before the first try."""

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
        (["recipe.steps=9,750"], 2, "--set recipe.steps=750: that is what it is already"),
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
