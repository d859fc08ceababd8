import math
from dataclasses import replace

import pytest

from pipeline.report.leaderboard import by_place
from pipeline.report.overview import Overview, draw_overview
from pipeline.report.results import Result
from tests.unit.report_data import result_of

NETWORK = result_of(29.0, 20.0)
BASELINE = result_of(27.5, 20.0, experiment="tv", model="tv", is_baseline=True)
BETTER = result_of(28.5, 20.0, experiment="nl_means", model="nl_means", is_baseline=True)
IDENTITY = result_of(20.0, 20.0, experiment="identity", model="identity", is_baseline=True)


def overview(*results: Result) -> Overview:
    return draw_overview("net", by_place(results))


def test_a_network_is_compared_with_the_best_classical_method() -> None:
    (line,) = overview(NETWORK, BASELINE, BETTER, IDENTITY).lines

    assert line.rival == "nl_means"
    assert line.lead == pytest.approx(0.5)
    assert not line.within_noise


def test_a_lead_that_turns_from_image_to_image_is_within_noise() -> None:
    turning = {name: 29 + (-1) ** n for n, name in enumerate(NETWORK.psnr_of)}

    (line,) = overview(NETWORK, replace(BETTER, psnr=29.0, psnr_of=turning)).lines

    assert line.within_noise


def test_leaving_the_image_alone_is_no_rival() -> None:
    (line,) = overview(NETWORK, IDENTITY).lines

    assert line.rival is None
    assert [dot.kind for dot in line.dots] == ["input", "network"]


def test_methods_that_were_given_other_images_are_no_rivals() -> None:
    # The same level of another benchmark, degraded in RGB instead of luma for example.
    elsewhere = result_of(28.9, 21.0, experiment="tv@other", model="tv", is_baseline=True)

    (line,) = overview(NETWORK, BASELINE, elsewhere).lines

    assert line.rival == "tv"
    assert [dot.name for dot in line.dots if dot.kind == "baseline"] == ["total variation"]


def test_methods_measured_by_another_protocol_are_no_rivals() -> None:
    (line,) = overview(NETWORK, replace(BASELINE, protocol="gray-float")).lines

    assert line.rival is None


def test_the_scale_keeps_order_and_distance() -> None:
    easy = replace(NETWORK, degradation="gaussian_15", psnr=32.0, psnr_input=24.5)

    drawn = overview(NETWORK, BASELINE, easy)

    places = {dot.psnr: dot.left for line in drawn.lines for dot in line.dots}
    places |= {float(tick.label): tick.left for tick in drawn.ticks}
    slopes = {
        round((places[high] - places[low]) / (high - low), 1)
        for low, high in zip(sorted(places), sorted(places)[1:], strict=False)
    }
    assert len(slopes) == 1
    assert all(0 <= left <= 100 for left in places.values())


def test_a_loss_is_drawn_backwards_from_the_input() -> None:
    (line,) = overview(replace(NETWORK, psnr=18.0)).lines

    span = line.span
    left = {dot.kind: dot.left for dot in line.dots}
    assert span is not None
    assert left["network"] < left["input"]
    assert (span.left, span.left + span.width) == pytest.approx((left["network"], left["input"]))


def test_a_perfect_result_has_no_place_on_the_scale() -> None:
    (line,) = overview(replace(NETWORK, psnr=math.inf)).lines

    assert [dot.kind for dot in line.dots] == ["input"]
    assert line.span is None
