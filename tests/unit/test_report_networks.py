"""The table of networks: what each costs beside what it brings."""

import csv
from dataclasses import replace
from pathlib import Path

from pipeline.arrays.tables import columns_of
from pipeline.literature.papers import Paper
from pipeline.report.network_table import NetworkRow, tabulate_networks, write_networks
from tests.unit.test_report_page import NETWORK

CARD = {
    "parameters": 56_000,
    "receptive_field": 35,
    "multiply_adds_256": 3_600_000_000,
    "steps": 900,
}
PAPERS = {
    "DnCNN-S": Paper(reference="a paper", parameters=556_097),
    "EDSR": Paper(reference="another", parameters={"bicubic_x2": 1_370_000, "bicubic_x4": 90_000}),
}


def test_the_first_leading_result_of_each_network_is_shown() -> None:
    second = replace(NETWORK, degradation="gaussian_50", psnr=20.0)

    (row,) = tabulate_networks(
        {"net": CARD}, {"net": "DnCNN-S"}, [NETWORK, second], {NETWORK.place, second.place}, PAPERS
    )

    assert row.result == NETWORK
    assert (row.parameters, row.published, row.receptive_field) == (56_000, 556_097, 35)


def test_a_result_that_no_benchmark_leads_with_is_left_out() -> None:
    second = replace(NETWORK, degradation="gaussian_50")

    (row,) = tabulate_networks({"net": CARD}, {}, [NETWORK, second], {second.place}, PAPERS)

    assert row.result == second
    assert row.published is None


def test_of_several_published_counts_the_nearest_is_compared() -> None:
    (row,) = tabulate_networks({"net": CARD}, {"net": "EDSR"}, [NETWORK], {NETWORK.place}, PAPERS)

    assert row.published == 90_000


def test_what_is_not_known_is_left_empty(tmp_path: Path) -> None:
    rows = tabulate_networks({"net": {"parameters": 9}}, {}, [NETWORK], {NETWORK.place}, {})

    write_networks(tmp_path / "networks.csv", rows)

    with (tmp_path / "networks.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert tuple(line) == columns_of(NetworkRow)
    assert line["parameters"] == "9"
    assert line["parameters_published"] == line["receptive_field"] == line["steps"] == ""
    assert float(line["psnr"]) == NETWORK.psnr


def test_a_training_costs_its_steps_there_and_back() -> None:
    card = {
        "parameters": 9,
        "multiply_adds_256": 256**2 * 100,  # a hundred a pixel
        "steps": 7,
        "recipe": {"batch": 2},
        "trained_on": {"patch_size": 5},
    }

    (row,) = tabulate_networks({"net": card}, {}, [NETWORK], {NETWORK.place}, {})

    assert row.training == 3 * 100 * 7 * 2 * 5 * 5
