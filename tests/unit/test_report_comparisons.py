import csv
from dataclasses import replace
from pathlib import Path

from pipeline.arrays.tables import columns_of
from pipeline.report.comparisons import ComparisonRow, compare, compare_all, write_comparisons
from pipeline.report.leaderboard import by_place
from pipeline.report.results import Result
from tests.unit.report_data import result_of

NET = result_of(29.0)
OTHER = result_of(28.5, experiment="other")
TV = result_of(27.0, experiment="tv", model="tv", is_baseline=True)
BETTER = result_of(28.0, experiment="nl_means", model="nl_means", is_baseline=True)


def pairs(*results: Result) -> list[tuple[str, str]]:
    return [
        (found.one.experiment, found.other.experiment) for found in compare_all(by_place(results))
    ]


def test_every_pair_of_experiments_and_the_best_classical_method_are_compared() -> None:
    assert pairs(NET, OTHER, TV, BETTER) == [
        ("net", "other"),
        ("net", "nl_means"),
        ("other", "nl_means"),
    ]


def test_nothing_is_compared_across_places() -> None:
    assert pairs(NET, replace(OTHER, protocol="gray-float")) == []
    assert pairs(NET, replace(OTHER, degradation="gaussian_50")) == []


def test_results_of_other_degraded_images_are_not_compared() -> None:
    luma = result_of(29.0, psnr_input=22.0, experiment="luma")

    assert compare(NET, luma) is None
    assert pairs(NET, luma) == []


def test_the_table_says_what_is_within_noise(tmp_path: Path) -> None:
    turning = {name: psnr + (-1) ** n for n, (name, psnr) in enumerate(NET.psnr_of.items())}
    like_net = replace(OTHER, psnr_of=turning, psnr=29.0)
    path = tmp_path / "comparisons.csv"

    write_comparisons(path, compare_all(by_place([NET, like_net, BETTER])))

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == columns_of(ComparisonRow)
    assert [(row["other"], row["within_noise"]) for row in rows] == [
        ("other", "true"),
        ("nl_means", "false"),
        ("nl_means", "true"),
    ]
    assert [row["difference"] for row in rows] == ["0.0000", "1.0000", "1.0000"]
    assert (rows[0]["low"], rows[0]["images"]) != ("", "0")


def test_a_single_image_has_a_difference_without_interval(tmp_path: Path) -> None:
    one, other = (
        replace(result, psnr_of={"a": result.psnr}, input_of={"a": 20.0}) for result in (NET, OTHER)
    )
    path = tmp_path / "comparisons.csv"

    write_comparisons(path, compare_all(by_place([one, other])))

    assert path.read_text().splitlines()[1] == (
        "bsd68,gaussian_25,gray-uint8,net,other,1,0.5000,,,"
    )
