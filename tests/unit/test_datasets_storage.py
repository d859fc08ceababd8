import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.storage import StorageError
from tests.small_disk import mount_small_disk
from tests.unit.image_sets import (
    FilesSet,
    assert_nothing_written,
    content,
    fetch_folder,
    write_image,
)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder that nobody may write to."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    return folder


def test_folder_without_permission_is_named(tmp_path: Path, locked: Path) -> None:
    write_image(tmp_path / "mine" / "a.png")

    with pytest.raises(StorageError, match=r"no permission to write .*locked"):
        fetch_folder(tmp_path / "mine", locked / "out")


@pytest.mark.parametrize("folder", [".", "downloads"])
def test_downloads_without_permission_are_named(
    files_set: FilesSet, serve: Any, locked: Path, folder: str
) -> None:
    files_set.downloads = locked / folder

    with pytest.raises(StorageError, match=r"to .*locked.*: no permission to write .*locked"):
        files_set.fetch(f"{serve(files_set.web()).url}/base")

    assert_nothing_written(files_set.out)


def test_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / "a.png")
    (tmp_path / "raw").write_text("words")

    with pytest.raises(StorageError, match=r"'mine' cannot be written to .*raw/out"):
        fetch_folder(tmp_path / "mine", tmp_path / "raw" / "out")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB with room for six files and folders."""
    with mount_small_disk(tmp_path / "disk", "size=64k,nr_inodes=7") as disk:
        yield disk


@pytest.mark.fault
def test_data_set_too_large_for_the_disk_is_named_with_its_size(
    tmp_path: Path, small_disk: Path
) -> None:
    large = write_image(tmp_path / "mine" / "a.bmp", (200, 200))

    with pytest.raises(StorageError) as failure:
        fetch_folder(tmp_path / "mine", small_disk / "out")

    needed = large.stat().st_size / 1e6
    assert f"the disk is full: {needed:.1f} MB needed, 0.1 MB free" in str(failure.value)
    assert_nothing_written(small_disk / "out")


@pytest.mark.fault
def test_disk_that_fills_up_while_writing_leaves_nothing_half_written(
    tmp_path: Path, small_disk: Path
) -> None:
    for number in range(10):
        write_image(tmp_path / "mine" / f"{number}.png", (4, 4))

    with pytest.raises(StorageError, match="the disk is full") as failure:
        fetch_folder(tmp_path / "mine", small_disk / "out")

    assert isinstance(failure.value.__cause__, OSError)
    assert failure.value.__cause__.errno == errno.ENOSPC
    assert_nothing_written(small_disk / "out")


@pytest.mark.fault
def test_disk_that_fills_up_while_downloading_is_named(
    files_set: FilesSet, serve: Any, small_disk: Path
) -> None:
    large = write_image(files_set.files / "one.png", (200, 200)).read_bytes()
    files_set.list([("one", "clean", "one.png")], checksums=False)
    files_set.downloads = small_disk / "downloads"
    server = serve({"/base/some%20where/one.png": large})

    with pytest.raises(StorageError, match=r"to .*/disk/downloads: the disk is full") as failure:
        files_set.fetch(f"{server.url}/base", retry_after=(60,))

    assert "0.1 MB free" in str(failure.value)
    assert not any(content(files_set.downloads).values())


@pytest.mark.fault
def test_files_that_would_not_fit_are_not_asked_for(
    files_set: FilesSet, serve: Any, small_disk: Path
) -> None:
    large = write_image(files_set.files / "one.png", (200, 200)).read_bytes()
    files_set.list([("one", "clean", "one.png")])
    files_set.downloads = small_disk / "downloads"
    server = serve({"/base/some%20where/one.png": large})

    with pytest.raises(StorageError, match=r"disk is full: 0\.1 MB needed, 0\.1 MB free"):
        files_set.fetch(f"{server.url}/base")

    assert server.asked == []
