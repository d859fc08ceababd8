import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import cli
from tests.project import command_environment, copy_project


def test_an_image_that_cannot_be_read_stops_an_estimate_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = copy_project(tmp_path / "project", preset="smoke")
    (project / "mine").mkdir()
    (project / "mine" / "bad.png").write_bytes(b"no image")
    preset = project / "pipeline" / "checking" / "presets" / "smoke.yaml"
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


def test_what_a_preset_only_tests_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(copy_project(tmp_path / "project", preset="smoke"))

    assert cli.main(["plan", "--preset", "official"]) == 0

    said = capsys.readouterr().out
    assert "set12" in said
    assert "test images" in said
    assert "nothing to train" in said


def test_recognisers_alone_are_something_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = copy_project(tmp_path / "project", preset="smoke")
    preset = project / "pipeline" / "checking" / "presets" / "smoke.yaml"
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(preset)
    clean = {
        name: one for name, one in params["recognition"].items() if one["train_on"] == one["task"]
    }
    for section in ("experiments", "imported", "applied", "restored_inputs"):
        params[section] = {}
    yaml.dump({**params, "recognition": clean}, preset)
    monkeypatch.chdir(project)

    assert cli.main(["plan", "--preset", "smoke"]) == 0

    said = capsys.readouterr().out
    assert "nothing to train" not in said
    assert "not counted: networks that recognise" in said


def test_a_fault_in_the_published_numbers_is_told_with_its_line(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", preset="literature")
    numbers = project / "pipeline" / "literature" / "published.csv"
    rows = numbers.read_text().splitlines(keepends=True)
    numbers.write_text("".join([rows[0], rows[1].replace("gray-float", "gray-flot"), *rows[2:]]))

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pipeline.cli import main; sys.exit(main(['plan']))",
        ],
        cwd=project,
        env=command_environment(project),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "published.csv, line 2: unknown protocol 'gray-flot'" in done.stderr
    assert "Traceback" not in done.stderr
