import csv
from pathlib import Path

import pytest
import skimage.data

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.arrays.tables import columns_of
from pipeline.contamination import ContaminationError
from pipeline.contamination.overlap_table import OverlapRow
from pipeline.images.files import write_png
from pipeline.settings.params import AcceptedOverlap, FolderDataset
from stages.download import download
from stages.guard import guard
from tests.stage.graph_data import bank

ACCEPTED = AcceptedOverlap(train="set", test="mine", why="a test")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Return three sets: one to train on, one that has a part of it, one with another scene."""
    camera = from_8bit(skimage.data.camera())[:300, 100:400, None]
    coins = from_8bit(skimage.data.coins())[:300, :300, None]
    add_set(tmp_path, "set", {"camera": camera, "coins": coins})
    add_set(tmp_path, "mine", {"man": camera[40:220, 60:240]})
    add_set(tmp_path, "other", {"cat": from_8bit(skimage.data.chelsea())})
    return tmp_path / "raw"


def add_set(folder: Path, name: str, images: dict[str, Array]) -> None:
    source = folder / name
    source.mkdir()
    for image, values in images.items():
        write_png(source / f"{image}.png", values)
    download(
        dataset=FolderDataset(kind="folder", source=str(source)),
        name=name,
        source=source,
        checked=folder / "checked",
        downloads=folder / "downloads",
        out=folder / "raw" / name,
    )


def run(raw: Path, *tests: str, accepted: tuple[AcceptedOverlap, ...] = ()) -> Path:
    """Return the folder with what the stage wrote."""
    folder = raw.parent
    (folder / "tests.txt").write_text("".join(f"{name}\n" for name in tests))
    guard(
        name="pairs",
        bank=bank(),
        tests=folder / "tests.txt",
        raw=raw,
        out=folder / "overlaps.csv",
        passed=folder / "passed.txt",
        accepted_overlaps=accepted,
        threads=2,
    )
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "overlaps.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_sets_that_share_nothing_pass_with_an_empty_table(raw: Path) -> None:
    folder = run(raw, "other")

    assert (folder / "passed.txt").exists()
    assert (folder / "overlaps.csv").read_text() == ",".join(columns_of(OverlapRow)) + "\n"


def test_a_test_image_cut_from_a_training_image_stops_the_experiment(raw: Path) -> None:
    with pytest.raises(ContaminationError) as caught:
        run(raw, "mine", "other")

    message = str(caught.value)
    assert "1 of 2 images of 'set' overlap with 'mine': camera (contains) man" in message
    assert "- {train: set, test: mine, why: ...}" in message
    assert "other" not in message.replace("another", "")
    assert not (raw.parent / "passed.txt").exists()


def test_the_table_is_there_after_a_failure_too(raw: Path) -> None:
    with pytest.raises(ContaminationError):
        run(raw, "mine")

    (row,) = rows(raw.parent)
    assert (row["train_set"], row["train_image"]) == ("set", "camera")
    assert (row["test_set"], row["test_image"], row["how"]) == ("mine", "man", "contains")
    assert float(row["correlation"]) > 0.99
    assert float(row["train_share"]) == pytest.approx(180**2 / 300**2, abs=0.01)


def test_an_accepted_overlap_passes_and_stays_in_the_table(raw: Path) -> None:
    folder = run(raw, "mine", accepted=(ACCEPTED,))

    assert (folder / "passed.txt").exists()
    assert [row["test_image"] for row in rows(folder)] == ["man"]


def test_accepting_one_pair_of_sets_accepts_no_other(raw: Path) -> None:
    elsewhere = ACCEPTED.model_copy(update={"train": "other"})

    with pytest.raises(ContaminationError, match="'mine'"):
        run(raw, "mine", accepted=(elsewhere,))


def test_a_set_that_is_trained_and_tested_on_is_refused(raw: Path) -> None:
    with pytest.raises(ContaminationError, match=r"2 of 2 images of 'set'.*camera \(same pixels\)"):
        run(raw, "set")


def test_passing_leaves_the_same_bytes_whatever_the_data(raw: Path) -> None:
    first = (run(raw, "other") / "passed.txt").read_bytes()
    second = (run(raw, "mine", accepted=(ACCEPTED,)) / "passed.txt").read_bytes()

    assert first == second


def test_images_that_cannot_be_judged_are_in_the_table(
    raw: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sky = from_8bit(skimage.data.camera())[:50, :50, None]
    add_set(raw.parent, "small", {"sky": sky})

    folder = run(raw, "small")

    (row,) = rows(folder)
    assert (row["test_set"], row["test_image"], row["train_image"]) == ("small", "sky", "")
    assert row["how"] == "not judged: too small or too smooth"
    assert "1 image(s) are too small or too smooth" in caplog.text
