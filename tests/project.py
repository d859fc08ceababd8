"""Copies of the project for tests that run its graph."""

import os
import shutil
import subprocess
import sys
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
    """Copy the project without its data, its cache and its lock file, and give it a preset."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        left_out = set(shutil.ignore_patterns(*NOT_COPIED)(folder, names))
        if Path(folder) == ROOT:
            left_out |= {"data", "dvc.lock"} & set(names)
        if Path(folder) == ROOT / ".dvc":
            left_out |= {"cache", "tmp"} & set(names)
        return left_out

    shutil.copytree(ROOT, target, ignore=ignored)
    shutil.copyfile(ROOT / "pipeline/presets" / f"{preset}.yaml", target / "params.yaml")
    run(target, "git", "init", "--quiet")
    return target


def run(project: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in a project copy, with this environment's programs first on PATH.

    Modules of the copy, not those of the checkout, are imported.
    """
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project),
        "DVC_NO_ANALYTICS": "1",
        "NO_COLOR": "1",
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done
