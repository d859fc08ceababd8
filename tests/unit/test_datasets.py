import shutil
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline.datasets.fetching import FINDERS
from pipeline.images.raw_images import DatasetError, list_images
from pipeline.settings.params import Dataset
from tests.unit.image_sets import (
    FilesSet,
    assert_nothing_written,
    content,
    fetch_folder,
    fetch_pairs,
    write_image,
)
from tests.unit.web_server import NOBODY


def test_every_kind_of_the_schema_can_be_fetched() -> None:
    union = get_args(Dataset)[0]
    kinds = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(union)}

    assert set(FINDERS) == kinds


def test_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("c.png", "a.png", "sub/b.png"):
        write_image(tmp_path / "mine" / name)

    one = fetch_folder(tmp_path / "mine", tmp_path / "one")
    other = fetch_folder(tmp_path / "mine", tmp_path / "other")

    assert content(one) == content(other)


def test_folder_that_is_there_is_replaced(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / "a.png")
    out = fetch_folder(tmp_path / "mine", tmp_path / "out")
    (tmp_path / "mine" / "a.png").unlink()
    write_image(tmp_path / "mine" / "b.png")

    fetch_folder(tmp_path / "mine", out)

    assert set(content(out)) == {"images.csv", "clean/b.png"}


def test_failing_download_leaves_the_former_folder_alone(files_set: FilesSet, serve: Any) -> None:
    files_set.fetch(f"{serve(files_set.web()).url}/base")
    shutil.rmtree(files_set.downloads)

    with pytest.raises(DatasetError):
        files_set.fetch(NOBODY)

    assert files_set.is_complete()


def test_all_unusable_images_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_image(folder / "good.png")
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("words")
    whole = write_image(folder / "cut.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    write_image(folder / "print.jpg", mode="CMYK")
    write_image(folder / "glass.png", mode="RGBA")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")

    with pytest.raises(DatasetError) as failure:
        fetch_folder(folder, tmp_path / "out")

    assert "data set 'mine' has 6 unusable image(s)" in str(failure.value)
    for name in ("empty.png", "text.jpg", "cut.png", "print.jpg", "glass.png", "gone.png"):
        assert str(folder / name) in str(failure.value)
    assert "good.png" not in str(failure.value)
    assert_nothing_written(tmp_path / "out")


def test_catalogued_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    files_set = FilesSet(tmp_path)
    files = files_set.mirror / "pair"
    (files / "one.png").write_text("not an image at all")
    files_set.list([("first", "clean", "one.png")])

    with pytest.raises(DatasetError, match=r"(?s)'two' has 1 unusable.*'first'.*expected an image"):
        files_set.fetch(NOBODY, str(files_set.mirror))

    assert_nothing_written(files_set.out)


def test_all_partners_of_different_sizes_are_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_image(tmp_path / "mine" / "gt" / f"{name}.png", (24, 20))
        size = (24, 20) if name == "b" else (20, 24)
        write_image(tmp_path / "mine" / "noisy" / f"{name}.png", size)

    with pytest.raises(DatasetError) as failure:
        fetch_pairs(tmp_path / "mine", tmp_path / "out")

    assert "2 unusable image(s)" in str(failure.value)
    assert "image 'a': expected partners of one size, came clean 24x20" in str(failure.value)
    assert "image 'c'" in str(failure.value)
    assert "image 'b'" not in str(failure.value)


def test_catalogued_partners_must_have_the_same_size(tmp_path: Path) -> None:
    files_set = FilesSet(tmp_path)
    files = files_set.mirror / "pair"
    write_image(files / "noisy.png", (20, 24))
    rows = [("one", "clean", "one.png"), ("one", "degraded", "noisy.png")]
    files_set.list(rows)

    with pytest.raises(DatasetError, match="clean 24x20, degraded 20x24 pixels"):
        files_set.fetch(NOBODY, str(files_set.mirror))


def test_catalogued_partners_are_told_apart(tmp_path: Path) -> None:
    files_set = FilesSet(tmp_path)
    rows = [("x", "clean", "one.png"), ("x", "degraded", "sub #2/two.png")]
    files_set.list(rows)

    files_set.fetch(NOBODY, str(files_set.mirror))

    (image,) = list_images(files_set.out)
    assert image.name == "x"
    assert image.clean.read_bytes() == files_set.one
    assert image.degraded is not None
    assert image.degraded.read_bytes() == files_set.two
