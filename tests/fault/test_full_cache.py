"""A cache of DVC without room costs no stage a second run, and is no success."""

from pathlib import Path

import pytest

from tests.project import ROOT
from tests.small_disk import enlarge, mount_small_disk
from tests.toy import call, make_toy

pytestmark = pytest.mark.fault

HEAVY = """\
import os, sys
from pathlib import Path

with open("ran", "a") as file:
    file.write("heavy\\n")
Path("heavy").mkdir()
for size in sys.argv[1:]:
    Path("heavy", size).write_bytes(os.urandom(int(size)))
"""


def make_heavy(root: Path, *sizes: int) -> Path:
    """Make a toy, configured as this project is, with a stage that writes files of some sizes."""
    make_toy(root)
    (root / "heavy.py").write_text(HEAVY)
    arguments = " ".join(map(str, sizes))
    with (root / "dvc.yaml").open("a") as file:
        file.write(f"  heavy:\n    cmd: python heavy.py {arguments}\n    outs: [heavy]\n")
    config = (ROOT / ".dvc" / "config").read_text()
    (root / ".dvc" / "config").write_text(config.replace("[core]", "[core]\n    no_scm = true"))
    return root


def runs(root: Path) -> int:
    return len((root / "ran").read_text().splitlines())


def test_outputs_need_no_room_for_a_second_copy_beside_the_cache(tmp_path: Path) -> None:
    with mount_small_disk(tmp_path / "disk", "size=16m") as disk:
        toy = make_heavy(disk / "toy", 9_000_000, 1_000_000)

        ran = call(toy, "dvc", "repro", "heavy")

        assert ran.returncode == 0, ran.stdout + ran.stderr
        status = call(toy, "dvc", "status", "heavy")
        assert "up to date" in status.stdout + status.stderr


@pytest.mark.parametrize("command", ["restore", "dvc"])
def test_what_the_cache_has_no_room_for_is_taken_in_later_and_does_not_run_again(
    tmp_path: Path, server: dict[str, str], command: str
) -> None:
    toy = make_heavy(tmp_path / "toy", 700_000, 1_400_000, 2_100_000)
    with mount_small_disk(tmp_path / "disk", "size=2m") as disk:
        with (toy / ".dvc" / "config").open("a") as file:
            file.write(f"    dir = {disk / 'cache'}\n")
        first = {
            "restore": ("restore", "run", "--experiments", "heavy"),
            "dvc": ("dvc", "repro", "heavy"),
        }
        full = call(toy, *first[command], **server)
        again = call(toy, *first["restore"], **server)
        enlarge(disk, "32m")
        roomy = call(toy, *first["restore"], **server)
        status = call(toy, "dvc", "status", "heavy")

    assert runs(toy) == 1
    for failed in (full, again) if command == "restore" else (again,):
        assert failed.returncode == 1
        assert f"heavy: it ran, but DVC's cache {disk / 'cache'}" in failed.stderr
        assert "could not take heavy: make room there" in failed.stderr
    assert roomy.returncode == 0, roomy.stdout + roomy.stderr
    assert "up to date" in status.stdout + status.stderr
