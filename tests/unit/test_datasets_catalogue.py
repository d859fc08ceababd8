import csv
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.catalogue import PublishedFile, list_catalogues, read_catalogue
from pipeline.images.raw_images import DatasetError
from tests.unit.image_sets import CATALOGUES, describe

SETS = list_catalogues(CATALOGUES)
SHA = "0" * 64


def test_every_folder_is_a_catalogue() -> None:
    assert {path.name for path in CATALOGUES.iterdir()} == set(SETS)


@pytest.mark.parametrize("name", SETS)
def test_shipped_catalogue_is_well_formed(name: str) -> None:
    catalogue = read_catalogue(CATALOGUES / name)

    assert list(catalogue.entries) == sorted(catalogue.entries)
    assert len({file.in_mirror for file in catalogue.files}) == len(catalogue.files) > 0
    assert (catalogue.images is None) == (catalogue.content == "arrays")
    assert catalogue.terms
    assert {one.role for archive in catalogue.archives for one in archive.members} <= {
        "clean",
        "degraded",
    }


@pytest.mark.parametrize("name", SETS)
def test_files_come_over_https_or_with_a_known_size(name: str) -> None:
    for file in read_catalogue(CATALOGUES / name).files:
        plain = [url for url in file.urls if url.startswith("http://")]

        assert not plain or plain != list(file.urls) or file.size, file


def test_files_of_repositories_are_pinned() -> None:
    urls = [
        url
        for name in SETS
        for file in read_catalogue(CATALOGUES / name).files
        for url in file.urls
        if "github" in url
    ]

    assert len(urls) > 1000
    assert [url for url in urls if not re.search("/[0-9a-f]{40}/", url)] == []


def test_sets_that_share_a_file_say_the_same_of_it() -> None:
    said: dict[str, set[PublishedFile]] = {}
    for name in SETS:
        for file in read_catalogue(CATALOGUES / name).files:
            said.setdefault(file.in_mirror, set()).add(file)

    assert {place: files for place, files in said.items() if len(files) > 1} == {}


def test_images_left_out_are_those_that_are_tested_on() -> None:
    tested = {entry.image for entry in read_catalogue(CATALOGUES / "cbsd68").entries}

    trained = read_catalogue(CATALOGUES / "bsds500_432")

    assert trained.exclude == tested
    assert trained.images == 500 - len(tested)


def test_non_commercial_sets_must_be_accepted() -> None:
    must_accept = {name for name in SETS if read_catalogue(CATALOGUES / name).must_accept}

    assert must_accept == {"polyu_crops", "cc15", "div2k_train", "div2k_valid"}


@pytest.mark.parametrize(
    ("pattern", "member", "image"),
    [
        (
            "sidd_small",
            "SIDD_Small_sRGB_Only/Data/0001_001_S6_N/GT_SRGB_010.PNG",
            "0001_001_S6_N__010",
        ),
        (
            "sidd_medium",
            "SIDD_Medium_Srgb/Data/0001_001_S6_N/0001_GT_SRGB_011.PNG",
            "0001_001_S6_N__011",
        ),
        ("div2k_train", "DIV2K_train_HR/0001.png", "0001"),
        ("bsds500_test", "BSR/BSDS500/data/images/test/100007.jpg", "100007"),
        ("general100", "General-100/im_1.bmp", "im_1"),
    ],
)
def test_members_of_archives_become_images(pattern: str, member: str, image: str) -> None:
    (archive,) = read_catalogue(CATALOGUES / pattern).archives

    matches = [(re.fullmatch(one.pattern, member), one) for one in archive.members]

    assert [match.expand(one.image) for match, one in matches if match] == [image]


