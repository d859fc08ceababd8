from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.arrays import shards
from pipeline.arrays.shards import ShardedArray, ShardedFile, array_files, open_array

ROW = (3, 3, 2)
FEW = 4
"""Rows that fit into a file."""

ALL = np.random.default_rng(0).integers(0, 256, (11, *ROW), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", FEW * ALL[0].nbytes + 5)


def write(folder: Path, rows: NDArray[Any]) -> None:
    file = ShardedFile(folder, "clean", rows.shape[1:], rows.dtype)
    with file.writer() as one, file.writer() as other:
        one(5, rows[5:])
        other(0, rows[:3])
        other(3, rows[3:5])
    file.finish(len(rows))


def opened(folder: Path) -> ShardedArray:
    found = open_array(folder, "clean")
    assert isinstance(found, ShardedArray)
    return found


@pytest.mark.parametrize("count", [5, 8, 9, 11])
@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_a_large_array_is_the_same_rows_in_several_files(
    tmp_path: Path, count: int, dtype: type
) -> None:
    rows: NDArray[Any] = ALL[:count].astype(dtype)
    most = shards.SHARD_BYTES // rows[0].nbytes

    write(tmp_path, rows)

    files = array_files(tmp_path, "clean")
    total = -(-count // most)
    assert [file.name for file in files] == [
        f"clean-{number:05d}-of-{total:05d}.npy" for number in range(total)
    ]
    assert sorted(tmp_path.iterdir()) == files
    assert np.array_equal(np.concatenate([np.load(file) for file in files]), rows)
    array = opened(tmp_path)
    assert (array.shape, array.dtype, array.nbytes) == (rows.shape, rows.dtype, rows.nbytes)
    assert len(array) == count


@pytest.mark.parametrize("count", [0, 1, FEW])
def test_a_small_array_is_the_file_that_numpy_writes(tmp_path: Path, count: int) -> None:
    np.save(tmp_path / "whole.npy", ALL[:count])

    write(tmp_path, ALL[:count])

    assert array_files(tmp_path, "clean") == [tmp_path / "clean.npy"]
    assert (tmp_path / "clean.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert isinstance(open_array(tmp_path, "clean"), np.memmap)


def test_any_slice_is_that_of_the_whole_array(tmp_path: Path) -> None:
    write(tmp_path, ALL)
    array = opened(tmp_path)

    for begin in range(len(ALL) + 2):
        for end in range(len(ALL) + 2):
            assert np.array_equal(array[begin:end], ALL[begin:end])
    assert np.array_equal(array[:], ALL)


def test_rows_of_several_files_come_in_the_order_that_they_were_asked_for(tmp_path: Path) -> None:
    write(tmp_path, ALL)
    positions = np.random.default_rng(0).integers(0, len(ALL), 50)

    assert np.array_equal(opened(tmp_path)[positions], ALL[positions])
    assert opened(tmp_path)[positions[:0]].shape == (0, *ROW)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_file_of_an_array_is_noticed(tmp_path: Path, lost: int) -> None:
    write(tmp_path, ALL)
    array_files(tmp_path, "clean")[lost].unlink()

    with pytest.raises(FileNotFoundError, match=r"expected the 3 files of the array 'clean', .* 2"):
        open_array(tmp_path, "clean")


def test_files_of_other_names_are_not_taken_for_a_part(tmp_path: Path) -> None:
    (tmp_path / "clean-notes.npy").write_bytes(b"mine")

    assert open_array(tmp_path, "clean") is None


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    file = ShardedFile(tmp_path, "clean", ROW, np.uint8)

    with file.writer() as writer, pytest.raises(ValueError, match="expected rows of shape"):
        writer(0, ALL[:, :2])


def test_a_row_larger_than_a_file_should_be_has_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)

    write(tmp_path, ALL)

    assert len(array_files(tmp_path, "clean")) == len(ALL)
    assert np.array_equal(opened(tmp_path)[:], ALL)
