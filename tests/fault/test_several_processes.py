"""A training by two processes, however it is ended, goes on to the undisturbed weights."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.project import ROOT
from tests.stage.graph_data import NOISE, degrade_bank, extract_bank
from tests.toy import MARK, environment, marked

pytestmark = pytest.mark.fault

STEPS = 400


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder to train in by two processes."""
    folder = tmp_path_factory.mktemp("several")
    degrade_bank(folder, NOISE, extract_bank(folder))
    smoke = (ROOT / "pipeline/checking/presets/smoke.yaml").read_text()
    (folder / "params.yaml").write_text(
        smoke.replace("steps: 12", f"steps: {STEPS}")
        .replace("log_every: 4", "log_every: 100")
        .replace("checkpoint_every: 4", "checkpoint_every: 10")
        + "  train: {processes: 2}\n"
    )
    return folder


def begin(project: Path, name: str) -> "subprocess.Popen[str]":
    options = {
        "experiment": "e1",
        "model": "dncnn.tiny",
        "recipe": "smoke_adam",
        "training_set": "degraded-gaussian",
        "guarded": "guarded.txt",
        "start": "random",
        "checkpoints": f"checkpoints/{name}",
        "out": name,
        "curve": f"{name}.csv",
    }
    words = [word for option, value in options.items() for word in (f"--{option}", value)]
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train", *words],
        cwd=project,
        env=environment(PYTHONPATH=str(ROOT), **{MARK: name}),
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_checkpoint(project: Path, name: str, training: "subprocess.Popen[str]") -> None:
    """Wait until the training has written one more checkpoint than there were."""
    folder = project / "checkpoints" / name
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.pt")}
    deadline = time.monotonic() + 60
    while True:
        found = {path: path.stat().st_mtime_ns for path in folder.glob("*.before.pt")}
        if any(before.get(path) != written for path, written in found.items()):
            return
        assert training.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_second_process(training: "subprocess.Popen[str]") -> None:
    torchrun = psutil.Process(training.pid).children()[0]
    (second,) = [one for one in torchrun.children() if one.environ()["RANK"] == "1"]
    second.kill()


def stop(training: "subprocess.Popen[str]") -> None:
    for _ in range(2):  # a supervisor asks more than once
        training.terminate()
        time.sleep(0.2)


def test_two_processes_that_are_killed_and_stopped_leave_the_undisturbed_weights(
    project: Path,
) -> None:
    undisturbed = begin(project, "undisturbed")
    _, said = undisturbed.communicate(timeout=120)
    assert (undisturbed.returncode, said) == (0, "")

    ends = {
        kill_second_process: (1, "process 1 of the training was ended by signal 9"),
        stop: (1, "failed: stopped after"),
    }
    for end, (code, words) in ends.items():
        training = begin(project, "disturbed")
        wait_for_checkpoint(project, "disturbed", training)
        end(training)
        _, said = training.communicate(timeout=60)  # to the end of all that can write there
        assert training.returncode == code
        assert words in said
        assert "Traceback" not in said
        assert marked("disturbed") == []
    resumed = begin(project, "disturbed")
    _, said = resumed.communicate(timeout=120)

    assert (resumed.returncode, said) == (0, "")
    for left in ("undisturbed", "disturbed"):
        assert sorted(path.name for path in (project / left).iterdir()) == [
            "card.json",
            "weights.safetensors",
        ]
    assert (project / "undisturbed/weights.safetensors").read_bytes() == (
        project / "disturbed/weights.safetensors"
    ).read_bytes()
    assert (project / "undisturbed.csv").read_bytes() == (project / "disturbed.csv").read_bytes()
    assert '"processes": 2' in (project / "disturbed/card.json").read_text()
    assert list((project / "checkpoints").glob("*/*")) == []
