"""Properties of the tables on disk: what is written is read, and what is not a table is named."""

import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from pipeline.arrays.tables import (
    Number,
    columns_of,
    read_lines,
    read_mappings,
    read_table,
    write_mappings,
    write_table,
)

STAGE = "evaluate@net"


@dataclass(frozen=True)
class Score:
    name: str
    protocol: Literal["rgb", "luma"]
    images: int
    psnr: Annotated[float, Number(".4f", infinite=True)]
    loss: float
    clear: bool
    low: Annotated[float, Number(".2f")] | None
    of: str | None

    def __post_init__(self) -> None:
        if self.images < 1:
            raise ValueError(f"expected images, came {self.images}")


ONE = Score("a, b", "rgb", 3, 29.25, 0.1 + 0.2, clear=True, low=None, of=None)
TWO = Score('"ü"\nx', "luma", 10, math.inf, 2.0, clear=False, low=-1.5, of="one")

HEADER = ",".join(columns_of(Score))
ROW = "one,rgb,3,29.25,0.5,true,,"


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    (folder / "scores.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder / "scores.csv"


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_table(tmp_path / "scores.csv", Score, [ONE, TWO])

    assert read_table(tmp_path / "scores.csv", Score, STAGE) == [ONE, TWO]


def test_the_bytes_of_a_table_do_not_depend_on_the_machine(tmp_path: Path) -> None:
    write_table(tmp_path / "scores.csv", Score, [ONE, TWO])

    assert (tmp_path / "scores.csv").read_bytes().decode() == (
        "name,protocol,images,psnr,loss,clear,low,of\n"
        '"a, b",rgb,3,29.2500,0.30000000000000004,true,,\n'
        '"""ü""\nx",luma,10,inf,2,false,-1.50,one\n'
    )


def test_a_table_without_rows_has_its_header(tmp_path: Path) -> None:
    write_table(tmp_path / "scores.csv", Score, [])

    assert (tmp_path / "scores.csv").read_text() == f"{HEADER}\n"
    assert read_table(tmp_path / "scores.csv", Score, STAGE) == []


def test_a_number_that_is_rounded_to_zero_has_no_sign(tmp_path: Path) -> None:
    write_table(tmp_path / "scores.csv", Score, [Score("a", "rgb", 1, -1e-9, 0, True, -0.0, None)])

    assert (tmp_path / "scores.csv").read_text().endswith("a,rgb,1,0.0000,0,true,0.00,\n")


def test_numbers_of_numpy_are_written_like_those_of_python(tmp_path: Path) -> None:
    values: Any = ("a", "rgb", np.int64(3), np.float64(1.5), np.float32(0.5), np.True_, None, None)

    write_table(tmp_path / "scores.csv", Score, [Score(*values)])

    assert (tmp_path / "scores.csv").read_text().endswith("a,rgb,3,1.5000,0.5,true,,\n")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (ROW.replace("one", ""), "expected a value for name, came an empty one"),
        (ROW.replace("rgb", "rbg"), "unknown protocol 'rbg'; the nearest known one is 'rgb'"),
        (ROW.replace("3", "3.5", 1), "expected a whole number for images, came '3.5'"),
        (ROW.replace("3", "", 1), "expected a whole number for images, came ''"),
        (ROW.replace("29.25", "nan"), "expected a number for psnr, came 'nan'"),
        (ROW.replace("0.5", "inf"), "expected a finite number for loss, came 'inf'"),
        (ROW.replace("0.5", "small"), "expected a finite number for loss, came 'small'"),
        (ROW.replace("true", "True"), "expected clear to be true or false; came 'True'"),
        (ROW.replace("3", "0", 1), "expected images, came 0"),
        (f"{ROW},more", "expected 8 values, came 9"),
        ("one,rgb", "expected 8 values, came 2"),
        ("", "expected 8 values, came 0"),
    ],
)
def test_a_wrong_cell_is_named_by_file_line_and_column(
    tmp_path: Path, row: str, complaint: str
) -> None:
    path = write(tmp_path, ROW, row)

    with pytest.raises(
        ValueError, match=rf"scores.csv, line 3: {complaint}.*; run 'dvc repro --force {STAGE}'"
    ):
        read_table(path, Score, STAGE)


@pytest.mark.parametrize("header", ["", "name", f"{HEADER},more", HEADER.replace("loss", "lost")])
def test_other_columns_are_refused(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, ROW, header=header)

    with pytest.raises(ValueError, match=r"line 1: expected the columns name, protocol, .*; came "):
        read_table(path, Score, STAGE)


def test_a_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_bytes(f"{HEADER}\n\xff".encode("latin-1"))

    with pytest.raises(ValueError, match=r"scores.csv, line .*utf-8.*evaluate@net"):
        read_table(tmp_path / "scores.csv", Score, STAGE)


def test_a_missing_file_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"run 'dvc repro {STAGE}', which writes it"):
        read_table(tmp_path / "scores.csv", Score, STAGE)


def test_a_table_of_people_names_no_stage(tmp_path: Path) -> None:
    path = write(tmp_path, ROW.replace("true", "yes"))

    with pytest.raises(ValueError, match=r"came 'yes'$"):
        read_table(path, Score)


def test_rows_come_with_the_lines_where_they_end(tmp_path: Path) -> None:
    write_table(tmp_path / "scores.csv", Score, [ONE, TWO, ONE])

    assert [line for line, _ in read_lines(tmp_path / "scores.csv", Score)] == [2, 4, 5]


def test_a_class_with_fields_that_no_cell_holds_is_refused(tmp_path: Path) -> None:
    @dataclass
    class Odd:
        values: list[int]

    with pytest.raises(TypeError, match=r"values: expected one of .*came list"):
        write_table(tmp_path / "odd.csv", Odd, [])


def test_rows_that_differ_have_a_column_for_every_value(tmp_path: Path) -> None:
    write_mappings(tmp_path / "card.csv", [{"a": 1, "b": 0.5}, {"a": 2, "c": "x"}])

    assert (tmp_path / "card.csv").read_text() == "a,b,c\n1,0.5,\n2,,x\n"
    assert read_mappings(tmp_path / "card.csv", ["c", "a"]) == [
        {"a": "1", "b": "0.5", "c": ""},
        {"a": "2", "b": "", "c": "x"},
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,c\n1,2\n1\n", "line 3: expected 2 values, came 1"),
        ("b,d\n1,2\n", r"line 1: column\(s\) a, c are missing"),
        ("", r"line 1: column\(s\) a, c are missing"),
    ],
)
def test_a_table_that_lacks_cells_or_columns_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "card.csv").write_text(text)

    with pytest.raises(ValueError, match=rf"card.csv, {complaint}"):
        read_mappings(tmp_path / "card.csv", ["c", "a"])


def test_tables_need_neither_numpy_nor_pandas() -> None:
    code = (
        "import sys, pipeline.arrays.tables; "
        "sys.exit(bool({'numpy', 'pandas', 'pydantic'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
