"""The console script, given in and outside of projects that have code of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT

OWN = """\
import subprocess, sys

def main() -> int:
    found = "import pipeline; print(pipeline.__file__)"
    print("own code,", *sys.argv[1:], flush=True)
    subprocess.run([sys.executable, "-c", found], cwd="/", check=True)
    return 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with code of its own and a folder below."""
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").touch()
    (tmp_path / "pipeline" / "cli.py").write_text(OWN)
    (tmp_path / "below").mkdir()
    return tmp_path


def test_a_folder_that_is_gone_is_one_message(tmp_path: Path) -> None:
    gone = "import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); "

    done = script(tmp_path, "plan", before=gone)

    assert done.returncode == 1
    assert done.stderr.startswith("restore: [Errno 2] No such file or directory")


def script(folder: Path, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run what the console script of an installation runs, in a folder, after a statement."""
    program = f"import sys; from pipeline.cli import start; {before}sys.exit(start())"
    return subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("place", [".", "below"])
def test_a_project_runs_its_own_code_and_so_do_its_children(place: str, project: Path) -> None:
    done = script(project / place, "plan", "--force")

    assert done.stdout.splitlines() == [
        "own code, plan --force",
        str(project / "pipeline" / "__init__.py"),
    ]
    assert done.returncode == 3


def test_a_project_without_code_of_its_own_runs_that_of_the_installation(project: Path) -> None:
    (project / "pipeline" / "cli.py").unlink()

    done = script(project, "rum")

    assert done.returncode == 2
    assert "usage: restore" in done.stderr


def test_outside_of_projects_that_of_the_installation_runs(tmp_path: Path) -> None:
    done = script(tmp_path, "plan")

    assert done.returncode == 2
    assert "expected a folder with a dvc.yaml, here or above" in done.stderr
