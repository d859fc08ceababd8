from pathlib import Path

import numpy as np
import pytest

from pipeline.report.cross_validation import CrossValidated, cross_validate
from pipeline.report.recogniser_results import merge_runs, read_runs
from pipeline.report.repetitions import find_repetitions
from tests.recognised import Recognised, faces, fold_task


def folds(root: Path, *shares: float, recipe: str = "quick") -> Recognised:
    made = Recognised(root, samples=20)
    for test, share in enumerate(shares):
        made.task(f"pairs_{test}", fold_task(test))
        made.learn(f"net_{test}", f"pairs_{test}", {f"pairs_{test}": share}, recipe=recipe)
    return made


def found(made: Recognised) -> list[CrossValidated]:
    runs = read_runs(made.entries, made.evaluated, made.models, made.curves)
    return cross_validate(merge_runs(runs, find_repetitions(made.recognition)))


def test_tasks_that_differ_in_the_fold_are_scored_together(tmp_path: Path) -> None:
    (one,) = found(folds(tmp_path, 0.5, 1.0, 0.0))

    i2t, t2i, both = one.scores
    assert one.tasks == ("pairs_0", "pairs_1", "pairs_2")
    assert (one.of, i2t.samples, i2t.runs) == (5, 60, 3)
    assert i2t.value == pytest.approx(0.6)
    assert t2i.value == pytest.approx(0.3)
    assert both.value == pytest.approx(0.45)
    assert i2t.spread == pytest.approx(np.std([0.6, 0.9, 0.3], ddof=1))
    assert i2t.interval is not None
    assert i2t.interval.contains(0.6)


def test_recognisers_of_another_recipe_are_another_line(tmp_path: Path) -> None:
    made = folds(tmp_path, 0.5, 1.0)
    for test in range(2):
        made.learn(f"other_{test}", f"pairs_{test}", {}, recipe="long")

    assert [len(one.folds) for one in found(made)] == [2, 2]


def test_a_single_fold_and_other_splits_are_not_cross_validation(tmp_path: Path) -> None:
    assert found(folds(tmp_path / "one", 0.5)) == []
    assert found(faces(tmp_path / "two")) == []
    assert found(Recognised(tmp_path)) == []


def test_folds_of_another_number_are_not_put_together(tmp_path: Path) -> None:
    made = folds(tmp_path, 0.5)
    made.task("halves", fold_task(1, folds=2))
    made.learn("of_halves", "halves", {})

    assert found(made) == []
