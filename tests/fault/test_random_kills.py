"""Runs that are killed at random moments, and stages that end at once: nothing is lost.

``RESTORE_FAULTS=25`` kills and repeats as often; a few times are enough to see that it works.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from tests.toy import call, copy_toy, edit, environment, make_toy, prefect_server, program

pytestmark = pytest.mark.fault

TIMES = int(os.environ.get("RESTORE_FAULTS", "3"))

BRANCHES = "".join(f"  branch{number}: {{text: text{number}}}\n" for number in range(8))

MARK = "RESTORE_TEST_MARK"
"""A variable that tells the processes of a test from all others."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield the variables that lead commands to a Prefect server of these tests' own."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as variables:
        yield variables


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a toy with eight branches more, in which nothing has run."""
    root = make_toy(tmp_path_factory.mktemp("fresh") / "toy")
    edit(root / "settings.yaml", "branches:\n", f"branches:\n{BRANCHES}")
    return root


@pytest.fixture(scope="module")
def expected(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the outputs of a toy that nobody disturbed, by stage."""
    root = copy_toy(fresh, tmp_path_factory.mktemp("undisturbed") / "toy")
    assert call(root, "dvc", "repro").returncode == 0
    return locked(root)


def locked(root: Path) -> dict[str, str]:
    """Return the checksum of the output of each stage in ``dvc.lock``."""
    stages: dict[str, Any] = YAML(typ="safe").load(root / "dvc.lock")["stages"]
    return {name: stage["outs"][0]["md5"] for name, stage in stages.items()}


def left(mark: str) -> list[psutil.Process]:
    """Return the processes of a test that are still there."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill_at(seconds: float, root: Path, command: tuple[str, ...], **variables: str) -> int | None:
    """Start a command and kill it with all that it started; return its exit code if it was over."""
    marked = environment(**variables, **{MARK: str(root)})
    with (root.parent / "log").open("a") as log:
        process = subprocess.Popen(
            [program(command[0]), *command[1:]],
            cwd=root,
            env=marked,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 20
        while left(str(root)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return None


@pytest.mark.parametrize("command", [("dvc", "repro"), ("restore", "run")], ids=" ".join)
def test_a_run_that_is_killed_again_and_again_ends_like_one_that_was_not(
    fresh: Path,
    expected: dict[str, str],
    server: dict[str, str],
    tmp_path: Path,
    command: tuple[str, ...],
) -> None:
    root = copy_toy(fresh, tmp_path / "toy")
    chance = random.Random(" ".join(command))  # noqa: S311  (nothing to keep secret)
    kills = 0
    while kills < TIMES:
        code = kill_at(chance.uniform(0.5, 8.0), root, command, **server)
        if code is None:
            kills += 1
        elif code == 0:  # all was done: begin anew
            for name in ("dvc.lock", ".restore/dvc.lock"):
                (root / name).unlink(missing_ok=True)
        else:  # half a file of DVC's, which our own doors mend
            assert command == ("dvc", "repro")
            mended = call(root, "restore", "plan", **server)
            assert mended.returncode == 0, mended.stdout + mended.stderr

    assert left(str(root)) == []
    call(root, "restore", "plan", **server)
    ended = call(root, *command, **server)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert locked(root) == expected
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_stages_that_end_at_once_are_all_in_the_lock_file(
    fresh: Path, expected: dict[str, str], server: dict[str, str], tmp_path: Path
) -> None:
    for number in range(TIMES):
        root = copy_toy(fresh, tmp_path / f"toy{number}")

        ran = call(root, "restore", "run", "--parallel", "8", **server)

        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert locked(root) == expected
