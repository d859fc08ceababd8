from pathlib import Path

import pytest
from PIL import Image

from tests.bench.measurement import Measurement, as_lines, from_lines
from tests.bench.table import as_text, draw

RATE = Measurement("training", "float32", "patches/s", (50.0, 40.0, 48.0), 60.0, "batch 64")
TIME = Measurement("start-up", "restore --help", "s", (0.05, 0.07))


def test_measurements_survive_being_written_and_read() -> None:
    lines = ["some other line", *as_lines([RATE, TIME])]

    assert from_lines(lines) == [RATE, TIME]


def test_median_and_spread_are_those_of_the_values() -> None:
    assert RATE.middle == 48.0
    assert RATE.spread == pytest.approx(5 / 48)


def test_table_has_each_group_once_and_the_share_of_the_limit() -> None:
    lines = as_text([RATE, TIME]).splitlines()

    assert [line.strip() for line in lines if not line.startswith("  ")] == [
        "training",
        "",
        "start-up",
    ]
    assert "48.0 patches/s" in lines[2]
    assert lines[2].endswith("0.80 of the limit")


@pytest.mark.parametrize(
    ("earlier", "verdict"),
    [(60.0, "0.80 times 60.0 before  <- worse"), (30.0, "1.60 times 30.0 before")],
)
def test_figures_stand_beside_earlier_ones(earlier: float, verdict: str) -> None:
    before = Measurement("training", "float32", "patches/s", (earlier,))

    assert as_text([RATE], [before]).splitlines()[2].endswith(verdict)


def test_more_seconds_are_worse() -> None:
    before = Measurement("start-up", "restore --help", "s", (0.03,))

    assert as_text([TIME], [before]).endswith("<- worse")


def test_figures_of_another_unit_are_not_compared() -> None:
    before = Measurement("start-up", "restore --help", "MB", (0.03,))

    assert "before" not in as_text([TIME], [before])


def test_picture_shows_every_group(tmp_path: Path) -> None:
    draw([RATE], tmp_path / "one.png")
    draw([RATE, TIME], tmp_path / "two.png")

    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert two.size[1] > one.size[1]
