import os
from pathlib import Path

import pytest

from pipeline.running.outputs import new_file, new_folder


class BrokenWorkError(Exception):
    pass


def half_a_folder(out: Path, error: type[BaseException]) -> None:
    with new_folder(out) as folder:
        (folder / "result").write_text("half of it")
        raise error


def half_a_file(out: Path, error: type[BaseException]) -> None:
    with new_file(out) as file:
        file.write_text("half of it")
        raise error


def test_folder_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "data" / "out"

    with new_folder(out) as folder:
        (folder / "result").write_text("new")
        identity = folder.stat().st_ino
        assert not out.exists()

    assert out.stat().st_ino == identity  # moved in one go, not copied
    assert (out / "result").read_text() == "new"
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_new_folder_replaces_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")

    with new_folder(out) as folder:
        assert list(folder.iterdir()) == []
        (folder / "result").write_text("new")

    assert [path.name for path in out.iterdir()] == ["result"]


@pytest.mark.parametrize("error", [BrokenWorkError, KeyboardInterrupt])
def test_failure_leaves_the_old_folder(tmp_path: Path, error: type[BaseException]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")

    with pytest.raises(error):
        half_a_folder(out, error)

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "old").read_text() == "old"


def test_folder_has_the_rights_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()

    with new_folder(tmp_path / "out") as folder:
        (folder / "result").touch()

    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_a_killed_run_left_is_not_used(tmp_path: Path) -> None:
    killed = new_folder(tmp_path / "out")
    (killed.__enter__() / "half").touch()

    with new_folder(tmp_path / "out") as folder:
        (folder / "whole").touch()

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "data" / "out.csv"

    with new_file(out) as file:
        file.write_text("new")
        assert not out.exists()

    assert out.read_text() == "new"
    assert [path.name for path in out.parent.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("error", [BrokenWorkError, KeyboardInterrupt])
def test_failure_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")

    with pytest.raises(error):
        half_a_file(out, error)

    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert out.read_text() == "old"


def test_failure_leaves_nothing_where_nothing_was(tmp_path: Path) -> None:
    with pytest.raises(BrokenWorkError):
        half_a_folder(tmp_path / "folder", BrokenWorkError)
    with pytest.raises(BrokenWorkError):
        half_a_file(tmp_path / "file", BrokenWorkError)

    assert list(tmp_path.iterdir()) == []


def test_the_disk_holds_an_output_before_it_gets_its_name_and_then_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[tuple[str, bool]] = []
    names: dict[int, str] = {}

    def fsync(descriptor: int) -> None:
        held.append((names[os.fstat(descriptor).st_ino], (tmp_path / "out").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    names[tmp_path.stat().st_ino] = "the folder above"

    with new_folder(tmp_path / "out") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "result").write_text("new")
        paths = [folder, *folder.rglob("*")]
        names |= {path.stat().st_ino: path.name for path in paths}

    first = [name for name, there in held if not there]
    assert first == ["result", "inner", ".out.unfinished"]
    assert held[-1] == ("the folder above", True)


def test_a_file_that_the_disk_does_not_take_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "out").write_text("old")

    with pytest.raises(OSError, match="No space"), new_file(tmp_path / "out") as file:
        file.write_text("new")

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text() == "old"
