import csv
from pathlib import Path

import pytest

from pipeline.arrays.tables import columns_of
from pipeline.report.downstream import (
    Downstream,
    DownstreamRow,
    compare_inputs,
    group_by_task,
    judge,
    write_downstream,
)
from pipeline.report.recogniser_results import merge_runs, read_runs
from pipeline.report.repetitions import find_repetitions
from tests.recognised import Recognised, faces, image_task


def tables(made: Recognised) -> list[Downstream]:
    runs = read_runs(made.entries, made.evaluated, made.models, made.curves)
    return compare_inputs(merge_runs(runs, find_repetitions(made.recognition)), made.entries)


def written(made: Recognised, path: Path) -> list[dict[str, str]]:
    write_downstream(path, tables(made))
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        assert tuple(reader.fieldnames or ()) == columns_of(DownstreamRow)
        return list(reader)


def test_a_degraded_input_is_compared_with_the_clean_one_and_a_restored_one_with_it(
    tmp_path: Path,
) -> None:
    (table,) = tables(faces(tmp_path))

    (degraded,) = table.degraded
    assert table.clean is not None
    assert (table.title, table.samples, table.clean.value) == (
        "mobilenet_v1.small on faces",
        40,
        0.9,
    )
    assert (degraded.label, degraded.row.psnr, degraded.row.psnr_gain) == ("gaussian_25", 20, None)
    changes = {
        row.name: row.change.mean if row.change else None
        for row in (degraded.row, *degraded.restored)
    }
    assert changes == pytest.approx({"noisy": -0.4, "noisy_net": 0.3, "noisy_tiny": 0.025})
    assert [(row.by, row.psnr_gain) for row in degraded.restored] == [("net", 7.5), ("tiny", 3.25)]


def test_what_was_trained_on_an_input_stands_beside_it(tmp_path: Path) -> None:
    made = faces(tmp_path)
    made.learn("of_noisy", "faces", {"noisy": 0.7}, train_on="noisy")
    made.learn("of_net", "faces", {"noisy_net": 0.85}, train_on="noisy_net")

    (table,) = tables(made)

    (degraded,) = table.degraded
    own = [row.own.value if row.own else None for row in (degraded.row, *degraded.restored)]
    assert own == [0.7, 0.85, None]


def test_a_kind_that_was_not_trained_on_clean_samples_has_no_scores_of_that(
    tmp_path: Path,
) -> None:
    made = faces(tmp_path)
    made.learn("other", "faces", {"noisy": 0.7}, train_on="noisy", model="large")

    _, table = tables(made)

    (degraded,) = table.degraded
    assert table.clean is None
    assert (degraded.row.score, degraded.row.change) == (None, None)
    assert degraded.row.own is not None


def test_kinds_that_differ_in_model_recipe_or_kept_weights_have_tables_of_their_own(
    tmp_path: Path,
) -> None:
    made = faces(tmp_path)
    made.learn("larger", "faces", {}, model="large")
    made.learn("longer", "faces", {}, recipe="long")
    made.learn("best", "faces", {}, keep="best")

    assert len(tables(made)) == 4
    assert [len(group) for _, group in group_by_task(tables(made))] == [4]


def test_tasks_without_degraded_inputs_have_no_table_and_the_others_keep_their_order(
    tmp_path: Path,
) -> None:
    made = Recognised(tmp_path)
    for name in ("zebra", "plain", "apple"):
        made.task(name, image_task())
        if name != "plain":
            made.degrade(f"{name}_noisy", name)
    for name in ("apple", "plain", "zebra"):
        made.learn(f"of_{name}", name, {})

    assert [table.task for table in tables(made)] == ["zebra", "apple"]


def test_a_verdict_counts_what_is_better_worse_and_within_noise(tmp_path: Path) -> None:
    made = faces(tmp_path)
    made.restore("noisy_bad", "noisy", "bad", -4.0)
    right = {"noisy": 0.5, "noisy_net": 0.8, "noisy_tiny": 0.525, "noisy_bad": 0.1}
    made.learn("clean", "faces", right)

    verdict = judge(tables(made))

    assert (verdict.better, verdict.worse, verdict.unclear) == (1, 1, 1)


def test_the_file_has_a_row_for_each_restored_input(tmp_path: Path) -> None:
    made = faces(tmp_path)
    made.learn("of_noisy", "faces", {"noisy": 0.7}, train_on="noisy")

    first, second = written(made, tmp_path / "downstream.csv")

    assert (first["restored"], first["restored_by"], first["psnr_gain"]) == (
        "noisy_net",
        "net",
        "7.5000",
    )
    assert [first[key] for key in ("clean", "on_degraded", "on_restored", "gain")] == [
        "0.90000",
        "0.50000",
        "0.80000",
        "0.30000",
    ]
    assert float(first["gain_low"]) < 0.3 < float(first["gain_high"])
    assert (first["within_noise"], second["within_noise"]) == ("false", "true")
    assert (first["trained_on_degraded"], first["trained_on_restored"]) == ("0.70000", "")


def test_a_degraded_input_that_nothing_restored_has_a_row_too(tmp_path: Path) -> None:
    made = Recognised(tmp_path)
    made.task("faces", image_task())
    made.degrade("noisy", "faces")
    made.learn("clean", "faces", {"faces": 1.0, "noisy": 0.5})

    (row,) = written(made, tmp_path / "downstream.csv")

    assert (row["degraded"], row["on_degraded"], row["restored"]) == ("noisy", "0.50000", "")
    assert (row["gain"], row["within_noise"]) == ("", "")


def test_without_recognisers_the_file_is_a_header(tmp_path: Path) -> None:
    assert written(Recognised(tmp_path), tmp_path / "downstream.csv") == []
