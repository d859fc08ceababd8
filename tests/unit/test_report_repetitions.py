import csv
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.arrays.tables import columns_of
from pipeline.report.repetitions import (
    RepetitionRow,
    find_repetitions,
    merge_repetitions,
    write_repetitions,
)
from pipeline.report.results import Result
from pipeline.settings.params import Experiment
from tests.unit.report_data import PAPER, result_of

ENTRY = Experiment(
    arch="dncnn",
    model="small",
    train_on="a",
    recipe="c",
    start="random",
    test_on="d",
)
RUNS = {"net_b": "net", "net_c": "net"}


def runs() -> list[Result]:
    return [
        result_of(29.0),
        result_of(29.2, experiment="net_b"),
        result_of(29.4, experiment="net_c"),
    ]


def test_experiments_that_differ_only_in_their_names_are_repetitions() -> None:
    found = find_repetitions({"net": ENTRY, "other": entry(recipe="long"), "net_b": ENTRY})

    assert found == {"net_b": "net"}


def entry(**changes: str) -> Experiment:
    return ENTRY.model_copy(update=changes)


@pytest.mark.parametrize("key", ["arch", "model", "train_on", "recipe", "test_on"])
def test_experiments_that_differ_in_anything_else_are_not(key: str) -> None:
    assert find_repetitions({"net": ENTRY, "other": entry(**{key: "vdsr"})}) == {}


def test_what_an_experiment_is_compared_with_makes_no_difference() -> None:
    assert find_repetitions({"net": ENTRY, "net_b": entry(compare_with="DnCNN-S")}) == {
        "net_b": "net"
    }


def test_repetitions_become_one_result_with_mean_and_spread() -> None:
    (merged,) = merge_repetitions(runs(), RUNS)

    assert merged.experiment == "net"
    assert merged.runs == ("net", "net_b", "net_c")
    assert merged.psnr == pytest.approx(29.2)
    assert merged.spread == pytest.approx(0.2)
    assert merged.psnr_of == pytest.approx(result_of(29.2).psnr_of)
    assert merged.interval is not None
    assert merged.interval.contains(29.2)


def test_a_result_without_repetitions_stays_as_it_is() -> None:
    alone = result_of(27.0, experiment="alone")

    assert alone in merge_repetitions([*runs(), alone], RUNS)


def test_repetitions_are_merged_at_each_place_by_itself() -> None:
    elsewhere = [replace(run, protocol="gray-float") for run in runs()]

    merged = merge_repetitions([*runs(), *elsewhere], RUNS)

    assert [(result.protocol, len(result.runs)) for result in merged] == [
        ("gray-float", 3),
        ("gray-uint8", 3),
    ]


def test_a_published_number_of_any_run_is_that_of_all() -> None:
    first, *others = runs()

    (merged,) = merge_repetitions([first, *(replace(run, published=PAPER) for run in others)], RUNS)

    assert merged.published == PAPER


def test_runs_on_different_images_are_refused() -> None:
    first, second, _ = runs()
    fewer = {name: psnr for name, psnr in second.psnr_of.items() if name != "tower"}

    with pytest.raises(ValueError, match=r"same images of bsd68 as net.*evaluate@net_b"):
        merge_repetitions([first, replace(second, psnr_of=fewer)], RUNS)


def test_the_table_has_what_was_run_more_than_once(tmp_path: Path) -> None:
    write_repetitions(
        tmp_path / "repetitions.csv", [*runs(), result_of(27.0, experiment="alone")], RUNS
    )

    with (tmp_path / "repetitions.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert tuple(row) == columns_of(RepetitionRow)
    assert (row["experiment"], row["runs"], row["names"]) == ("net", "3", "net net_b net_c")
    assert (row["psnr"], row["psnr_spread"]) == ("29.2000", "0.2000")
    assert float(row["psnr_low"]) < 29.2 < float(row["psnr_high"])
