"""What the tests of the stages share."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty database of MLflow: making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def own_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> None:
    """Keep what a test records in its own folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.delenv("RESTORE_LAUNCH", raising=False)


@pytest.fixture
def loads_mlflow(root: Path) -> Callable[..., bool]:
    """Run a stage as ``dvc.yaml`` does, with the smoke preset; tell whether it loads MLflow.

    It runs in the working directory.
    """
    code = """\
import runpy, sys
runpy.run_module(sys.argv.pop(1), run_name="__main__")
print("mlflow" in sys.modules)
"""

    def run(stage: str, **options: object) -> bool:
        shutil.copyfile(root / "pipeline/checking/presets/smoke.yaml", "params.yaml")
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, "-c", code, f"stages.{stage}", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout == "True\n"

    return run
