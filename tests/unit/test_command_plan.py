from pathlib import Path

import pytest

from pipeline import cli
from tests.project import copy_project


def test_an_image_that_cannot_be_read_stops_an_estimate_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = copy_project(tmp_path / "project", preset="smoke")
    (project / "mine").mkdir()
    (project / "mine" / "bad.png").write_bytes(b"no image")
    preset = project / "pipeline" / "presets" / "smoke.yaml"
    text = preset.read_text().replace("datasets:\n", "datasets:\n  mine: FOLDER\n", 1)
    text = text.replace("FOLDER", "{kind: folder, source: mine}")
    preset.write_text(text.replace("- dataset: photos_test", "- dataset: mine"))
    monkeypatch.chdir(project)

    code = cli.main(["plan", "--preset", "smoke"])

    assert code == 1
    assert "bad.png: expected an image" in capsys.readouterr().err


def test_a_preset_that_is_not_there_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["plan", "--preset", "papers"]) == 2
    assert "there is no preset 'papers'" in capsys.readouterr().err
