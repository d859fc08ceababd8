import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.recognition.scoring.intervals import share_difference, share_interval
from pipeline.report.recogniser_results import Recogniser, merge_runs, read_runs
from pipeline.report.repetitions import find_repetitions
from tests.recognised import Recognised, cube_task, faces, fold_task, image_task


def read(made: Recognised) -> list[Recogniser]:
    runs = read_runs(made.entries, made.evaluated, made.models, made.curves)
    return merge_runs(runs, find_repetitions(made.recognition))


def test_a_recogniser_is_scored_on_every_input_of_its_task(tmp_path: Path) -> None:
    (clean,) = read(faces(tmp_path))

    scores = {name: clean.score(name) for name in ("faces", "noisy", "noisy_net", "noisy_tiny")}

    assert {name: score.value for name, score in scores.items()} == {
        "faces": 0.9,
        "noisy": 0.5,
        "noisy_net": 0.8,
        "noisy_tiny": 0.525,
    }
    assert scores["noisy"].interval == share_interval(20, 40)
    assert {(one.samples, one.runs, one.spread) for one in scores.values()} == {(40, 1, None)}


def test_inputs_are_compared_sample_by_sample(tmp_path: Path) -> None:
    (clean,) = read(faces(tmp_path))

    found = clean.difference("noisy_net", "noisy")

    one, other = clean.values("noisy_net", "accuracy"), clean.values("noisy", "accuracy")
    assert found == share_difference(one, other)
    assert found.mean == pytest.approx(0.3)
    assert found.within_noise is False


def test_inputs_of_a_task_are_the_clean_one_and_each_degraded_one_with_its_restored_ones(
    tmp_path: Path,
) -> None:
    made = faces(tmp_path)
    made.degrade("jpeg", "faces", "jpeg_10")
    made.restore("jpeg_net", "jpeg", "net", 1.0)
    made.task("other", image_task())
    made.degrade("other_noisy", "other")

    found = made.entries.inputs_of("faces")

    assert found == ["faces", "noisy", "noisy_net", "noisy_tiny", "jpeg", "jpeg_net"]


def test_runs_that_differ_only_in_their_names_are_one_recogniser(tmp_path: Path) -> None:
    made = faces(tmp_path)
    made.learn("clean_again", "faces", {"faces": 0.8}, seed=1)

    (found,) = read(made)

    score = found.score("faces")
    assert [run.name for run in found.runs] == ["clean", "clean_again"]
    assert score.value == pytest.approx(0.85)
    assert score.runs == 2
    assert score.spread == pytest.approx(0.1 / np.sqrt(2))
    assert score.interval == share_interval(34, 40)
    assert set(found.values("faces", "accuracy")) <= {0.0, 0.5, 1.0}


def test_recognisers_that_differ_in_what_they_were_trained_on_are_two(tmp_path: Path) -> None:
    made = faces(tmp_path)
    made.learn("robust", "faces", {}, train_on="noisy")

    assert [(one.name, one.is_of_clean) for one in read(made)] == [
        ("clean", True),
        ("robust", False),
    ]


def test_pairs_of_features_have_the_mean_of_both_directions(tmp_path: Path) -> None:
    made = Recognised(tmp_path, samples=20)
    made.task("pairs", fold_task(0))
    made.learn("dscmr", "pairs", {"pairs": 1.0})

    (found,) = read(made)

    assert found.score("pairs", "map_image_to_text").value == pytest.approx(0.9)
    assert found.score("pairs", "map_text_to_image").value == pytest.approx(0.45)
    assert found.score("pairs").value == pytest.approx(0.675)
    assert found.score("pairs").measure == "map"


