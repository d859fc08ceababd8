import io
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.images.files import read_image
from pipeline.images.raw_images import DatasetError, list_images
from tests.unit.image_sets import FilesSet, assert_nothing_written, content
from tests.unit.web_server import NOBODY, Answer

NAMES = {"one": "set/photos/one.png", "two": "set/photos/two.PNG"}
PHOTOS = {"role": "clean", "pattern": r"set/photos/([^/]+)\.(?:png|PNG)"}


class Archives:
    """A published set of two images in one archive, whose address says ``BASE_URL``."""

    def __init__(self, files_set: FilesSet) -> None:
        self.set = files_set
        self.images = {NAMES["one"]: files_set.one, NAMES["two"]: files_set.two}
        self.others = {"set/readme.txt": b"words", "set/photos/Thumbs.db": b"thumbs"}
        self.describe("two.zip")

    def describe(self, file: str, *, images: int = 2, **facts: Any) -> None:
        archive = {"file": file, "urls": [f"BASE_URL/{file}"], "members": [PHOTOS], **facts}
        self.set.describe(images=images, archives=[archive])

    def zipped(self) -> bytes:
        return zipped(self.images | self.others)

    def fetch(self, answers: dict[str, Any], serve: Any) -> Any:
        server = serve(answers)
        self.set.fetch(server.url)
        return server


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            archive.writestr(name, value)
    return stream.getvalue()


