from pathlib import Path

import pytest

from pipeline.datasets.catalogue import read_catalogue
from pipeline.images.raw_images import DatasetError, list_images
from tests.unit.image_sets import SKIMAGE, assert_nothing_written, describe, fetch_skimage


def test_photographs_of_scikit_image_need_no_network(tmp_path: Path) -> None:
    out = fetch_skimage(["coins", "camera"], tmp_path / "out")

    names = [(image.name, image.degraded) for image in list_images(out)]
    assert names == [("camera", None), ("coins", None)]


def test_every_catalogued_photograph_ships_with_scikit_image(tmp_path: Path) -> None:
    catalogue = read_catalogue(SKIMAGE).entries

    out = fetch_skimage([entry.image for entry in catalogue], tmp_path / "out")

    assert len(list_images(out)) == len(catalogue)


def test_unknown_photograph_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="astronout: the nearest known one is 'astronaut'"):
        fetch_skimage(["camera", "astronout"], tmp_path / "out")

    assert_nothing_written(tmp_path / "out")


def test_other_photograph_of_the_same_name_is_refused(tmp_path: Path) -> None:
    catalogue = describe(tmp_path / "skimage")
    rows = (SKIMAGE / "files.csv").read_text().splitlines()
    row = next(line for line in rows if line.startswith("camera,"))
    listed = f"image,role,file,bytes,sha256\n{row[:-64]}{'0' * 64}\n"
    (catalogue / "files.csv").write_text(listed)

    with pytest.raises(DatasetError, match=r"camera\.png.*expected 139512 bytes.*0{64}, came"):
        fetch_skimage(["camera"], tmp_path / "out", catalogue)
