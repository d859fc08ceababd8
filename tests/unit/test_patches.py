import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.arrays.patches import Grid, PatchBank, cut, grid_on, join, write_bank
from pipeline.arrays.pixels import Bytes
from pipeline.arrays.shards import ShardedArray

GRIDS = [
    Grid(16, 16, 8, 8),
    Grid(17, 23, 8, 8),
    Grid(21, 37, 8, 3),
    Grid(9, 30, 9, 7),
    Grid(31, 8, 8, 1),
    Grid(5, 5, 5, 5),
    Grid(40, 41, 7, 5),
]
"""Whole and odd sizes, with and without overlap, and of a single patch."""


def photo(height: int, width: int, channels: int = 1, seed: int = 0) -> Bytes:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a bank of three odd images, patches of 8 with stride 5."""
    sizes = {"first": (23, 17), "second": (8, 8), "third": (30, 41)}
    images = [
        (name, photo(*size, 3, seed), None) for seed, (name, size) in enumerate(sizes.items())
    ]
    write_bank(tmp_path, images, size=8, stride=5)
    return tmp_path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# --------------------------------------------------------------------------- grid


@pytest.mark.parametrize("grid", GRIDS)
def test_patches_put_together_are_the_covered_part(grid: Grid) -> None:
    image = photo(grid.height, grid.width, 3)

    joined = join(cut(image, grid), grid)

    height, width = grid.covered
    assert np.array_equal(joined, image[:height, :width])


@pytest.mark.parametrize("stride", range(1, 8))
@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_patches_of_any_overlap_are_put_together(stride: int, dtype: type) -> None:
    for height, width in ((7, 7), (7, 29), (26, 7), (30, 31)):
        image: NDArray[np.float16] = photo(height, width, 2).astype(dtype)
        grid = Grid(height, width, 7, stride)

        joined = join(cut(image, grid), grid)

        assert joined.dtype == dtype
        assert np.array_equal(joined, image[: grid.covered[0], : grid.covered[1]])


@pytest.mark.parametrize("grid", GRIDS)
def test_every_covered_pixel_is_in_a_patch_and_no_other_is(grid: Grid) -> None:
    seen = np.zeros((grid.height, grid.width), bool)

    for row, column in grid:
        seen[row : row + grid.size, column : column + grid.size] = True

    height, width = grid.covered
    assert seen[:height, :width].all()
    assert seen.sum() == height * width


@pytest.mark.parametrize("grid", GRIDS)
def test_no_further_patch_would_fit(grid: Grid) -> None:
    height, width = grid.covered

    assert grid.height - height < grid.stride
    assert grid.width - width < grid.stride


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_patch_lies_where_the_grid_says(grid: Grid, dtype: type) -> None:
    image: NDArray[np.float32] = photo(grid.height, grid.width, 2).astype(dtype)

    patches = cut(image, grid)

    assert patches.dtype == dtype
    assert patches.flags.c_contiguous
    assert len(patches) == len(grid)
    for patch, (row, column) in zip(patches, grid, strict=True):
        assert np.array_equal(patch, image[row : row + grid.size, column : column + grid.size])


@pytest.mark.parametrize(("height", "width"), [(15, 24), (16, 23)])
def test_nothing_is_cut_from_beyond_an_image(height: int, width: int) -> None:
    grid = Grid(21, 24, 8, 8)

    assert len(cut(photo(16, 24), grid)) == len(grid)
    with pytest.raises(ValueError, match=r"expected an image of \(16, 24\) pixels or more"):
        cut(photo(height, width), grid)


@pytest.mark.parametrize(("height", "width"), [(39, 60), (60, 39), (1, 1)])
def test_image_smaller_than_a_patch_is_named(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=rf"'tiny' has {height}x{width} pixels, .* of 40x40"):
        grid_on(height, width, 40, 40, "tiny")


# --------------------------------------------------------------------------- bank


def test_images_are_put_together_from_the_bank(folder: Path) -> None:
    bank = PatchBank(folder)

    joined = [bank.clean_image(image) for image in bank.images]

    assert [image.name for image in bank.images] == ["first", "second", "third"]
    assert np.array_equal(joined[0], photo(23, 17, 3, seed=0)[:23, :13])
    assert np.array_equal(joined[1], photo(8, 8, 3, seed=1))
    assert np.array_equal(joined[2], photo(30, 41, 3, seed=2)[:28, :38])


def test_images_share_the_array_without_gaps(folder: Path) -> None:
    bank = PatchBank(folder)

    places = [place for image in bank.images for place in range(len(bank))[image.patches]]

    assert places == list(range(len(bank)))


def test_index_says_where_each_patch_was(folder: Path) -> None:
    photos = {
        "first": photo(23, 17, 3, 0),
        "second": photo(8, 8, 3, 1),
        "third": photo(30, 41, 3, 2),
    }

    index = table(folder / "index.csv")

    patches = np.load(folder / "clean.npy")
    assert len(index) == len(patches)
    for patch, entry in zip(patches, index, strict=True):
        row, column = int(entry["row"]), int(entry["column"])
        assert np.array_equal(patch, photos[entry["image"]][row : row + 8, column : column + 8])


def test_table_of_images_states_what_is_left_out(folder: Path) -> None:
    rows = table(folder / "images.csv")

    left = {row["image"]: (int(row["rows_left"]), int(row["columns_left"])) for row in rows}
    assert left == {"first": (0, 4), "second": (0, 0), "third": (2, 3)}
    assert [int(row["patches"]) for row in rows] == [4 * 2, 1, 5 * 7]


def test_bank_stays_on_disk_until_it_is_used(folder: Path) -> None:
    bank = PatchBank(folder)

    assert isinstance(bank.clean, np.memmap)
    assert bank.clean.dtype == np.uint8
    assert not bank.clean.flags.writeable
    assert np.array_equal(bank.clean, np.load(folder / "clean.npy"))


def test_same_images_give_the_same_files(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]

    for folder in folders:
        folder.mkdir()
        write_bank(folder, [("a", photo(20, 20), None)], size=8, stride=8)

    one, other = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
    assert one == other
    assert set(one) == {"clean.npy", "index.csv", "images.csv"}


def test_large_images_are_cut_piece_by_piece_into_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [
        ("a", photo(41, 33, 3), photo(41, 33, 3, 1)),
        ("b", photo(9, 70, 3), photo(9, 70, 3)),
    ]
    contents = []
    for buffer in (1, 2000, 10**9):
        monkeypatch.setattr("pipeline.arrays.patches._BUFFER", buffer)
        folder = tmp_path / str(buffer)
        folder.mkdir()
        write_bank(folder, written, size=8, stride=5)
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})

    assert contents[0] == contents[1] == contents[2]
    pieces = [cut(image, Grid(len(image), image.shape[1], 8, 5)) for _, image, _ in written]
    assert np.array_equal(np.load(tmp_path / "1" / "clean.npy"), np.concatenate(pieces))


@pytest.mark.parametrize("name", ["plain", "a,b", 'say "a"', "two words"])
def test_any_name_can_be_read_back_from_the_tables(tmp_path: Path, name: str) -> None:
    write_bank(tmp_path, [(name, photo(20, 20), None)], size=8, stride=8)

    places = [(row["image"], row["row"], row["column"]) for row in table(tmp_path / "index.csv")]
    assert places == [(name, r, c) for r in ("0", "8") for c in ("0", "8")]
    assert [row["image"] for row in table(tmp_path / "images.csv")] == [name]


def test_partners_are_cut_at_the_same_places(tmp_path: Path) -> None:
    clean = photo(20, 27) // 2
    write_bank(tmp_path, [("a", clean, clean + 100), ("b", clean, clean + 60)], size=8, stride=5)

    bank = PatchBank(tmp_path)

    assert bank.degraded is not None
    added = np.asarray(bank.degraded) - np.asarray(bank.clean)
    assert (added[: len(bank) // 2] == 100).all()
    assert (added[len(bank) // 2 :] == 60).all()


def test_a_large_bank_has_the_same_patches_and_images_in_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [("a", photo(41, 33), photo(41, 33, 1, 1)), ("b", photo(9, 70), photo(9, 70))]
    banks = []
    for bytes_each in (1 << 31, 3 * 64):
        monkeypatch.setattr("pipeline.arrays.shards.SHARD_BYTES", bytes_each)
        folder = tmp_path / str(bytes_each)
        folder.mkdir()
        write_bank(folder, written, size=8, stride=5)
        banks.append(PatchBank(folder))

    one, other = banks
    assert isinstance(one.clean, np.memmap)
    assert isinstance(other.clean, ShardedArray)
    assert one.degraded is not None
    assert other.degraded is not None
    assert len(one) == len(other)
    assert np.array_equal(one.clean[:], other.clean[:])
    assert np.array_equal(one.degraded[:], other.degraded[:])
    for image, same in zip(one.images, other.images, strict=True):
        assert image == same
        assert np.array_equal(one.clean_image(image), other.clean_image(image))
        assert np.array_equal(one.degraded_image(image), other.degraded_image(image))


def test_bank_without_partners_has_none(folder: Path) -> None:
    assert PatchBank(folder).degraded is None


# ---------------------------------------------------------------------------- errors


def test_small_image_of_a_set_is_named(tmp_path: Path) -> None:
    images = [("large", photo(20, 20), None), ("small", photo(7, 20), None)]

    with pytest.raises(ValueError, match="image 'small' has 7x20 pixels"):
        write_bank(tmp_path, images, size=8, stride=8)


def test_no_images_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one image"):
        write_bank(tmp_path, [], size=8, stride=8)


def test_partner_of_another_size_is_named(tmp_path: Path) -> None:
    images = [("a", photo(20, 20), photo(20, 20)), ("b", photo(20, 20), photo(20, 28))]

    with pytest.raises(ValueError, match=r"image 'b': .* came \(20, 28, 1\)"):
        write_bank(tmp_path, images, size=8, stride=8)


def test_partners_of_some_images_only_are_an_error(tmp_path: Path) -> None:
    images = [("a", photo(20, 20), photo(20, 20)), ("b", photo(20, 20), None)]

    with pytest.raises(ValueError, match="partners of all 2 images or of none, came 1"):
        write_bank(tmp_path, images, size=8, stride=8)
