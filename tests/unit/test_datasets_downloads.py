import hashlib
from typing import Any

import pytest

from pipeline.datasets.obtaining import UnreachableError
from pipeline.images.raw_images import DatasetError, list_images
from tests.unit.image_sets import FilesSet, content
from tests.unit.web_server import NOBODY, Answer


def test_files_are_downloaded_from_their_urls(files_set: FilesSet, serve: Any) -> None:
    server = serve(files_set.web())

    files_set.fetch(f"{server.url}/base/")

    assert files_set.is_complete()
    assert [image.name for image in list_images(files_set.out)] == ["one", "two"]


def test_second_fetch_asks_nobody(files_set: FilesSet, serve: Any) -> None:
    server = serve(files_set.web())
    files_set.fetch(f"{server.url}/base")
    first, asked = content(files_set.out), len(server.asked)

    files_set.fetch(f"{server.url}/base")

    assert len(server.asked) == asked == 2
    assert content(files_set.out) == first


def test_interrupted_download_goes_on_where_it_was(files_set: FilesSet, serve: Any) -> None:
    partly = serve({"/base/some%20where/one.png": files_set.one})
    with pytest.raises(DatasetError, match=r"two\.png"):
        files_set.fetch(f"{partly.url}/base")
    server = serve(files_set.web())

    files_set.fetch(f"{server.url}/base")

    assert server.asked == ["/base/some%20where/sub%20%232/two.png"]
    assert files_set.is_complete()


def test_damaged_download_is_downloaded_again(files_set: FilesSet, serve: Any) -> None:
    server = serve(files_set.web())
    files_set.fetch(f"{server.url}/base")
    for path in files_set.downloads.iterdir():
        path.write_bytes(path.read_bytes()[:-1])

    files_set.fetch(f"{server.url}/base")

    assert len(server.asked) == 4
    assert files_set.is_complete()


def test_web_page_instead_of_a_file_is_told_apart(files_set: FilesSet, serve: Any) -> None:
    page = b"\n<!DOCTYPE html><html>Please log in</html>"
    server = serve(files_set.web() | {"/base/some%20where/one.png": page})

    with pytest.raises(DatasetError) as failure:
        files_set.fetch(f"{server.url}/base", retry_after=(60,))

    assert "answered with something else" in str(failure.value)
    assert f"came {len(page)} bytes (an HTML page)" in str(failure.value)
    assert hashlib.sha256(page).hexdigest() in str(failure.value)
    assert hashlib.sha256(page).hexdigest() not in str(content(files_set.downloads))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"MZ\x90", r"starting with b'MZ\\x90'"),
    ],
)
def test_answer_of_another_kind_is_named(
    files_set: FilesSet, serve: Any, body: bytes, kind: str
) -> None:
    server = serve(files_set.web() | {"/base/some%20where/one.png": body})

    with pytest.raises(DatasetError, match=kind):
        files_set.fetch(f"{server.url}/base")


def test_truncated_answer_is_asked_for_again(files_set: FilesSet, serve: Any) -> None:
    whole: Answer = (200, {}, files_set.one)
    cut = (200, {"Content-Length": str(len(files_set.one))}, files_set.one[:50])
    server = serve(files_set.web() | {"/base/some%20where/one.png": [cut, whole]})

    files_set.fetch(f"{server.url}/base", retry_after=(0.01,))

    assert server.asked.count("/base/some%20where/one.png") == 2
    assert files_set.is_complete()


def test_busy_server_is_asked_again(files_set: FilesSet, serve: Any) -> None:
    busy: list[Answer] = [(503, {}, b""), (429, {}, b""), (200, {}, files_set.one)]
    server = serve(files_set.web() | {"/base/some%20where/one.png": busy})

    files_set.fetch(f"{server.url}/base", retry_after=(0.01, 0.01))

    assert files_set.is_complete()


def test_server_that_stays_busy_is_named(files_set: FilesSet, serve: Any) -> None:
    busy: list[Answer] = [(503, {}, b"")]
    server = serve(files_set.web() | {"/base/some%20where/one.png": busy})

    with pytest.raises(DatasetError, match=r"one\.png: answered 503"):
        files_set.fetch(f"{server.url}/base", retry_after=(0.01, 0.01))

    assert server.asked.count("/base/some%20where/one.png") == 3


def test_missing_network_is_named_and_may_pass(files_set: FilesSet) -> None:
    with pytest.raises(UnreachableError, match=f"{NOBODY}/some%20where.* the connection failed"):
        files_set.fetch(NOBODY)


@pytest.mark.parametrize(("status", "passes"), [(503, True), (429, True), (404, False)])
def test_only_an_answer_that_may_be_another_one_later_may_pass(
    files_set: FilesSet, serve: Any, status: int, passes: bool
) -> None:
    server = serve({path: [(status, {}, b"")] for path in files_set.web()})

    with pytest.raises(DatasetError) as caught:
        files_set.fetch(f"{server.url}/base")

    assert isinstance(caught.value, UnreachableError) == passes
