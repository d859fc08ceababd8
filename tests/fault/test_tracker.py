"""The tracker survives what kills its processes, and a project that moves."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.project import ROOT

pytestmark = pytest.mark.fault

RECORD = """
import sys, time
from pathlib import Path
from pipeline.running import training_record
from pipeline.running.training_record import training_run
training_record.LIVE_AFTER = 0.0

with training_run("e", {"seed": 0}, {}, InterruptedError) as run:
    run.log_point(1, {"train/loss": 0.5})
    Path("begun").touch()
    time.sleep(float(sys.argv[1]))
    Path("model").mkdir(exist_ok=True)
    Path("model/card.json").write_text('{"weights_sha256": "abc"}')
    Path("model/weights").touch()
    run.finish(Path("model/weights"), Path("model"), Path("model/card.json"))
"""


def start(folder: Path, seconds: float = 0.0) -> "subprocess.Popen[str]":
    """Record a training in a process of its own, as a stage does."""
    unset = ("MLFLOW_TRACKING_URI", "RESTORE_LAUNCH")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.Popen(
        [sys.executable, "-c", RECORD, str(seconds)],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def record(folder: Path) -> str:
    """Record a training, and return what was said."""
    with start(folder) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    return said


def states(folder: Path) -> list[str]:
    """Return the states of the trainings, those of launches left out, in order of time."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        rows = database.execute("select status from runs where name = 'e' order by start_time")
        return [state for (state,) in rows]


def test_a_first_migration_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    hit = 0
    for delay in (0.05, 0.3, 1.0):
        folder = tmp_path / str(delay)
        folder.mkdir()
        with start(folder) as process:
            while not list(folder.glob(".mlflow.db.*")) and process.poll() is None:
                time.sleep(0.002)
            time.sleep(delay)
            process.kill()
        hit += not (folder / "mlflow.db").exists()

        said = record(folder)

        assert "warning" not in said
        assert states(folder)[-1] == "FINISHED"
        assert not list(folder.glob(".mlflow.db.*"))
    assert hit > 0


def test_a_broken_database_costs_no_later_run(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"SQLite format 3\0" + bytes(5000))

    said = record(tmp_path)

    assert "mlflow.db is broken" in said
    assert states(tmp_path) == ["FINISHED"]


def test_a_run_whose_process_was_killed_does_not_run_for_ever(tmp_path: Path) -> None:
    with start(tmp_path, seconds=60) as process:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            time.sleep(0.02)
        assert states(tmp_path) == ["RUNNING"]
        process.send_signal(signal.SIGKILL)

    record(tmp_path)

    assert states(tmp_path) == ["KILLED", "FINISHED"]
    assert list((tmp_path / ".restore" / "unsent").iterdir()) == []


@pytest.mark.parametrize("name", ["moved", "a%41b", "x #1"])
def test_a_project_that_moves_takes_the_files_of_its_runs_along(tmp_path: Path, name: str) -> None:
    first, second = tmp_path / "first", tmp_path / name
    first.mkdir()
    record(first)
    first.rename(second)

    record(second)

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(list(second.glob("mlruns/*/*/artifacts/weights/card.json"))) == 2


@pytest.mark.parametrize("when", ["before", "among"])
def test_a_database_that_stays_locked_costs_a_training_a_minute_at_most_and_no_event(
    tmp_path: Path, when: str
) -> None:
    record(tmp_path)
    (tmp_path / "begun").unlink()
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        if when == "before":
            other.execute("begin exclusive")
        with start(tmp_path, seconds=1) as process:
            while not (tmp_path / "begun").exists():
                assert process.poll() is None
                time.sleep(0.02)
            if when == "among":
                other.execute("begin exclusive")
            _, said = process.communicate(timeout=60)

    assert process.returncode == 0
    assert said.count("database is locked") == 1
    assert "Traceback" not in said
    record(tmp_path)
    assert states(tmp_path) == ["FINISHED"] * 3
