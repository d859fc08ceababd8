"""A ``dvc.lock`` that DVC could not finish costs nothing."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.toy import call, copy_toy, environment, make_toy, outputs, trace

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, server: dict[str, str]) -> Path:
    """Return a toy in which all has run through ``restore run``."""
    root = make_toy(tmp_path_factory.mktemp("done") / "toy")
    ran = call(root, "restore", "run", **server)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    trace(root)
    return root


@pytest.fixture
def toy(done: Path, tmp_path: Path) -> Path:
    return copy_toy(done, tmp_path / "toy")


def cut(text: bytes, share: float) -> bytes:
    return text[: int(len(text) * share)]


@pytest.mark.parametrize(
    ("share", "copied"), [(0.0, True), (0.5, True), (0.97, True), (0.2, False), (0.03, False)]
)
def test_half_a_lock_file_is_put_back_and_nothing_runs_again(
    toy: Path, server: dict[str, str], share: float, copied: bool
) -> None:
    lock = toy / "dvc.lock"
    whole = lock.read_bytes()
    if copied:
        assert call(toy, "restore", "plan").returncode == 0  # which keeps a copy
    else:
        (toy / ".restore" / "dvc.lock").unlink(missing_ok=True)
    lock.write_bytes(cut(whole, share))

    ran = call(toy, "restore", "run", **server)

    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    # DVC's cache knows nothing of a stage that reads nothing.
    assert set(trace(toy)) <= (set() if copied else {"begin aside", "end aside"})
    assert outputs(lock.read_bytes()) == outputs(whole)
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [("plan",), ("doctor", "--fast")])
def test_every_door_mends_the_lock_file_and_says_so(toy: Path, command: tuple[str, ...]) -> None:
    lock = toy / "dvc.lock"
    whole = lock.read_bytes()
    assert call(toy, "restore", "plan").returncode == 0
    lock.write_bytes(b"")

    done = call(toy, "restore", *command)

    assert "dvc.lock was not whole (0 bytes" in done.stdout + done.stderr
    assert lock.read_bytes() == whole
    assert (toy / ".restore" / "dvc.lock.broken").read_bytes() == b""


@pytest.mark.parametrize("entry", ["seed", "branch@right", "aside"])
def test_a_lock_file_that_ends_within_a_checksum_is_valid_and_not_whole(
    toy: Path, entry: str
) -> None:
    lock = toy / "dvc.lock"
    whole = lock.read_text()
    assert call(toy, "restore", "plan").returncode == 0
    half = whole[: whole.index("md5: ", whole.index(f"  {entry}:\n")) + 15]
    assert entry in YAML(typ="safe", pure=True).load(half)["stages"]
    lock.write_text(half)

    done = call(toy, "restore", "plan")

    assert f"dvc.lock was not whole ({len(half)} bytes" in done.stdout + done.stderr
    assert lock.read_text() == whole


@pytest.mark.parametrize("content", ["", '{"write": {', "\x00\x00"])
def test_half_a_list_of_who_uses_which_file_is_made_anew(
    toy: Path, server: dict[str, str], content: str
) -> None:
    (toy / "raw.txt").write_text("changed")
    (toy / ".dvc/tmp/rwlock").write_text(content)
    refused = call(toy, "dvc", "repro", "seed")

    ran = call(toy, "restore", "run", **server)

    assert refused.returncode != 0
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "made anew" in ran.stdout + ran.stderr
    assert trace(toy) == ["begin seed", "end seed"]


def test_a_conflict_of_git_in_the_lock_file_is_left_to_the_user(toy: Path) -> None:
    lock = toy / "dvc.lock"
    conflict = lock.read_text().replace("stages:", "<<<<<<< HEAD\nstages:\n=======\n>>>>>>> x\n")
    lock.write_text(conflict)

    done = call(toy, "restore", "run")

    assert done.returncode != 0
    assert "merge conflicts" in done.stderr
    assert lock.read_text() == conflict


def test_our_dvc_finishes_its_lock_file_whenever_it_is_told_to_stop(tmp_path: Path) -> None:
    root = make_toy(tmp_path / "toy")
    command = [sys.executable, "-m", "pipeline.graph.unhurried_dvc", "repro", "--single-item"]

    with subprocess.Popen([*command, "seed"], cwd=root, env=environment()) as process:
        time.sleep(1.0)  # the interpreter starts
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.002)

    assert process.returncode == 0
    assert trace(root) == ["begin seed", "end seed"]
    status = call(root, "dvc", "status", "seed")
    assert "up to date" in status.stdout + status.stderr
