from pathlib import Path

import pytest

from pipeline.arrays.tables import columns_of
from pipeline.contamination.overlap_table import OverlapRow
from pipeline.report.overlaps import read_overlaps
from pipeline.settings.params import AcceptedOverlap

ACCEPTED = [AcceptedOverlap(train="bsd400", test="bsd68", why="the paper did so")]


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([",".join(columns_of(OverlapRow)), *rows]) + "\n")
    return path


def test_overlaps_are_read_by_test_set_with_the_reason_to_accept_them(tmp_path: Path) -> None:
    path = write(
        tmp_path / "net.csv",
        "bsd400,a,bsd68,one,same image,0.99,90,1,1,1",
        "bsd400,b,bsd68,one,crop,0.9,80,1,1,0.5",
        "bsd400,c,bsd68,two,crop,0.9,80,1,1,0.5",
    )

    found = read_overlaps(path, "guard@net", ACCEPTED)

    assert list(found) == ["bsd68"]
    assert found["bsd68"].images == 2
    assert found["bsd68"].why == "the paper did so"
    assert [scene.train_image for scene in found["bsd68"].scenes] == ["a", "b", "c"]


def test_no_rows_are_no_overlap(tmp_path: Path) -> None:
    assert read_overlaps(write(tmp_path / "net.csv"), "guard@net", []) == {}


def test_images_that_cannot_be_judged_are_no_overlap(tmp_path: Path) -> None:
    path = write(tmp_path / "net.csv", "bsd400,a,,,not judged,,,,,", ",,bsd68,one,not judged,,,,,")

    assert read_overlaps(path, "guard@net", []) == {}


def test_a_row_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.csv", "bsd400,a,bsd68")

    with pytest.raises(ValueError, match=r"line 2: expected 10 values, came 3.*guard@net"):
        read_overlaps(path, "guard@net", ACCEPTED)


def test_an_overlap_that_nobody_accepted_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.csv", "bsd400,a,set12,one,crop,0.9,80,1,1,0.5")

    with pytest.raises(ValueError, match=r"net.csv, line 2: 'one' of set12 .*dvc repro guard@net"):
        read_overlaps(path, "guard@net", ACCEPTED)


def test_a_missing_table_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dvc repro guard@net"):
        read_overlaps(tmp_path / "net.csv", "guard@net", [])
