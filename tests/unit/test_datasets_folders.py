import logging
from pathlib import Path

import pytest

from pipeline.datasets.files_below import files_below
from pipeline.datasets.importing import look_at
from pipeline.images.raw_images import DatasetError, list_images
from tests.unit.image_sets import (
    assert_nothing_written,
    content,
    fetch_folder,
    fetch_pairs,
    write_image,
)


def test_images_of_a_folder_and_its_subfolders_are_copied_as_they_are(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    first = write_image(source / "b.PNG")
    second = write_image(source / "trip" / "day 1" / "a.jpeg")

    out = fetch_folder(source, tmp_path / "out")

    files = content(out)
    assert set(files) == {"images.csv", "clean/b.png", "clean/trip__day 1__a.jpeg"}
    assert files["clean/b.png"] == first.read_bytes()
    assert files["clean/trip__day 1__a.jpeg"] == second.read_bytes()
    assert [image.name for image in list_images(out)] == ["b", "trip__day 1__a"]


def test_linked_folders_are_refused_since_dvc_does_not_watch_them(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    write_image(source / "a.png")
    write_image(tmp_path / "elsewhere" / "deep" / "b.png")
    (source / "linked").symlink_to(tmp_path / "elsewhere")
    (source / "self").symlink_to(source)

    with pytest.raises(DatasetError, match="1 linked folder") as refused:
        fetch_folder(source, tmp_path / "out")

    assert str(source / "linked") in str(refused.value)


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    write_image(tmp_path / "elsewhere" / "deep" / "b.png")
    (tmp_path / "mine").mkdir()
    for name in ("one", "two"):
        (tmp_path / "mine" / name).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "deep" / "up").symlink_to(tmp_path / "elsewhere")

    found = files_below(tmp_path / "mine", lambda _: None)

    assert found == [tmp_path / "mine" / name / "deep/b.png" for name in ("one", "two")]


def test_a_folder_that_is_itself_a_link_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "mine").symlink_to(tmp_path / "elsewhere")

    out = fetch_folder(tmp_path / "mine", tmp_path / "out")

    assert [image.name for image in list_images(out)] == ["b"]


def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    faults: list[OSError] = []

    found = files_below(tmp_path / "gone", faults.append)

    assert found == []
    assert [fault.filename for fault in faults] == [str(tmp_path / "gone")]


def test_other_files_stay_out_and_are_counted_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_image(tmp_path / "mine" / "a.png")
    for name in ("notes.txt", "more.txt", "LICENCE", ".hidden.png", ".cache/b.png", "s/._a.png"):
        (tmp_path / "mine" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "mine" / name).write_text("words")
    with caplog.at_level(logging.INFO):
        out = fetch_folder(tmp_path / "mine", tmp_path / "out")

    assert set(content(out)) == {"images.csv", "clean/a.png"}
    assert (
        "3 other file(s) (.txt 2, without ending 1) are not images and stay out: LICENCE, "
        "more.txt, notes.txt"
    ) in caplog.text
    assert "3 hidden file(s) or folder(s) stay out: .cache, .hidden.png, s/._a.png" in caplog.text
    assert "data set 'mine': 1 files" in caplog.text


def test_of_many_files_that_stay_out_the_first_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_image(tmp_path / "mine" / "a.png")
    for number in range(100):
        (tmp_path / "mine" / f"{number:03}.xmp").touch()
    (tmp_path / "mine" / "00\n.xmp").touch()

    look_at(tmp_path / "mine", "mine")

    assert "101 other file(s) (.xmp 101)" in caplog.text
    assert "stay out: '00\\n.xmp', 000.xmp, 001.xmp, 002.xmp, 003.xmp and 96 more" in caplog.text


def test_a_folder_of_images_alone_leaves_nothing_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_image(tmp_path / "mine" / "a.png")

    look_at(tmp_path / "mine", "mine")

    assert caplog.text == ""


@pytest.mark.parametrize(
    ("files", "came"), [([], "an empty folder"), (["a.txt"], r"1 other file\(s\) \(\.txt 1\)")]
)
def test_folder_without_images_is_refused(tmp_path: Path, files: list[str], came: str) -> None:
    (tmp_path / "mine").mkdir()
    for name in files:
        (tmp_path / "mine" / name).write_text("words")

    with pytest.raises(DatasetError, match=rf"no image in .*mine; expected .*\.png.*; came {came}"):
        fetch_folder(tmp_path / "mine", tmp_path / "out")

    assert_nothing_written(tmp_path / "out")


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected a folder of images at .*typo, there is none"):
        fetch_folder(tmp_path / "typo", tmp_path / "out")


def test_two_files_with_one_image_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp", "s/b.png", "s__b.png"):
        write_image(tmp_path / "mine" / name)

    with pytest.raises(DatasetError) as failure:
        fetch_folder(tmp_path / "mine", tmp_path / "out")

    assert "2 image name(s) that several files would have" in str(failure.value)
    for name in ("a.png", "a.bmp", "s/b.png", "s__b.png"):
        assert str(tmp_path / "mine" / name) in str(failure.value)


def test_file_name_with_a_line_break_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / "a\nb.png")

    with pytest.raises(DatasetError, match=r"cannot be listed:\n  'a\\nb'"):
        fetch_folder(tmp_path / "mine", tmp_path / "out")


def test_partners_are_found_by_name_whatever_their_format(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / "gt" / "a.png")
    write_image(tmp_path / "mine" / "noisy" / "a.jpg")
    write_image(tmp_path / "mine" / "gt" / "s" / "b.png")
    write_image(tmp_path / "mine" / "noisy" / "s" / "b.png")

    out = fetch_pairs(tmp_path / "mine", tmp_path / "out")

    images = list_images(out)
    assert [image.name for image in images] == ["a", "s__b"]
    assert [image.clean for image in images] == [out / "clean/a.png", out / "clean/s__b.png"]
    assert [image.degraded for image in images] == [
        out / "degraded/a.jpg",
        out / "degraded/s__b.png",
    ]


def test_all_images_without_a_partner_are_named(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    for name in ("gt/a.png", "noisy/a.png", "gt/b.png", "gt/c.png", "noisy/d.png"):
        write_image(source / name)

    with pytest.raises(DatasetError) as failure:
        fetch_pairs(source, tmp_path / "out")

    assert "3 image(s) without a partner" in str(failure.value)
    for name, other in (("gt/b.png", "noisy"), ("gt/c.png", "noisy"), ("noisy/d.png", "gt")):
        expected = f"{source / name}: no partner of this name in {source / other}"
        assert expected in str(failure.value)
    assert_nothing_written(tmp_path / "out")


def test_missing_folder_of_partners_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / "gt" / "a.png")

    with pytest.raises(DatasetError, match=r"expected a folder of images at .*mine/noisy"):
        fetch_pairs(tmp_path / "mine", tmp_path / "out")
