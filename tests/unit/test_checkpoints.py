import errno
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.training.checkpoints import (
    BusyTrainingError,
    CheckpointFile,
    digest_of,
    digest_of_code,
)

FULL_DISK = Path("/dev/full")

CPU = torch.device("cpu")
STATE: dict[str, Any] = {"step": 7, "weights": torch.arange(6.0), "curve": [[5, 0.25, 6.0, 1e-3]]}


class UnwritableError(Exception):
    pass


class Unwritable:
    """Something that cannot be saved."""

    def __reduce__(self) -> str:
        raise UnwritableError


def checkpoint(folder: Path, cause: object = "one") -> CheckpointFile:
    return CheckpointFile(folder / "checkpoints", digest_of({"cause": cause}))


# ----------------------------------------------------------------------------- digest


def test_digest_depends_on_every_cause_and_not_on_their_order() -> None:
    causes = {"recipe": {"steps": 5, "rate": 1e-3}, "seed": 0, "data": "abc"}

    digest = digest_of(causes)

    assert digest == digest_of(dict(reversed(causes.items())))
    assert digest != digest_of({**causes, "seed": 1})
    assert digest != digest_of({**causes, "recipe": {"steps": 5, "rate": 2e-3}})
    assert digest != digest_of({**causes, "code": "x"})
    assert digest.isalnum()


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (1, 1.5), (None, "null"), (True, "true")])
def test_digest_tells_kinds_of_values_apart(one: object, other: object) -> None:
    assert digest_of({"a": one}) != digest_of({"a": other})


# ------------------------------------------------------------------------------- file


def test_state_comes_back(tmp_path: Path) -> None:
    checkpoint(tmp_path).save(STATE)

    state = checkpoint(tmp_path).load(CPU)

    assert state is not None
    assert torch.equal(state.pop("weights"), STATE["weights"])
    assert state == {"step": 7, "curve": [[5, 0.25, 6.0, 1e-3]]}


def test_layout_in_memory_comes_back(tmp_path: Path) -> None:
    weights = torch.rand(4, 3, 5, 5).to(memory_format=torch.channels_last)
    checkpoint(tmp_path).save({"weights": weights})

    state = checkpoint(tmp_path).load(CPU)

    assert state is not None
    assert state["weights"].stride() == weights.stride()


def test_there_is_none_before_the_first(tmp_path: Path) -> None:
    assert checkpoint(tmp_path).load(CPU) is None


def test_checkpoint_of_other_causes_is_not_used(tmp_path: Path) -> None:
    checkpoint(tmp_path, "one").save(STATE)

    assert checkpoint(tmp_path, "other").load(CPU) is None


def test_later_state_replaces_the_earlier_one(tmp_path: Path) -> None:
    checkpoint(tmp_path).save(STATE)
    checkpoint(tmp_path).save({**STATE, "step": 9})

    state = checkpoint(tmp_path).load(CPU)

    assert state is not None
    assert state["step"] == 9


def test_the_last_two_states_are_kept(tmp_path: Path) -> None:
    file = checkpoint(tmp_path)
    for step in (7, 8, 9):
        file.save({**STATE, "step": step})

    assert set((tmp_path / "checkpoints").iterdir()) == {file.path, file.before}
    file.path.unlink()  # a crash between the two renames
    state = file.load(CPU)
    assert state is not None
    assert state["step"] == 8


def flip(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0x10]) + content[position + 1 :]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.8, 0.999])
@pytest.mark.parametrize("how", ["flipped", "cut"])
def test_a_damaged_file_is_set_aside_and_the_one_before_it_counts(
    tmp_path: Path, share: float, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file = checkpoint(tmp_path)
    file.save(STATE)
    file.save({**STATE, "step": 9})
    whole = file.path.read_bytes()
    position = int(share * len(whole))
    file.path.write_bytes(flip(whole, position) if how == "flipped" else whole[:position])

    state = file.load(CPU)

    assert state is not None
    assert state["step"] == 7
    assert f"{file.path} is damaged" in capfd.readouterr().err
    assert not file.path.exists()
    assert file.path.with_suffix(".damaged").exists()


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    file = checkpoint(tmp_path)
    file.save({"step": 7})
    whole = file.path.read_bytes()

    for position in range(0, len(whole), 7):
        file.path.write_bytes(flip(whole, position))
        assert file.load(CPU) is None, position


def test_where_both_are_damaged_there_is_none(tmp_path: Path) -> None:
    file = checkpoint(tmp_path)
    for path in (file.path, file.before):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"neither whole nor ours")

    assert file.load(CPU) is None
    assert file.load(CPU) is None


