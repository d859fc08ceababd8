"""Runs that are killed at random moments, and stages that end at once: nothing is lost.

``RESTORE_FAULTS=25`` kills and repeats as often; a few times are enough to see that it works.
"""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.toy import MARK, call, copy_toy, edit, environment, make_toy, marked, outputs, program

pytestmark = pytest.mark.fault

TIMES = int(os.environ.get("RESTORE_FAULTS", "3"))

BRANCHES = "".join(f"  branch{number}: {{text: text{number}}}\n" for number in range(8))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a toy with eight branches more, in which nothing has run."""
    root = make_toy(tmp_path_factory.mktemp("fresh") / "toy")
    edit(root / "settings.yaml", "branches:\n", f"branches:\n{BRANCHES}")
    return root


@pytest.fixture(scope="module")
def expected(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Return the outputs of a toy that nobody disturbed, by stage."""
    root = copy_toy(fresh, tmp_path_factory.mktemp("undisturbed") / "toy")
    assert call(root, "dvc", "repro").returncode == 0
    return outputs((root / "dvc.lock").read_bytes())


def kill_at(seconds: float, root: Path, command: tuple[str, ...], **variables: str) -> int | None:
    """Start a command and kill it with all that it started; return its exit code if it was over."""
    named = environment(**variables, **{MARK: str(root)})
    with (root.parent / "log").open("a") as log:
        process = subprocess.Popen(
            [program(command[0]), *command[1:]],
            cwd=root,
            env=named,
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
        while marked(str(root)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return None


@pytest.mark.parametrize("command", [("dvc", "repro"), ("restore", "run")], ids=" ".join)
def test_a_run_that_is_killed_again_and_again_ends_like_one_that_was_not(
    fresh: Path,
    expected: dict[str, dict[str, str]],
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

    assert marked(str(root)) == []
    call(root, "restore", "plan", **server)
    ended = call(root, *command, **server)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert outputs((root / "dvc.lock").read_bytes()) == expected
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_stages_that_end_at_once_are_all_in_the_lock_file(
    fresh: Path, expected: dict[str, dict[str, str]], server: dict[str, str], tmp_path: Path
) -> None:
    for number in range(TIMES):
        root = copy_toy(fresh, tmp_path / f"toy{number}")

        ran = call(root, "restore", "run", "--parallel", "8", **server)

        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert outputs((root / "dvc.lock").read_bytes()) == expected
