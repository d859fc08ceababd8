import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.catalogue import read_catalogue
from pipeline.datasets.fetching import fetch_dataset
from pipeline.datasets.mirror import MIRROR_VARIABLE
from pipeline.datasets.terms import ACCEPT_VARIABLE, accept
from pipeline.images.raw_images import DatasetError, list_images
from pipeline.settings.params import CatalogueDataset
from tests.unit.image_sets import (
    CATALOGUES,
    FilesSet,
    assert_nothing_written,
    content,
    describe,
    write_catalogue,
)
from tests.unit.web_server import NOBODY

ONE = [("one", "clean", "one.png")]


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


@pytest.mark.parametrize(
    ("name", "images", "paired"), [("set5", 5, False), ("cc15", 15, True), ("train291", 291, False)]
)
def test_published_set_is_fetched_from_a_mirror(
    tmp_path: Path,
    real_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    images: int,
    paired: bool,
) -> None:
    monkeypatch.setenv(ACCEPT_VARIABLE, "all")

    fetch_dataset(
        CatalogueDataset(kind="catalogue", source="catalogue"),
        name=name,
        source=CATALOGUES / name,
        downloads=tmp_path / "downloads",
        mirror=str(real_data),
        out=tmp_path / "out",
        retry_after=(),
    )

    listed = list_images(tmp_path / "out")
    assert len(listed) == images
    assert {image.degraded is not None for image in listed} == {paired}
    assert not (tmp_path / "downloads").exists()


def test_arrays_are_no_images(files_set: FilesSet) -> None:
    describe(files_set.catalogue, content="arrays", archives=[{"file": "a.zip", "urls": []}])

    with pytest.raises(DatasetError, match=r"'two': Two images is not made of images.*data fetch"):
        files_set.fetch(NOBODY)

    assert_nothing_written(files_set.out)


def test_file_for_browsers_only_is_named_with_its_page(files_set: FilesSet) -> None:
    archive = {"file": "a.zip", "urls": [], "members": [{"role": "clean", "pattern": "(.*)"}]}
    describe(files_set.catalogue, images=1, archives=[archive])

    with pytest.raises(DatasetError) as failure:
        files_set.fetch(NOBODY)

    assert "a.zip (size unknown) cannot be had" in str(failure.value)
    assert "is known; see https://images.example/two" in str(failure.value)
    assert "restore data import FOLDER --as pair" in str(failure.value)


# ----------------------------------------------------- checksums that nobody published


def test_first_download_records_what_nobody_published(files_set: FilesSet, serve: Any) -> None:
    files_set.list(ONE, checksums=False)
    server = serve(files_set.web())

    files_set.fetch(f"{server.url}/base")

    digest = hashlib.sha256(files_set.one).hexdigest()
    assert (files_set.downloads.parent / "checksums" / "pair.csv").read_text() == (
        f"file,bytes,sha256\none.png,{len(files_set.one)},{digest}\n"
    )


def test_later_downloads_must_match_the_recorded_one(files_set: FilesSet, serve: Any) -> None:
    files_set.list(ONE, checksums=False)
    files_set.fetch(f"{serve(files_set.web()).url}/base")
    shutil.rmtree(files_set.downloads)
    shutil.rmtree(files_set.out)
    changed = serve({"/base/some%20where/one.png": files_set.two})

    with pytest.raises(DatasetError, match=hashlib.sha256(files_set.one).hexdigest()) as caught:
        files_set.fetch(f"{changed.url}/base")

    (record,) = files_set.downloads.parent.glob("checksums/*.csv")
    assert str(record) in str(caught.value)
    assert_nothing_written(files_set.out)


def test_recorded_file_is_not_asked_for_again(files_set: FilesSet, serve: Any) -> None:
    files_set.list(ONE, checksums=False)
    files_set.fetch(f"{serve(files_set.web()).url}/base")

    files_set.fetch(NOBODY)

    assert content(files_set.out)["clean/one.png"] == files_set.one


def test_what_came_before_a_failure_is_known_next_time(files_set: FilesSet, serve: Any) -> None:
    both = [("one", "clean", "one.png"), ("two", "clean", "sub #2/two.png")]
    files_set.list(both, checksums=False)
    with pytest.raises(DatasetError, match=r"two\.png"):
        files_set.fetch(f"{serve({'/base/some%20where/one.png': files_set.one}).url}/base")
    server = serve(files_set.web())

    files_set.fetch(f"{server.url}/base")

    assert server.asked == ["/base/some%20where/sub%20%232/two.png"]
    assert files_set.is_complete()


