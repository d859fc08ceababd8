"""The weights that ship, and what ``docs/weights.md`` says of them."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.arrays.file_checksum import sha256_of
from pipeline.models.runet.settings import RUNet
from pipeline.photographs.weights_by_name import SHIPPED
from pipeline.settings.params import Imported
from stages.import_weights import import_weights
from tests.pages import read_page
from tests.project import ROOT

NAMES = sorted(folder.name for folder in SHIPPED.iterdir() if folder.is_dir())

DEGRADATIONS = {"noise": "gaussian_", "x": "bicubic_x", "quality": "jpeg_", "of a camera": "paired"}


def card_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SHIPPED / name / "card.json").read_text())
    return found


def rows() -> list[list[str]]:
    """Return the rows of the table of results; what repeats the row above is filled in."""
    table = read_page("docs/weights.md").partition("| network | test set |")[2].partition("\n\n")[0]
    found: list[list[str]] = []
    for line in table.splitlines()[2:]:
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        found.append([cell or found[-1][at] if at < 2 else cell for at, cell in enumerate(cells)])
    return found


def label_of(words: str) -> str:
    (start,) = [start for start in DEGRADATIONS if words.startswith(start)]
    return DEGRADATIONS[start] + words.removeprefix(start).strip()


def test_the_page_has_rows_of_every_network() -> None:
    assert {row[0] for row in rows()} == set(NAMES)


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
def test_the_page_says_what_the_cards_say(row: list[str]) -> None:
    name, shown_set, words, before, after, low_to_high, *published = row
    data_set = {"CC": "cc15", "Nam": "nam25"}.get(shown_set, shown_set.lower())

    measured = card_of(name)["results"][data_set][label_of(words)]

    agreeing = [
        protocol
        for protocol, scores in measured.items()
        if (f"{scores['psnr_input']:.2f}", f"{scores['psnr']:.2f}") == (before, after)
    ]
    assert agreeing, measured
    low, high = map(float, low_to_high.split(" to "))
    assert low <= float(after) <= high
    with (ROOT / "pipeline/literature/published.csv").open(newline="") as file:
        known = {
            (line["system"], f"{float(line['value']):.2f}")
            for line in csv.DictReader(file)
            if (line["data_set"], line["degradation"]) == (data_set, label_of(words))
            and line["protocol"] in agreeing
            and line["metric"] == "psnr"
        }
    for cell in filter(None, published):
        value, system = re.fullmatch(r"([\d.]+) \((.+)\)", cell).groups()  # type: ignore[union-attr]
        assert (system, value) in known


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_made_the_weights_and_what_they_reach(name: str) -> None:
    card, weights = card_of(name), SHIPPED / name / "weights.safetensors"

    assert weights.stat().st_size < 3e6
    assert sha256_of(weights) == card["weights_sha256"]
    assert {"recipe", "degradation", "data", "commit", "results", "colour"} <= card.keys()
    assert card["steps"] > 0
    assert card["training_seconds"] > 0


def test_no_test_image_is_in_the_sets_that_they_learnt_from() -> None:
    preset = Path(ROOT / "pipeline/checking/presets/weights.yaml").read_text()

    trained_on = set(re.findall(r"^  \w+: \{dataset: (\w+), colour", preset, re.MULTILINE))

    assert trained_on == {"train289"}


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_of_imported_takes_what_ships(name: str, tmp_path: Path) -> None:
    card = card_of(name)
    settings = {key: value for key, value in card["model"].items() if key != "class"}

    published = Imported(
        arch="runet", model="any", source=str(SHIPPED / name), layout="restore", test_on="any"
    )

    import_weights(
        published=published,
        name=name,
        model=RUNet.model_validate(settings),
        source=SHIPPED / name,
        checked=tmp_path,
        out=tmp_path / "out",
    )

    brought = json.loads((tmp_path / "out/card.json").read_text())
    assert brought["parameters"] == card["parameters"]
    assert brought["pairs"] == card["pairs"]
