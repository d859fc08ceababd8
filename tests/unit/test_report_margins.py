import math
from dataclasses import replace

import pytest

from pipeline.literature.draws import SHIPPED, read_draws
from pipeline.literature.published import SHIPPED as NUMBERS
from pipeline.literature.published import joined, read_published
from pipeline.report.margins import Margin, margin_of
from tests.unit.report_data import DRAW, PAPER


def test_a_margin_is_of_rounding_other_code_and_two_draws() -> None:
    assert margin_of(PAPER, DRAW).total == pytest.approx(0.005 + 1.96 * 0.02**0.5 * 0.1, abs=1e-4)
    assert margin_of(replace(PAPER, degradation="bicubic_x2_8bit"), None).total == 0.01
    assert margin_of(replace(PAPER, degradation="jpeg_10"), None).total == 0.01
    assert margin_of(replace(PAPER, degradation="paired"), None).total == 0.005


def test_noise_moves_what_nobody_restored_less_than_what_is_restored() -> None:
    noisy = margin_of(replace(PAPER, system="Noisy input"), None)
    pixels = [256**2] * 7 + [512**2] * 5
    spread = 10 / math.log(10) * math.sqrt(sum(2 / count for count in pixels)) / len(pixels)

    assert noisy.draw == pytest.approx(1.96 * spread, abs=5e-4)


def test_a_number_of_three_digits_leaves_less_to_rounding() -> None:
    assert margin_of(replace(PAPER, psnr_digits=3), DRAW).rounding == 0.0005


def test_without_a_measured_draw_only_a_gap_within_rounding_is_covered() -> None:
    margin = margin_of(PAPER, None)

    assert margin.covers(0.004) is True
    assert margin.covers(-0.02) is None
    assert margin.says(-0.02) == "draw of the noise not measured"
    assert margin.says(0.004) == "within rounding"


@pytest.mark.parametrize(("gap", "covered"), [(0.03, True), (-0.03, True), (0.04, False)])
def test_a_gap_of_either_sign_is_covered_up_to_the_margin(gap: float, covered: bool) -> None:
    margin = Margin(rounding=0.005, other_code=0.0, draw=0.03)

    assert margin.covers(gap) is covered
    assert margin.says(gap).startswith("within" if covered else "beyond")


def test_every_measured_draw_is_of_a_published_test_and_small() -> None:
    published = {key[1:3] for key in joined(read_published(NUMBERS))}

    draws = read_draws(SHIPPED)

    assert draws.keys() <= published
    assert all(0 < draw.spread < 0.05 > draw.spread_shared > 0 for draw in draws.values())


def test_three_draws_of_a_published_network_are_within_the_margin() -> None:
    # DnCNN-S on Set12, sigma 25, seeds 0 to 2 of the noise.
    paper = joined(read_published(NUMBERS))["DnCNN-S", "set12", "gaussian_25", "gray-uint8"]
    margin = margin_of(paper, read_draws(SHIPPED)["set12", "gaussian_25"])

    assert [margin.covers(psnr - paper.psnr) for psnr in (30.409, 30.427, 30.447)] == [True] * 3
