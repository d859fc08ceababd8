import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.patches import PatchBank
from pipeline.arrays.pixels import from_8bit, to_8bit
from pipeline.images.files import read_image
from stages.extract import extract
from tests.stage.graph_data import bank, download_pairs, download_photos, extract_bank, photo


def test_images_can_be_put_together_again_from_their_patches(tmp_path: Path) -> None:
    raw = download_photos(tmp_path)

    patches = PatchBank(extract_bank(tmp_path, bank(size=16, stride=16), raw))

    for image in patches.images:
        clean = to_8bit(read_image(raw / "clean" / f"{image.name}.png"))
        np.testing.assert_array_equal(patches.clean_image(image), clean[:32, :48])


def test_what_no_patch_covers_is_stated(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path, bank(size=16, stride=16))

    with (patches / "images.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["patches"], first["rows_left"], first["columns_left"]) == ("6", "13", "4")


def test_the_index_says_where_each_patch_was_cut(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path, bank(size=16, stride=10))

    with (patches / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    clean = np.load(patches / "clean.npy")
    assert len(rows) == len(clean)
    row, column = int(rows[5]["row"]), int(rows[5]["column"])
    image = to_8bit(photo(0))
    np.testing.assert_array_equal(clean[5], image[row : row + 16, column : column + 16])


def test_each_scale_of_an_image_is_cut_too(tmp_path: Path) -> None:
    patches = PatchBank(extract_bank(tmp_path, bank(scales=(1.0, 0.5))))

    sizes = {image.name: (image.height, image.width) for image in patches.images}
    assert sizes["a"] == (45, 52)
    assert sizes["a@0.5"] == (23, 26)


def test_real_pairs_are_cut_at_the_same_places(tmp_path: Path) -> None:
    patches = PatchBank(extract_bank(tmp_path, raw=download_pairs(tmp_path)))

    assert patches.degraded is not None
    noisy, clean = np.asarray(patches.degraded), np.asarray(patches.clean)
    brighter = from_8bit(noisy) - from_8bit(clean)
    assert np.abs(brighter - 0.1).max() <= 1 / 255


def test_an_image_smaller_than_a_patch_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    raw = download_photos(tmp_path)

    with pytest.raises(ValueError, match=r"image 'a' has 45x52 pixels, smaller than a patch"):
        extract(bank=bank(size=48, stride=48), images=raw, out=tmp_path / "patches")

    assert not (tmp_path / "patches").exists()


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    raw = download_photos(tmp_path)

    for name in ("one", "two"):
        extract(bank=bank(), images=raw, out=tmp_path / name)

    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