def test_failure_to_write_leaves_the_earlier_state(tmp_path: Path) -> None:
    checkpoint(tmp_path).save(STATE)

    with pytest.raises(UnwritableError):
        checkpoint(tmp_path).save({"step": Unwritable()})

    state = checkpoint(tmp_path).load(CPU)
    assert state is not None
    assert state["step"] == 7


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file"])
def test_leftover_of_a_killed_process_does_no_harm(tmp_path: Path, content: bytes) -> None:
    file = checkpoint(tmp_path)
    file.save(STATE)
    leftover = file.path.with_suffix(".unfinished")
    leftover.write_bytes(content)

    before = file.load(CPU)
    file.save({**STATE, "step": 9})
    after = file.load(CPU)

    assert before is not None
    assert before["step"] == 7
    assert after is not None
    assert after["step"] == 9
    assert not leftover.exists()


@pytest.mark.skipif(not FULL_DISK.exists(), reason="needs a device that is always full")
def test_full_disk_is_said_to_be_one_and_leaves_the_earlier_state(tmp_path: Path) -> None:
    file = checkpoint(tmp_path)
    file.save(STATE)
    file.path.with_suffix(".unfinished").symlink_to(FULL_DISK)

    with pytest.raises(OSError, match="No space left") as caught:
        file.save({**STATE, "weights": torch.zeros(100_000)})

    state = file.load(CPU)
    assert caught.value.errno == errno.ENOSPC
    assert state is not None
    assert state["step"] == 7


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(PermissionError):
        checkpoint(tmp_path).save(STATE)


def test_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").touch()

    with pytest.raises(OSError, match="checkpoints"):
        checkpoint(tmp_path).save(STATE)


def test_removing_takes_all_of_an_experiment_and_the_folder(tmp_path: Path) -> None:
    checkpoint(tmp_path, "old").save(STATE)
    checkpoint(tmp_path, "new").save(STATE)
    for name in ("x.unfinished", "x.damaged"):
        (tmp_path / "checkpoints" / name).touch()

    checkpoint(tmp_path, "new").remove()

    assert list(tmp_path.iterdir()) == []


def test_removing_leaves_what_is_not_ours(tmp_path: Path) -> None:
    checkpoint(tmp_path).save(STATE)
    (tmp_path / "checkpoints" / "notes.txt").touch()

    checkpoint(tmp_path).remove()

    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["notes.txt"]


def test_removing_nothing_is_fine(tmp_path: Path) -> None:
    checkpoint(tmp_path).remove()

    assert list(tmp_path.iterdir()) == []


def test_an_experiment_is_trained_by_one_process_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.training.checkpoints._PATIENCE", 0.05)
    with (
        checkpoint(tmp_path, "one").owned(),
        pytest.raises(BusyTrainingError, match="another process is training checkpoints"),
        checkpoint(tmp_path, "other").owned(),
    ):
        raise RuntimeError("two processes own it")

    with checkpoint(tmp_path, "other").owned():
        pass  # once the first is done


def test_the_digest_of_code_follows_every_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package").mkdir()
    for name in ("__init__", "one", "other"):
        (tmp_path / "package" / f"{name}.py").write_text("def act() -> None: ...\n")
    (tmp_path / "alone.py").write_text("class Network: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    package, alone = import_module("package"), import_module("alone")
    one = import_module("package.one")

    def edited(path: str, *used: Any) -> bool:
        before = digest_of_code(*used)
        with (tmp_path / path).open("a") as file:
            file.write("# edited\n")
        return digest_of_code(*used) != before

    assert edited("package/other.py", package)
    assert edited("alone.py", alone.Network)
    assert edited("package/one.py", one.act)
    assert not edited("package/other.py", one, alone)