def test_a_cube_has_average_accuracy_and_kappa_without_intervals(tmp_path: Path) -> None:
    made = Recognised(tmp_path, samples=60, classes=("soil", "tree", "water"))
    made.task("scene", cube_task())
    made.learn("hybrid", "scene", {"scene": 0.9})

    (found,) = read(made)

    aa, kappa = found.score("scene", "aa"), found.score("scene", "kappa")
    assert aa.value == pytest.approx(0.9, abs=0.05)
    assert kappa.value == pytest.approx(0.85, abs=0.05)
    assert (aa.interval, kappa.interval) == (None, None)


def test_one_sample_of_one_class_has_scores_and_no_kappa(tmp_path: Path) -> None:
    made = Recognised(tmp_path, samples=1, classes=("soil",))
    made.task("scene", cube_task())
    made.degrade("noisy", "scene")
    made.learn("hybrid", "scene", {"scene": 1.0, "noisy": 1.0})

    (found,) = read(made)

    assert found.score("scene").value == 1.0
    assert found.score("scene", "kappa").value is None
    assert found.difference("noisy", "scene").mean == 0


def test_an_input_that_the_params_do_not_name_is_left_out(tmp_path: Path) -> None:
    made = faces(tmp_path)
    del made.restored["noisy_tiny"]

    (found,) = read(made)

    assert {name for name, _ in found.first.answers} == {"faces", "noisy", "noisy_net"}


def test_an_input_that_came_after_the_recogniser_ran_is_refused_by_the_stage_to_run(
    tmp_path: Path,
) -> None:
    made = faces(tmp_path)
    made.restore("noisy_new", "noisy", "new", 2.0)

    with pytest.raises(FileNotFoundError, match=r"input 'noisy_new' yet.*recognise@clean'"):
        read(made)


def test_an_input_without_answers_is_refused(tmp_path: Path) -> None:
    made = faces(tmp_path)
    path = made.evaluated / "clean" / "samples.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("noisy_tiny,")))

    with pytest.raises(ValueError, match=r"input 'noisy_tiny' by accuracy.*recognise@clean'"):
        read(made)


@pytest.mark.parametrize(
    ("lost", "stage"),
    [
        ("evaluated/clean", "recognise@clean"),
        ("evaluated/clean/inputs.json", "recognise@clean"),
        ("models/clean", "learn@clean"),
        ("curves/clean.csv", "learn@clean"),
    ],
)
def test_something_missing_is_refused_by_the_stage_to_run(
    tmp_path: Path, lost: str, stage: str
) -> None:
    made = faces(tmp_path)
    path = tmp_path / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()

    with pytest.raises(FileNotFoundError, match=rf"'dvc repro {stage}'"):
        read(made)


def test_a_card_of_something_else_is_refused(tmp_path: Path) -> None:
    made = faces(tmp_path)
    path = made.models / "clean" / "card.json"
    card = json.loads(path.read_text())
    del card["split"]
    path.write_text(json.dumps(card))

    with pytest.raises(ValueError, match=r"card.json: expected the card of a recogniser.*learn@"):
        read(made)


def test_other_samples_of_one_input_than_of_another_are_refused(tmp_path: Path) -> None:
    made = faces(tmp_path)
    path = made.evaluated / "clean" / "samples.csv"
    path.write_text(path.read_text().replace("noisy,accuracy,7,", "noisy,accuracy,99,"))

    with pytest.raises(ValueError, match=r"same samples and labels .*'noisy' than of 'faces'"):
        read(made)


def test_inputs_of_another_kind_of_task_are_refused(tmp_path: Path) -> None:
    made = faces(tmp_path)
    path = made.evaluated / "clean" / "inputs.json"
    path.write_text(path.read_text().replace('"images"', '"cube"'))

    with pytest.raises(ValueError, match=r"task of kind images .*; came kind cube"):
        read(made)


def test_runs_on_different_samples_are_refused(tmp_path: Path) -> None:
    made = faces(tmp_path)
    made.samples = 30
    made.learn("clean_again", "faces", {})

    with pytest.raises(ValueError, match=r"same test samples as of clean.*recognise@clean_again"):
        read(made)
