import json
from pathlib import Path

import pytest

from pipeline.graph.launch import open_launch
from pipeline.running.environment import LAUNCH_VARIABLE
from pipeline.running.journal import kept_journals, read_events, read_run

RECORDING = """\
import sys
with open("asked", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
"""


def project(root: Path, tracker: str = RECORDING) -> Path:
    """Make a project whose tracker is the given script."""
    (root / "pipeline" / "running").mkdir(parents=True)
    (root / "pipeline" / "running" / "tracking.py").write_text(tracker)
    return root


def kept_state(root: Path) -> str:
    """Return how the one launch ended that is kept for the tracker."""
    (journal,) = kept_journals(root)
    (event,) = read_events(journal)
    return str(event["state"])


def test_stages_learn_which_launch_they_belong_to(tmp_path: Path) -> None:
    root = project(tmp_path)

    with open_launch(root, door="restore run", warn=pytest.fail) as launch:
        environment = launch.environment
        launch.succeeded = True

    (journal,) = kept_journals(root)
    told = json.loads(environment[LAUNCH_VARIABLE])
    tags = read_run(journal)[0].tags
    assert told["door"] == tags["restore.door"] == "restore run"
    assert told["key"] == tags["restore.launch"]


def test_a_launch_asks_the_tracker_once_when_its_end_is_written_down(tmp_path: Path) -> None:
    root = project(tmp_path, f"{RECORDING}import os\nos.listdir('.restore/unsent')\n")

    with open_launch(root, door="restore run", warn=pytest.fail) as launch:
        asked_before = (root / "asked").exists()
        launch.succeeded = True

    assert not asked_before
    assert (root / "asked").read_text() == "deliver\n"
    assert kept_state(root) == "FINISHED"


def test_each_launch_has_a_key_of_its_own(tmp_path: Path) -> None:
    root = project(tmp_path)

    with open_launch(root, door="d", warn=pytest.fail) as first:
        pass
    with open_launch(root, door="d", warn=pytest.fail) as second:
        pass

    assert first.environment != second.environment
    assert len({read_run(one)[0].tags["restore.launch"] for one in kept_journals(root)}) == 2


def test_a_launch_whose_stages_failed_is_closed_as_failed(tmp_path: Path) -> None:
    root = project(tmp_path)

    with open_launch(root, door="d", warn=pytest.fail):
        pass

    assert kept_state(root) == "FAILED"


def test_an_interrupted_launch_is_closed_as_killed(tmp_path: Path) -> None:
    root = project(tmp_path)

    with pytest.raises(KeyboardInterrupt), open_launch(root, door="d", warn=pytest.fail):
        raise KeyboardInterrupt

    assert kept_state(root) == "KILLED"
    assert (root / "asked").read_text() == "deliver\n"


def test_a_project_without_a_tracker_is_not_tracked(tmp_path: Path) -> None:
    with open_launch(tmp_path, door="d", warn=pytest.fail) as launch:
        assert launch.environment == {}

    assert list(tmp_path.iterdir()) == []


def test_a_tracker_that_fails_costs_a_warning_only(tmp_path: Path) -> None:
    warned: list[str] = []
    root = project(tmp_path, "import sys; sys.exit('the database is locked')")

    with open_launch(root, door="d", warn=warned.append):
        pass

    assert len(warned) == 1
    assert "does not know yet that this run is FAILED" in warned[0]
    assert "the database is locked" in warned[0]
    assert kept_state(root) == "FAILED"


def test_a_tracker_that_hangs_costs_a_warning_only(tmp_path: Path) -> None:
    warned: list[str] = []
    root = project(tmp_path, "import time; time.sleep(600)")

    with open_launch(root, door="d", warn=warned.append, patience=0.3):
        pass

    assert "no answer" in warned[0]
    assert kept_state(root) == "FAILED"


def test_what_the_tracker_warns_of_is_passed_on(tmp_path: Path) -> None:
    warned: list[str] = []
    noise = "import sys; sys.stderr.write('noise\\nwarning: a kept run was refused\\n')"
    root = project(tmp_path, noise)

    with open_launch(root, door="d", warn=warned.append):
        pass

    assert warned == ["a kept run was refused"]


def test_a_disk_that_is_full_costs_a_warning_only(tmp_path: Path) -> None:
    warned: list[str] = []
    root = project(tmp_path)
    (root / ".restore").write_text("a file where a folder should be")

    with open_launch(root, door="d", warn=warned.append):
        pass

    assert "the tracker will not know how this run ends" in warned[0]
