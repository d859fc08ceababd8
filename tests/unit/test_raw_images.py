from pathlib import Path

import pytest

from pipeline.images.raw_images import DatasetError, list_images
from tests.unit.image_sets import fetch_folder, write_image


def test_folder_that_was_not_downloaded_cannot_be_listed(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"images\.csv: expected a folder that the download"):
        list_images(tmp_path)


def test_lost_file_is_named_when_images_are_listed(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / "a.png")
    out = fetch_folder(tmp_path / "mine", tmp_path / "out")
    (out / "clean" / "a.png").unlink()

    with pytest.raises(DatasetError, match=r"clean/a\.png: listed in .*images\.csv, but"):
        list_images(out)