def test_other_members_of_an_archive_stay_out() -> None:
    (archive,) = read_catalogue(CATALOGUES / "bsds500").archives

    for member in ("BSR/BSDS500/data/images/test/Thumbs.db", "BSR/bench/data/images/1.jpg"):
        assert re.fullmatch(archive.members[0].pattern, member) is None


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (f"a,cleen,a.png,1,{SHA}", "line 2: role: expected one of clean, degraded"),
        (f"a,array,a.png,1,{SHA}", "line 2: role: expected one of clean, degraded"),
        (f"a,clean,a.png,many,{SHA}", "line 2: bytes: expected a number or nothing, came 'many'"),
        ("a,clean,a.png,1,abc", "line 2: sha256: expected 64"),
        (f"a,clean,../a.png,1,{SHA}", "line 2: file: expected a path inside"),
        (f"a,clean,/a.png,1,{SHA}", "line 2: file: expected a path inside"),
        (f"../a,clean,a.png,1,{SHA}", "line 2: image: expected a name without folders"),
        ("a,clean,a.png", "line 2: expected 5 values, came 3"),
        (f"a,degraded,a.png,1,{SHA}", "a is degraded, but has no clean partner"),
        (f"a,clean,a.png,1,{SHA}\na,degraded,b.png,1,{SHA}", "content = 'images'"),
        (f"a,clean,a.png,1,{SHA}\na,clean,b.png,1,{SHA}", "a has 2 rows as clean"),
    ],
)
def test_wrong_row_of_a_catalogue_is_named(tmp_path: Path, row: str, fault: str) -> None:
    describe(tmp_path)
    (tmp_path / "files.csv").write_text(f"image,role,file,bytes,sha256\n{row}\n")

    with pytest.raises(DatasetError, match=fault):
        read_catalogue(tmp_path)


def test_clean_image_of_pairs_needs_its_partner(tmp_path: Path) -> None:
    describe(tmp_path, content="pairs")
    (tmp_path / "files.csv").write_text(f"image,role,file,bytes,sha256\na,clean,a.png,1,{SHA}\n")

    with pytest.raises(DatasetError, match="a is clean, but has no degraded partner"):
        read_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "No such file"),
        ("", "column.* are missing"),
        ("image,role,file,bytes\n", "sha256 are missing"),
        ("image,role,file,bytes,sha256\n", "lists no file"),
    ],
)
def test_file_that_is_no_list_is_named(tmp_path: Path, text: str | None, fault: str) -> None:
    describe(tmp_path)
    if text is not None:
        (tmp_path / "files.csv").write_text(text)

    with pytest.raises(DatasetError, match=rf"files\.csv: expected a list of files, but .*{fault}"):
        read_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"title": ""}, "title: String should have at least 1 character"),
        ({"tirms": "free"}, "tirms: Extra inputs are not permitted"),
        ({"content": "films"}, "content: Input should be 'images'"),
        ({"layout": "cifar_sheets"}, ": Value error, expected both 'layout' and 'classes'"),
        ({"classes": ["a"]}, ": Value error, expected both 'layout' and 'classes'"),
        (
            {"layout": "cifar_sheets", "classes": ["a", "b", "a"]},
            ": Value error, classes: expected each name once, came a again",
        ),
        ({"archives": [{"file": "../a.zip", "urls": []}]}, r"archives\.0\.file: String should"),
    ],
)
def test_fault_in_a_description_is_named(
    tmp_path: Path, change: dict[str, Any], fault: str
) -> None:
    describe(tmp_path, **change)

    with pytest.raises(DatasetError, match=rf"set\.toml: unusable description:\n  {fault}"):
        read_catalogue(tmp_path)


@pytest.mark.parametrize("text", [None, "title = ", f"title = {'[' * 10_000}"])
def test_folder_without_a_description_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "set.toml").write_text(text)

    with pytest.raises(DatasetError, match=r"set\.toml: expected the description of a published"):
        read_catalogue(tmp_path)


def test_catalogues_list_what_the_manifest_of_the_files_lists(real_data: Path) -> None:
    manifest = {}
    with (real_data / "MANIFEST.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            manifest[row["relative_path"]] = (int(row["bytes"]), row["sha256"])
    at_hand = {place.split("/")[0] for place in manifest}

    listed = {
        file.in_mirror: (file.size, file.sha256)
        for name in SETS
        for file in read_catalogue(CATALOGUES / name).files
        if file.folder in at_hand and file.sha256
    }

    assert listed == manifest


def test_files_at_hand_are_the_catalogued_ones(real_data: Path) -> None:
    for name in SETS:
        for file in read_catalogue(CATALOGUES / name).files:
            path = real_data / file.in_mirror
            if path.is_file():
                assert path.stat().st_size == file.size
                assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
