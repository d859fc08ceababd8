"""A training whose parent is killed stops with a checkpoint; the next one goes on from there."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.project import ROOT

pytestmark = pytest.mark.fault

TRAIN = """
import sys
from pathlib import Path
from tests.unit.test_training_loop import recipe, training
from pipeline.training.loop import TrainingStoppedError
from pipeline.training.running import run_to_end

folder = Path(sys.argv[1])
started = training(folder, recipe(steps=10**6, checkpoint_every=10**6, log_every=10**5))
folder.with_name("begun").write_text(str(started.step))
try:
    run_to_end(started, "e", lambda point: None)
except TrainingStoppedError:
    folder.with_name("stopped").write_text(str(started.step))
"""

PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", *sys.argv[1:]])
"""


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, path
        time.sleep(0.02)
    return path.read_text()


def test_a_training_whose_parent_is_killed_stops_with_a_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    command = [sys.executable, "-c", PARENT, TRAIN, str(folder)]

    for begun in (False, True):
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as parent:
            before = int(wait_for(tmp_path / "begun"))
            (child,) = psutil.Process(parent.pid).children()
            time.sleep(1.0)
            parent.send_signal(signal.SIGKILL)
        stopped = int(wait_for(tmp_path / "stopped"))
        child.wait(timeout=60)

        assert (before > 0) == begun
        assert stopped > before
        for name in ("begun", "stopped"):
            (tmp_path / name).unlink()
