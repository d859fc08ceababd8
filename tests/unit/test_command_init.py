import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.checking.params_file import load_params
from tests.project import ROOT, copy_project, run

PRESETS = ROOT / "pipeline/checking/presets"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new project with the preset ``smoke``."""
    folder = tmp_path_factory.mktemp("somewhere") / "new" / "project"
    assert cli.main(["init", str(folder), "--preset", "smoke"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the commands outside of any project."""
    monkeypatch.chdir(tmp_path)


def test_a_new_project_has_all_code_that_the_stages_depend_on(project: Path) -> None:
    tracked = run(ROOT, "git", "ls-files", "pipeline", "stages").stdout.splitlines()

    assert len(tracked) > 400
    assert [name for name in tracked if not (project / name).is_file()] == []
    assert list(project.rglob("__pycache__")) == []


def test_a_new_project_can_be_planned_without_git(project: Path) -> None:
    planned = run(project, "restore", "plan")

    assert "train@dncnn_s25" in planned.stdout
    assert "stages to run" in planned.stdout


def test_a_new_project_has_the_settings_of_the_preset(project: Path, tmp_path: Path) -> None:
    assert cli.main(["init", "other"]) == 0

    assert (project / "params.yaml").read_bytes() == (PRESETS / "smoke.yaml").read_bytes()
    assert load_params(tmp_path / "other/params.yaml") == load_params(PRESETS / "quick.yaml")


def test_a_new_project_says_which_packages_it_needs_and_where_prefect_is(project: Path) -> None:
    ours, its = (
        tomllib.loads((folder / "pyproject.toml").read_text()) for folder in (ROOT, project)
    )

    for key in ("dependencies", "requires-python", "version", "scripts", "license-files"):
        assert its["project"][key] == ours["project"][key]
    assert "readme" not in its["project"]  # the file is not there
    assert its["build-system"] == ours["build-system"]
    assert its["tool"] == {name: ours["tool"][name] for name in ("prefect", "setuptools")}


def test_every_folder_that_git_keeps_for_the_report_is_among_the_files_of_a_project() -> None:
    tracked = run(ROOT, "git", "ls-files", "data/*/.gitkeep").stdout.splitlines()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]

    named = [name for names in settings["data-files"].values() for name in names]

    assert {name for name in named if name.startswith("data/")} == set(tracked)


def test_git_takes_in_a_new_project_as_it_is(tmp_path: Path) -> None:
    cli.main(["init", "new", "--preset", "smoke"])
    written = {str(path.relative_to("new")) for path in Path("new").rglob("*") if not path.is_dir()}
    run(tmp_path / "new", "git", "init", "--quiet")

    run(tmp_path / "new", "git", "add", "--all")

    assert set(run(tmp_path / "new", "git", "ls-files").stdout.splitlines()) == written


def test_a_repository_made_for_the_project_may_be_in_its_folder(tmp_path: Path) -> None:
    run(tmp_path, "git", "init", "--quiet", "new")

    assert cli.main(["init", "new"]) == 0
    assert (tmp_path / "new/dvc.yaml").is_file()


def test_what_to_do_next_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["init", "new"])

    printed = capsys.readouterr().out
    assert f"cd {Path('new').absolute()}" in printed
    assert all(command in printed for command in ("git init", "restore plan", "restore run"))


def fill(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.tex").touch()


@pytest.mark.parametrize(
    ("place", "prepare", "code", "complaint"),
    [
        ("new", fill, 2, "new: expected a new or an empty folder; name another one"),
        ("new", Path.touch, 1, "new: Not a directory; expected to make the project"),
        ("new/below", Path.touch, 1, "new/below: Not a directory; expected to make the project"),
    ],
)
def test_a_place_that_is_taken_is_refused_and_left_as_it_is(
    place: str,
    prepare: Callable[[Path], None],
    code: int,
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prepare(tmp_path / "new")
    before = sorted(tmp_path.rglob("*"))

    assert cli.main(["init", place]) == code
    assert complaint in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_inside_a_project_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", str(project / "data" / "another")]) == 2

    assert (
        f"would be inside the project {project}: name a folder outside" in capsys.readouterr().err
    )
    assert not (project / "data" / "another").exists()


def test_an_unknown_preset_is_refused_with_the_nearest_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", "new", "--preset", "smok"]) == 2

    assert "no preset 'smok'; the nearest known one is 'smoke'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("had_git", [True, False])
def test_half_a_project_is_taken_away_again(had_git: bool, tmp_path: Path) -> None:
    installed = copy_project(tmp_path / "installed", preset="smoke")
    (installed / "prefect.yaml").unlink()
    if had_git:
        run(tmp_path, "git", "init", "--quiet", "new")

    done = init_with(installed, tmp_path / "new")

    assert done.returncode == 1
    assert f"{installed / 'prefect.yaml'}: No such file" in done.stderr
    left = [path.name for path in (tmp_path / "new").iterdir()] if had_git else []
    assert left == ([".git"] if had_git else [])
    assert (tmp_path / "new").exists() is had_git


def test_an_installation_without_the_files_of_a_project_says_so(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    shutil.copytree(ROOT / "pipeline", installed / "pipeline")
    record = installed / "restore-9.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Name: restore\nVersion: 9\n")
    (record / "RECORD").write_text("pipeline/cli.py,,\n")

    done = init_with(installed, tmp_path / "new")

    assert done.returncode == 1
    assert "expected the files of a project in share/restore/ of the installation" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_hold_the_project_is_one_message(tmp_path: Path) -> None:
    small = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); "

    done = init_with(ROOT, tmp_path / "new", before=small)

    assert done.returncode == 1
    (complaint,) = done.stderr.splitlines()
    assert "File too large" in complaint
    assert "weights.safetensors'; expected to make the project" in complaint
    assert complaint.count("weights.safetensors") == 2  # one file, from where and to where
    assert not (tmp_path / "new").exists()


def init_with(code: Path, folder: Path, *, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``restore init`` with the code in another folder, and a statement before."""
    program = f"import sys; from pipeline import cli; {before}"
    program += f"sys.exit(cli.main(['init', {str(folder)!r}]))"
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={**os.environ, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=False,
    )
