"""Prefect's server dies in the middle of a run: what came of the stages counts."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.toy import environment, free_port, make_toy, program, trace

pytestmark = pytest.mark.fault


def kill_server(process: "subprocess.Popen[str]") -> None:
    """Kill the server that a run has started for itself."""
    (server,) = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.cmdline()[1:4] == ["-m", "prefect", "server"]
    ]
    server.kill()


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_ends_soon_and_truthfully_without_its_server(tmp_path: Path, fails: bool) -> None:
    root = make_toy(tmp_path / "toy")
    (root / "branch@left.sleep").write_text("3")
    (root / "branch@left.steps").write_text("4")
    if fails:
        (root / "join.fail").touch()
    with subprocess.Popen(
        [program("restore"), "run"],
        cwd=root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        while not (root / "branch@left.started").exists():
            assert process.poll() is None
            time.sleep(0.05)
        kill_server(process)
        said, _ = process.communicate(timeout=60)

    assert process.returncode == int(fails), said
    assert "has ended, so its pages lack the end of this run; no result is lost" in said
    assert "Traceback" not in said
    assert ("end join" in trace(root)) is not fails


def test_serving_ends_soon_and_says_so_without_its_server(tmp_path: Path) -> None:
    root = make_toy(tmp_path / "toy")
    log = tmp_path / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [program("restore"), "serve", "--port", str(free_port())],
            cwd=root,
            env=environment(),
            stdout=output,
            stderr=output,
            text=True,
        ) as process,
    ):
        while "serving restore/train-all" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        kill_server(process)
        code = process.wait(timeout=60)

    said = log.read_text()
    assert code == 1, said
    assert "has ended, so nothing can be asked of this project" in said
    assert "start `restore serve` again" in said
    assert "Traceback" not in said
