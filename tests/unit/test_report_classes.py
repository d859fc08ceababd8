import base64
import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.images.files import read_8bit, write_8bit_png
from pipeline.recognition.scoring.palette import colour_of, paint
from pipeline.report.classes import MOST_CLASSES, MOST_MAPS, read_maps, tabulate_classes
from pipeline.report.recogniser_results import Recogniser, merge_runs, read_runs
from pipeline.report.repetitions import find_repetitions
from tests.recognised import Recognised, cube_task, faces, fold_task, image_task


def scene(root: Path) -> Recognised:
    made = Recognised(root, samples=90, classes=("soil", "tree", "water"))
    made.task("scene", cube_task())
    made.degrade("noisy", "scene")
    made.restore("noisy_net", "noisy", "net", 7.0)
    made.learn("hybrid", "scene", {"scene": 0.9})
    return made


def read(made: Recognised) -> list[Recogniser]:
    runs = read_runs(made.entries, made.evaluated, made.models, made.curves)
    return merge_runs(runs, find_repetitions(made.recognition))


def test_each_class_has_a_row_with_its_colour_and_its_commonest_mistake(tmp_path: Path) -> None:
    (hybrid,) = read(scene(tmp_path))

    rows = tabulate_classes(hybrid)

    assert [row.score.name for row in rows] == ["soil", "tree", "water"]
    assert [row.score.support for row in rows] == [30, 30, 30]
    assert [row.colour for row in rows] == [
        "#{:02x}{:02x}{:02x}".format(*colour_of(at)) for at in range(3)
    ]
    # A wrong answer is the next class, in the made data.
    assert {row.mistaken for row in rows if row.times} <= {"tree", "water", "soil"}
    assert sum(row.times for row in rows) == 9
    assert [row.mistaken for row in rows if row.score.name == "soil" and row.times] in (
        [],
        ["tree"],
    )


def test_runs_are_counted_together(tmp_path: Path) -> None:
    made = scene(tmp_path)
    made.learn("hybrid_again", "scene", {"scene": 1.0})

    (hybrid,) = read(made)

    assert [row.score.support for row in tabulate_classes(hybrid)] == [60, 60, 60]


def test_a_class_without_mistakes_is_taken_for_none(tmp_path: Path) -> None:
    made = scene(tmp_path)
    made.learn("hybrid", "scene", {"scene": 1.0})

    (hybrid,) = read(made)

    assert {(row.mistaken, row.times) for row in tabulate_classes(hybrid)} == {(None, 0)}


def test_a_retrieval_and_a_task_of_very_many_classes_have_no_rows(tmp_path: Path) -> None:
    made = Recognised(tmp_path, samples=200, classes=[f"c{at}" for at in range(MOST_CLASSES + 1)])
    made.task("pairs", fold_task(0))
    made.task("many", image_task())
    made.learn("dscmr", "pairs", {})
    made.learn("net", "many", {})

    assert [tabulate_classes(one) for one in read(made)] == [[], []]


def test_maps_are_the_files_themselves_enlarged_by_a_whole_number(tmp_path: Path) -> None:
    made = scene(tmp_path)
    truth = made.evaluated / "hybrid" / "truth.png"
    write_8bit_png(truth, paint(np.arange(95 * 95).reshape(95, 95) % 3))

    (hybrid,) = read(made)

    pictures = read_maps(hybrid, made.entries)
    assert [one.title for one in pictures] == ["true classes", "clean", "noisy", "noisy_net"]
    assert (pictures[0].width, pictures[0].height) == (285, 285)
    encoded = re.fullmatch(r"data:image/png;base64,(.+)", pictures[0].uri)
    assert encoded is not None
    (tmp_path / "again.png").write_bytes(base64.b64decode(encoded[1]))
    np.testing.assert_array_equal(read_8bit(tmp_path / "again.png"), read_8bit(truth))


def test_a_large_map_is_not_enlarged(tmp_path: Path) -> None:
    made = scene(tmp_path)
    write_8bit_png(made.evaluated / "hybrid" / "truth.png", paint(np.zeros((610, 340), int)))

    (hybrid,) = read(made)

    assert (read_maps(hybrid, made.entries)[0].height, hybrid.kind) == (610, "cube")


def test_few_maps_are_shown_of_many_inputs_and_one_of_what_learnt_another_input(
    tmp_path: Path,
) -> None:
    made = scene(tmp_path)
    for at in range(MOST_MAPS):
        made.restore(f"noisy_{at}", "noisy", f"net_{at}", 2.0)
    made.learn("hybrid", "scene", {})
    made.learn("robust", "scene", {}, train_on="noisy")

    clean, robust = read(made)

    assert len(read_maps(clean, made.entries)) == 1 + MOST_MAPS
    assert [one.title for one in read_maps(robust, made.entries)] == ["true classes", "noisy"]


def test_images_have_no_maps(tmp_path: Path) -> None:
    made = faces(tmp_path)

    assert read_maps(read(made)[0], made.entries) == []


def test_a_missing_map_is_refused_by_the_stage_to_run(tmp_path: Path) -> None:
    made = scene(tmp_path)
    (made.evaluated / "hybrid" / "map_noisy.png").unlink()

    with pytest.raises(FileNotFoundError, match=r"map_noisy.png: .*'dvc repro recognise@hybrid'"):
        read_maps(read(made)[0], made.entries)
