"""Small files in a DVC remote of a kind that needs a folder before a file, such as SFTP."""

from pathlib import Path

import pytest
from dvc_objects.fs.local import LocalFileSystem

from pipeline.graph.engines.remote_store import RemoteStore


class OtherFileSystem(LocalFileSystem):
    """The files of this machine, as if another one had them."""

    protocol = "other"


@pytest.fixture
def store(tmp_path: Path) -> RemoteStore:
    files = OtherFileSystem()  # type: ignore[no-untyped-call]
    return RemoteStore(files, str(tmp_path / "remote"))


def test_a_remote_with_folders_is_fit(store: RemoteStore, tmp_path: Path) -> None:
    store.probe()

    assert not any((tmp_path / "remote/restore").iterdir())


def test_what_is_written_twice_is_there_once_and_whole(store: RemoteStore) -> None:
    for content in (b"half", b"all of it"):
        store.put("net/a.pt", content)

    assert store.get("net/a.pt") == b"all of it"
    assert store.list("net") == ["a.pt"]


def test_a_file_that_is_cut_off_leaves_the_one_before(store: RemoteStore, tmp_path: Path) -> None:
    store.put("net/a.pt", b"whole")

    with pytest.raises(FileNotFoundError):
        store.send(tmp_path / "nosuch", "net/a.pt")

    assert store.get("net/a.pt") == b"whole"


def test_a_folder_goes_with_its_files(store: RemoteStore, tmp_path: Path) -> None:
    store.put("net/a.pt", b"whole")
    store.put("other/b.pt", b"whole")

    store.remove("net")
    store.remove("net")

    assert [path.name for path in (tmp_path / "remote/restore").iterdir()] == ["other"]
