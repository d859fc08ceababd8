from pathlib import Path

import pytest

from pipeline.graph.launch import open_launch
from pipeline.running.environment import LAUNCH_VARIABLE

RECORDING = """\
import sys
with open("asked", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
print("launch-1")
"""


def project(root: Path, tracker: str) -> Path:
    """Make a project whose tracker is the given script."""
    (root / "pipeline" / "running").mkdir(parents=True)
    (root / "pipeline" / "running" / "tracking.py").write_text(tracker)
    return root


def test_stages_learn_which_launch_they_belong_to(tmp_path: Path) -> None:
    warned: list[str] = []
    root = project(tmp_path, RECORDING)

    with open_launch(root, door="restore run", warn=warned.append) as launch:
        environment = launch.environment
        launch.succeeded = True

    assert environment == {LAUNCH_VARIABLE: "launch-1"}
    assert (root / "asked").read_text().splitlines() == [
        "open --door restore run",
        "close launch-1 --state FINISHED",
    ]
    assert warned == []


def test_a_launch_whose_stages_failed_is_closed_as_failed(tmp_path: Path) -> None:
    root = project(tmp_path, RECORDING)

    with open_launch(root, door="d", warn=pytest.fail):
        pass

    assert "--state FAILED" in (root / "asked").read_text()


def test_an_interrupted_launch_is_closed_as_killed(tmp_path: Path) -> None:
    root = project(tmp_path, RECORDING)

    with pytest.raises(KeyboardInterrupt), open_launch(root, door="d", warn=pytest.fail):
        raise KeyboardInterrupt

    assert "--state KILLED" in (root / "asked").read_text()


def test_a_project_without_a_tracker_is_not_tracked(tmp_path: Path) -> None:
    with open_launch(tmp_path, door="d", warn=pytest.fail) as launch:
        assert launch.environment == {}


def test_a_tracker_that_fails_costs_a_warning_only(tmp_path: Path) -> None:
    warned: list[str] = []
    root = project(tmp_path, "import sys; sys.exit('the database is locked')")

    with open_launch(root, door="d", warn=warned.append) as launch:
        assert launch.environment == {}

    assert len(warned) == 1
    assert "not tracked" in warned[0]
    assert "the database is locked" in warned[0]


def test_a_tracker_that_hangs_costs_a_warning_only(tmp_path: Path) -> None:
    warned: list[str] = []
    root = project(tmp_path, "import time; time.sleep(600)")

    with open_launch(root, door="d", warn=warned.append, patience=0.3) as launch:
        assert launch.environment == {}

    assert "no answer" in warned[0]
