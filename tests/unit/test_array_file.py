from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.arrays.array_file import ArrayFile


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("row", [(), (3,), (4, 5, 2)])
def test_pieces_in_any_order_give_the_bytes_of_numpy(
    tmp_path: Path, dtype: Any, row: tuple[int, ...]
) -> None:
    array = np.random.default_rng(0).integers(0, 200, (23, *row)).astype(dtype)
    np.save(tmp_path / "whole.npy", array)

    file = ArrayFile(tmp_path / "pieces.npy", row, dtype)
    with file.writer() as write, file.writer() as write_too:
        write(10, array[10:20])
        write_too(0, array[:1])
        write(20, array[20:])
        write_too(1, array[1:10])
    file.finish(len(array))

    assert (tmp_path / "pieces.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


@pytest.mark.parametrize("count", [0, 9, 10, 10**7])
def test_the_header_is_the_same_for_any_count(tmp_path: Path, count: int) -> None:
    whole = np.broadcast_to(np.uint8(0), (count, 1))
    file = ArrayFile(tmp_path / "pieces.npy", (1,), np.uint8)

    file.finish(count)

    np.save(tmp_path / "whole.npy", whole)
    header = (tmp_path / "pieces.npy").read_bytes()
    assert (tmp_path / "whole.npy").read_bytes()[: len(header)] == header
    assert len(header) == 128


@pytest.mark.parametrize(
    "rows", [np.zeros((2, 4), np.uint8), np.zeros((2, 3), np.float32)], ids=["shape", "type"]
)
def test_rows_of_another_kind_are_refused(tmp_path: Path, rows: Any) -> None:
    file = ArrayFile(tmp_path / "pieces.npy", (3,), np.uint8)

    expected = r"pieces\.npy: expected rows of shape \(3,\) and type uint8"
    with file.writer() as write, pytest.raises(ValueError, match=expected):
        write(0, rows)