def tarred(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, value in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(value)
            archive.addfile(info, io.BytesIO(value))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return stream.getvalue()


@pytest.fixture
def archives(files_set: FilesSet) -> Archives:
    return Archives(files_set)


@pytest.mark.parametrize(("file", "pack"), [("two.zip", zipped), ("two.tgz", tarred)])
def test_wanted_members_become_the_images(
    archives: Archives, serve: Any, file: str, pack: Any
) -> None:
    archives.describe(file)

    archives.fetch({f"/{file}": pack(archives.images | archives.others)}, serve)

    assert archives.set.is_complete()
    assert [image.name for image in list_images(archives.set.out)] == ["one", "two"]
    assert list(archives.set.out.parent.iterdir()) == [archives.set.out]


def test_second_fetch_asks_nobody_for_an_archive(archives: Archives, serve: Any) -> None:
    archives.fetch({"/two.zip": archives.zipped()}, serve)
    first = content(archives.set.out)

    archives.set.fetch(NOBODY)

    assert content(archives.set.out) == first


def test_archive_comes_from_a_mirror(archives: Archives) -> None:
    (archives.set.mirror / "pair" / "two.zip").write_bytes(archives.zipped())

    archives.set.fetch(NOBODY, str(archives.set.mirror))

    assert archives.set.is_complete()


def test_pairs_of_an_archive_are_partners(archives: Archives, serve: Any) -> None:
    members = [
        {"role": "clean", "pattern": r"(\d+)/GT_(\d+)\.png", "image": r"\1__\2"},
        {"role": "degraded", "pattern": r"(\d+)/NOISY_(\d+)\.png", "image": r"\1__\2"},
    ]
    archive = {"file": "two.zip", "urls": ["BASE_URL/two.zip"], "members": members}
    archives.set.describe(content="pairs", images=1, archives=[archive])
    body = zipped({"01/GT_10.png": archives.set.one, "01/NOISY_10.png": archives.set.two})

    archives.fetch({"/two.zip": body}, serve)

    (image,) = list_images(archives.set.out)
    assert image.name == "01__10"
    assert image.clean.read_bytes() == archives.set.one
    assert image.degraded is not None
    assert image.degraded.read_bytes() == archives.set.two


def test_excluded_images_are_left_out(archives: Archives, serve: Any) -> None:
    archive = {"file": "two.zip", "urls": ["BASE_URL/two.zip"], "members": [PHOTOS]}
    archives.set.describe(images=1, exclude=["one"], archives=[archive])

    archives.fetch({"/two.zip": archives.zipped()}, serve)

    assert [image.name for image in list_images(archives.set.out)] == ["two"]


def test_missing_member_is_told(archives: Archives, serve: Any) -> None:
    del archives.images[NAMES["two"]]

    with pytest.raises(DatasetError, match=r"two\.zip holds:\n  expected 2 images, found 1"):
        archives.fetch({"/two.zip": archives.zipped()}, serve)

    assert_nothing_written(archives.set.out)


# ------------------------------------------------------------------------- bad archives


@pytest.mark.parametrize("known", [{}, {"bytes": 1}])
def test_web_page_instead_of_an_archive_is_told_apart(
    archives: Archives, serve: Any, known: dict[str, int]
) -> None:
    archives.describe("two.zip", **known)

    with pytest.raises(DatasetError, match=r"two\.zip(?s:.*)came \d+ bytes \(an HTML page\)"):
        archives.fetch({"/two.zip": b"<!DOCTYPE html><html>Accept?</html>"}, serve)

    assert_nothing_written(archives.set.out)
    assert not any(content(archives.set.downloads).values())


@pytest.mark.parametrize(("file", "pack"), [("two.zip", zipped), ("two.tgz", tarred)])
@pytest.mark.parametrize("part", [0.5, 0.98])
def test_truncated_archive_is_refused_and_not_recorded(
    archives: Archives, serve: Any, file: str, pack: Any, part: float
) -> None:
    archives.describe(file)
    body = pack(archives.images | archives.others)

    with pytest.raises(DatasetError, match="expected a whole ZIP or tar archive") as caught:
        archives.fetch({f"/{file}": body[: int(part * len(body))]}, serve)

    assert "method" not in str(caught.value)

    assert_nothing_written(archives.set.out)
    assert not (archives.set.downloads.parent / "checksums").exists()
    assert not any(content(archives.set.downloads).values())


def test_md5_is_held_against_an_archive(archives: Archives, serve: Any) -> None:
    archives.describe("two.zip", md5="0" * 32)

    with pytest.raises(DatasetError, match=r"expected md5 0{32}, came \d+ bytes \(a ZIP archive\)"):
        archives.fetch({"/two.zip": archives.zipped()}, serve)

    assert_nothing_written(archives.set.out)


@pytest.mark.parametrize("member", ["../../evil.png", "/evil.png", "set/../../evil.png"])
def test_no_member_leaves_the_folder(archives: Archives, serve: Any, member: str) -> None:
    anything = {"role": "clean", "pattern": r"(?:.*/)?([^/]+)\.(?:png|PNG)"}
    archives.describe("two.zip", images=3, members=[anything])
    archives.images[member] = archives.set.one

    archives.fetch({"/two.zip": archives.zipped()}, serve)

    inside = archives.set.out / "clean" / "evil.png"
    assert inside.read_bytes() == archives.set.one
    assert list(archives.set.out.parents[1].rglob("evil.png")) == [inside]
    assert not Path("/evil.png").exists()


@pytest.mark.parametrize("image", [r"../\1", r"sub/\1", r"\\\1", "..", "a\nb"])
def test_image_names_are_names(archives: Archives, serve: Any, image: str) -> None:
    archives.describe("two.zip", members=[PHOTOS | {"image": image}])

    with pytest.raises(DatasetError, match="cannot be the name of an image"):
        archives.fetch({"/two.zip": archives.zipped()}, serve)

    assert_nothing_written(archives.set.out)


def test_links_in_a_tar_archive_are_refused(archives: Archives, serve: Any) -> None:
    archives.describe("two.tgz")
    body = tarred({NAMES["one"]: archives.set.one}, links={NAMES["two"]: "/etc/hostname"})

    with pytest.raises(DatasetError, match=r"set/photos/two\.PNG is a link; expected a file"):
        archives.fetch({"/two.tgz": body}, serve)

    assert_nothing_written(archives.set.out)


def test_links_in_a_zip_archive_are_refused(archives: Archives, serve: Any) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo(NAMES["one"])
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/hostname")

    with pytest.raises(DatasetError, match=r"one\.png is a link"):
        archives.fetch({"/two.zip": stream.getvalue()}, serve)


@pytest.mark.parametrize(("file", "pack"), [("two.zip", zipped), ("two.tgz", tarred)])
def test_a_member_that_unpacks_to_any_size_is_refused(
    archives: Archives, serve: Any, file: str, pack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.datasets.archives._MOST_BYTES", 3 << 20)
    archives.describe(file)
    bomb = {**archives.images, NAMES["two"]: bytes(4 << 20)}

    with pytest.raises(DatasetError, match=r"two\.PNG: expected an image of 3 MiB at most"):
        archives.fetch({f"/{file}": pack(bomb)}, serve)

    assert_nothing_written(archives.set.out)


def test_two_members_with_one_image_name_are_refused(archives: Archives, serve: Any) -> None:
    anything = {"role": "clean", "pattern": r"(?:.*/)?([^/]+)\.(?:png|PNG)"}
    archives.describe("two.zip", members=[anything])
    archives.images["again/one.png"] = archives.set.one

    with pytest.raises(DatasetError, match=r"again/one\.png: the image 'one' came before"):
        archives.fetch({"/two.zip": archives.zipped()}, serve)

    assert_nothing_written(archives.set.out)


# ------------------------------------------------------------------ the rest of a file


CUT = 1 << 16
"""After so many bytes the connections of these tests break off."""


@pytest.fixture
def large(archives: Archives) -> bytes:
    """Return an archive that comes in several pieces."""
    archives.others["set/noise.bin"] = np.random.default_rng(0).bytes(3 * CUT)
    return zipped(archives.others | archives.images)


def cut(body: bytes, **headers: str) -> Answer:
    return (200, {"Content-Length": str(len(body)), **headers}, body[: CUT + 100])


def test_rest_of_a_broken_download_is_asked_for(
    archives: Archives, serve: Any, large: bytes
) -> None:
    answers = [cut(large, ETag='"v1"'), (206, {}, large[CUT:])]
    server = serve({"/two.zip": answers})

    archives.set.fetch(server.url, retry_after=(0.01,))

    assert archives.set.is_complete()
    first, second = (headers for _, headers in server.requests)
    assert "Range" not in first
    assert (second["Range"], second["If-Range"]) == ("bytes=65536-", '"v1"')


def test_rest_is_asked_for_by_a_later_run(archives: Archives, serve: Any, large: bytes) -> None:
    server = serve({"/two.zip": [cut(large, ETag='"v1"'), (206, {}, large[CUT:])]})
    with pytest.raises(DatasetError, match="the connection failed"):
        archives.set.fetch(server.url)

    archives.set.fetch(server.url)

    assert archives.set.is_complete()
    assert server.requests[1][1]["Range"] == "bytes=65536-"


def test_file_that_changed_at_the_server_is_fetched_as_a_whole(
    archives: Archives, serve: Any, large: bytes
) -> None:
    server = serve({"/two.zip": [cut(b"x" * len(large), ETag='"v1"'), (200, {}, large)]})

    archives.set.fetch(server.url, retry_after=(0.01,))

    assert archives.set.is_complete()


def test_server_that_names_no_version_is_asked_for_all(
    archives: Archives, serve: Any, large: bytes
) -> None:
    server = serve({"/two.zip": [cut(large), (200, {}, large)]})

    archives.set.fetch(server.url, retry_after=(0.01,))

    assert archives.set.is_complete()
    assert "Range" not in server.requests[1][1]


def test_server_without_a_rest_is_asked_for_all(
    archives: Archives, serve: Any, large: bytes
) -> None:
    answers = [cut(large, ETag='"v1"'), (416, {}, b""), (200, {}, large)]
    server = serve({"/two.zip": answers})

    archives.set.fetch(server.url, retry_after=(0.01, 0.01))

    assert archives.set.is_complete()


# -------------------------------------------------------------------- blocks in MATLAB


def test_blocks_of_a_matlab_file_become_images(
    archives: Archives, serve: Any, tmp_path: Path
) -> None:
    from scipy.io import savemat

    blocks = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 6, 3), dtype=np.uint8)
    savemat(tmp_path / "gt.mat", {"Gt": blocks, "Other": blocks[:1]})
    member = {"role": "clean", "pattern": "Gt", "image": r"\1__\2"}
    archives.describe("gt.mat", images=6, members=[member])

    archives.fetch({"/gt.mat": (tmp_path / "gt.mat").read_bytes()}, serve)

    images = list(list_images(archives.set.out))
    assert [image.name for image in images][:4] == ["0001__01", "0001__02", "0001__03", "0002__01"]
    restored = np.rint(read_image(images[4].clean) * 255).astype(np.uint8)
    assert np.array_equal(restored, blocks[1, 1])


def test_matlab_file_without_the_array_is_named(
    archives: Archives, serve: Any, tmp_path: Path
) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "gt.mat", {"Other": [1.0]})
    archives.describe("gt.mat", members=[{"role": "clean", "pattern": "Gt", "image": r"\1__\2"}])

    with pytest.raises(DatasetError, match=r"expected an array 'Gt' of 8-bit blocks.*came none"):
        archives.fetch({"/gt.mat": (tmp_path / "gt.mat").read_bytes()}, serve)