def test_first_file_of_a_mirror_is_recorded_too(files_set: FilesSet) -> None:
    files_set.list(ONE, checksums=False)
    files_set.fetch(NOBODY, str(files_set.mirror))
    (files_set.files / "one.png").write_bytes(files_set.two)

    with pytest.raises(DatasetError, match=f"{len(files_set.one)} bytes with sha256"):
        files_set.fetch(NOBODY, str(files_set.mirror))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"<!DOCTYPE html><html>Please log in</html>", r"an HTML page"),
        (b"GIF89a", r"expected a PNG image, came 6 bytes"),
        (b"\x89PNG\r\n\x1a\n and no more", r"something else"),
    ],
)
def test_answer_without_a_checksum_must_be_a_whole_image(
    files_set: FilesSet, serve: Any, body: bytes, fault: str
) -> None:
    files_set.list(ONE, checksums=False)
    server = serve({"/base/some%20where/one.png": body})

    with pytest.raises(DatasetError, match=fault):
        files_set.fetch(f"{server.url}/base")

    assert not (files_set.downloads.parent / "checksums").exists()
    assert not any(content(files_set.downloads).values())


def test_damaged_record_is_named(files_set: FilesSet) -> None:
    files_set.list(ONE, checksums=False)
    place = files_set.downloads.parent / "checksums" / "pair.csv"
    place.parent.mkdir()
    place.write_text("file,bytes,sha256\none.png,many,0\n")

    with pytest.raises(DatasetError, match=r"pair\.csv: expected checksums of earlier downloads"):
        files_set.fetch(NOBODY)


def test_two_runs_at_once_fetch_a_file_once(files_set: FilesSet, serve: Any) -> None:
    files_set.list(ONE, checksums=False)
    server = serve(files_set.web())
    catalogue = write_catalogue(
        files_set.catalogue, files_set.files, ONE, checksums=False, base_url=f"{server.url}/base"
    )

    def fetch(out: str) -> None:
        fetch_dataset(
            CatalogueDataset(kind="catalogue", source="pair"),
            name=out,
            source=catalogue,
            downloads=files_set.downloads,
            mirror=None,
            out=files_set.out.parent / out,
        )

    with ThreadPoolExecutor() as pool:
        list(pool.map(fetch, ["a", "b", "c", "d"]))

    assert server.asked == ["/base/some%20where/one.png"]


# ------------------------------------------------------------------------------- terms


def test_set_without_accepted_terms_is_not_asked_for(files_set: FilesSet, serve: Any) -> None:
    files_set.list(ONE, must_accept=True, terms="For poets only.")
    server = serve(files_set.web())

    with pytest.raises(DatasetError) as failure:
        files_set.fetch(f"{server.url}/base")

    for words in (
        "data set 'pair': its terms were not accepted",
        "Two images",
        "https://images.example/two",
        "Terms: For poets only.",
        "restore data fetch pair --accept-terms",
        "RESTORE_ACCEPT_TERMS=pair",
    ):
        assert words in str(failure.value)
    assert server.asked == []
    assert_nothing_written(files_set.out)


def test_mirror_needs_accepted_terms_too(files_set: FilesSet) -> None:
    files_set.list(ONE, must_accept=True)

    with pytest.raises(DatasetError, match="terms were not accepted"):
        files_set.fetch(NOBODY, str(files_set.mirror))


@pytest.mark.parametrize("value", ["pair", "other, pair", "all"])
def test_terms_are_accepted_by_the_environment(
    files_set: FilesSet, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    files_set.list(ONE, must_accept=True)
    monkeypatch.setenv(ACCEPT_VARIABLE, value)

    files_set.fetch(NOBODY, str(files_set.mirror))

    assert content(files_set.out)["clean/one.png"] == files_set.one


def test_acceptance_of_other_terms_does_not_count(files_set: FilesSet) -> None:
    files_set.list(ONE, must_accept=True, terms="For poets only.")
    accept(read_catalogue(files_set.catalogue), files_set.accepted_terms)
    files_set.fetch(NOBODY, str(files_set.mirror))
    files_set.list(ONE, must_accept=True, terms="For nobody.")

    with pytest.raises(DatasetError, match=r"not accepted(?s:.*)For nobody"):
        files_set.fetch(NOBODY, str(files_set.mirror))


def test_terms_are_shown_before_a_download(
    files_set: FilesSet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    with pytest.raises(DatasetError):
        files_set.fetch(NOBODY)

    assert "Terms: Free for all." in caplog.text
