"""However a run is ended, no stage, helper process or server of it stays behind."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.toy import MARK, call, environment, make_toy, marked, program

pytestmark = pytest.mark.fault


def begin(root: Path, home: Path) -> "subprocess.Popen[bytes]":
    """Start a run with a server of its own; return when two stages and their helpers run."""
    for branch in ("left", "right"):
        (root / f"branch@{branch}.sleep").write_text("600")
    variables = environment(PREFECT_HOME=str(home), **{MARK: str(root)})
    process = subprocess.Popen([program("restore"), "run"], cwd=root, env=variables)
    deadline = time.monotonic() + 90
    while not all((root / f"branch@{branch}.started").exists() for branch in ("left", "right")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_run_that_a_signal_ends_leaves_nothing_behind(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    root = make_toy(tmp_path / "toy")
    (root / "pyproject.toml").write_text(
        '[tool.prefect]\napi.url = "http://127.0.0.1:9/api"\nserver.analytics_enabled = false\n'
    )
    process = begin(root, tmp_path / "home")
    assert len(marked(str(root))) > 6  # flow, server, and for both stages dvc, stage and helper

    process.send_signal(number)
    ended = process.wait(timeout=60)

    deadline = time.monotonic() + 10
    while marked(str(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked(str(root)) == []
    assert ended == code
    assert (root / "branch@left.checkpoint").exists()
    assert (root / "branch@right.checkpoint").exists()
    for branch in ("left", "right"):
        (root / f"branch@{branch}.sleep").unlink()
    again = call(root, "restore", "run", PREFECT_HOME=str(tmp_path / "home"))
    assert again.returncode == 0, again.stderr
