import hashlib
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets import fetch_dataset
from pipeline.datasets.mirror import MIRROR_VARIABLE
from pipeline.params import FilesDataset
from pipeline.raw_images import DatasetError, list_images
from tests.unit.image_sets import CATALOGUES, FilesSet, assert_nothing_written, real_mirror
from tests.unit.web_server import NOBODY


def test_failing_download_leaves_no_folder(files_set: FilesSet, serve: Any) -> None:
    server = serve({"/base/some%20where/one.png": files_set.one})

    with pytest.raises(DatasetError) as failure:
        files_set.fetch(f"{server.url}/base", retry_after=(60,))

    assert_nothing_written(files_set.out)
    digest = hashlib.sha256(files_set.two).hexdigest()
    for words in (
        "data set 'two': sub #2/two.png",
        f"{len(files_set.two)} bytes, sha256 {digest}",
        f"{server.url}/base/some%20where/sub%20%232/two.png: answered 404 Not Found",
        f"set {MIRROR_VARIABLE} to a folder or URL that holds pair/sub #2/two.png",
    ):
        assert words in str(failure.value)


def test_mirror_folder_is_used_without_network(files_set: FilesSet) -> None:
    files_set.fetch(NOBODY, str(files_set.mirror))

    assert files_set.is_complete()


def test_mirror_url_is_asked_first(files_set: FilesSet, serve: Any) -> None:
    mirror = serve({"/m/pair/one.png": files_set.one, "/m/pair/sub%20%232/two.png": files_set.two})

    files_set.fetch(NOBODY, f"{mirror.url}/m/")

    assert files_set.is_complete()


def test_files_that_a_mirror_url_lacks_come_from_their_own(files_set: FilesSet, serve: Any) -> None:
    mirror = serve({"/pair/one.png": files_set.one})
    server = serve(files_set.web())

    files_set.fetch(f"{server.url}/base", mirror.url)

    assert server.asked == ["/base/some%20where/sub%20%232/two.png"]
    assert files_set.is_complete()


def test_mirror_url_that_is_down_costs_no_waiting(files_set: FilesSet, serve: Any) -> None:
    server = serve(files_set.web())

    files_set.fetch(f"{server.url}/base", NOBODY, retry_after=(60,))

    assert files_set.is_complete()


def test_damaged_file_of_a_mirror_is_not_used(
    files_set: FilesSet, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(files_set.web())
    (files_set.mirror / "pair" / "one.png").write_bytes(files_set.one[:-1])

    files_set.fetch(f"{server.url}/base", str(files_set.mirror))

    assert server.asked == ["/base/some%20where/one.png"]
    assert files_set.is_complete()
    assert "pair/one.png is not used: expected" in caplog.text


def test_mirror_that_is_not_there_is_said(
    files_set: FilesSet, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    files_set.fetch(f"{serve(files_set.web()).url}/base", str(files_set.mirror / "typo"))

    assert files_set.is_complete()
    assert "typo is neither a folder nor a URL" in caplog.text


@pytest.mark.parametrize(("name", "images", "paired"), [("set5", 5, False), ("cc15", 15, True)])
def test_published_set_is_fetched_from_a_mirror(
    tmp_path: Path, name: str, images: int, paired: bool
) -> None:
    fetch_dataset(
        FilesDataset.model_construct(kind="files", source="", base_url=NOBODY, terms=""),
        name=name,
        source=CATALOGUES / f"{name}.csv",
        downloads=tmp_path / "downloads",
        mirror=str(real_mirror()),
        out=tmp_path / "out",
        retry_after=(),
    )

    listed = list_images(tmp_path / "out")
    assert len(listed) == images
    assert {image.degraded is not None for image in listed} == {paired}
