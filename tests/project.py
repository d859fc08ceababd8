"""Copies of the project for tests that run its graph."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]

NOT_COPIED = (
    ".git",
    ".venv",
    "__pycache__",
    "*.egg-info",
    ".restore",
    "mlflow.db*",
    "mlruns",
    "dvc_plots",
)


def copy_project(target: Path, preset: str) -> Path:
    """Copy the project without its data, its cache and its lock file, and give it a preset.

    As in a clone, the folders that the report reads are there, empty.
    """

    def ignored(folder: str, names: list[str]) -> set[str]:
        left_out = set(shutil.ignore_patterns(*NOT_COPIED)(folder, names))
        if Path(folder) == ROOT:
            left_out |= {"data", "dvc.lock"} & set(names)
        if Path(folder) == ROOT / ".dvc":
            left_out |= {"cache", "tmp"} & set(names)
        return left_out

    shutil.copytree(ROOT, target, ignore=ignored)
    for kept in ROOT.glob("data/*/.gitkeep"):
        copied = target / kept.relative_to(ROOT)
        copied.parent.mkdir(parents=True)
        copied.touch()
    shutil.copyfile(ROOT / "pipeline/checking/presets" / f"{preset}.yaml", target / "params.yaml")
    run(target, "git", "init", "--quiet")
    return target


def command_environment(project: Path) -> dict[str, str]:
    """Return the variables for a command: the programs of this environment come first on PATH.

    Modules of ``project``, not those of the checkout, are imported.
    """
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project),
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",
    }
    for name in ("MLFLOW_TRACKING_URI", "RESTORE_LAUNCH", "PREFECT_API_URL"):
        environment.pop(name, None)
    return environment


def run(
    project: Path, *command: str, check: bool = True, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a copy of the project.

    Args:
        project: The copy.
        command: Program and arguments.
        check: Whether a failure of the command is one of the test.
        settings: More environment variables.
    """
    environment = {**command_environment(project), **(settings or {})}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done
