from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.report.leaderboard import by_place
from pipeline.report.results import Result
from pipeline.report.strength_figure import (
    BOTTOM,
    MOST_LINES,
    MOST_VALUES,
    RIGHT,
    TOP,
    StrengthFigure,
    draw_strengths,
    read_cards,
)
from pipeline.report.words import describe_method
from tests.unit.report_data import IMAGES, result_of, spread_over_images


def at(sigma: int, gain: float, **changes: object) -> Result:
    return result_of(20.25 + gain, 20.25, **{"degradation": f"gaussian_{sigma}", **changes})


def card(**values: object) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def figures(*results: Result, **cards: Mapping[str, str]) -> list[StrengthFigure]:
    """Draw results whose images have the card that is named like their level."""
    drawn = {
        (one.data_set, one.degradation, image): cards.get(one.degradation, {})
        for one in results
        for image in one.psnr_of
    }
    return draw_strengths(by_place(results), {one.place for one in results}, drawn)


SIGMAS = {f"gaussian_{sigma}": card(sigma_8bit=sigma) for sigma in (15, 25, 50)}


def test_a_network_has_a_point_for_each_level() -> None:
    (found,) = figures(at(15, 6.0), at(25, 8.0), at(50, 11.0), **SIGMAS)

    (strand,) = found.strands
    assert strand.summary == "net: +6.00 dB at 15, +8.00 dB at 25, +11.00 dB at 50"
    across, up = zip(*strand.dots, strict=True)
    assert list(across) == sorted(across)
    assert list(up) == sorted(up, reverse=True)
    assert [tick.label for tick in found.x_ticks] == ["15", "25", "50"]
    assert [tick.position for tick in found.x_ticks] == list(across)


def test_two_levels_need_no_figure() -> None:
    assert figures(at(15, 6.0), at(25, 8.0), **SIGMAS) == []


def test_values_that_every_image_drew_are_joined_to_a_few_points() -> None:
    names = tuple(f"image_{number:02}" for number in range(4 * MOST_VALUES))
    result = replace(
        result_of(30.0, degradation="gaussian_0_to_50"),
        psnr_of={name: 20.0 + number for number, name in enumerate(names)},
        input_of=dict.fromkeys(names, 20.0),
    )
    drawn = {
        ("bsd68", "gaussian_0_to_50", name): card(sigma_8bit=number + 0.5)
        for number, name in enumerate(names)
    }

    (found,) = draw_strengths(by_place([result]), {result.place}, drawn)

    (strand,) = found.strands
    assert len(strand.dots) == MOST_VALUES // 2
    assert strand.summary.startswith("net: +3.50 dB at 4, ")


def test_each_value_of_a_card_has_its_own_figure() -> None:
    cards = {
        f"gaussian_{number}": card(peak=10 * number, sigma_8bit=number) for number in (1, 2, 3)
    }

    found = figures(at(1, 6.0), at(2, 7.0), at(3, 8.0), **cards)

    assert {one.axis for one in found} == {
        "noise, sigma on the scale of 0 to 255",
        "photons of a white pixel",
    }


def test_rounded_images_are_no_points_of_the_line_of_others() -> None:
    rounded = [at(sigma, 5.0, degradation=f"gaussian_{sigma}_8bit") for sigma in (15, 25, 50)]
    cards = SIGMAS | {f"{name}_8bit": one for name, one in SIGMAS.items()}

    found = figures(at(15, 6.0), at(25, 8.0), at(50, 11.0), *rounded, **cards)

    assert [one.strands[0].summary for one in found] == [
        "net: +6.00 dB at 15, +8.00 dB at 25, +11.00 dB at 50",
        "net: +5.00 dB at 15, +5.00 dB at 25, +5.00 dB at 50",
    ]


def test_what_leaves_the_image_alone_has_no_line_and_the_best_methods_have_one() -> None:
    methods = {"identity": 0.0, "tv": 3.0, "nl_means": 5.0, "bayes_shrink": 4.0}
    results = [
        at(sigma, gain, experiment=name, model=name, is_baseline=True)
        for sigma in (15, 25, 50)
        for name, gain in methods.items()
    ]

    (found,) = figures(at(15, 6.0), at(25, 8.0), at(50, 11.0), *results, **SIGMAS)

    assert [(one.kind, one.summary.split(":")[0]) for one in found.strands] == [
        ("network", "net"),
        ("classical", describe_method("nl_means")),
        ("classical", describe_method("bayes_shrink")),
    ]


def test_classical_methods_alone_have_no_figure() -> None:
    results = [
        at(sigma, 3.0, experiment="tv", model="tv", is_baseline=True) for sigma in (15, 25, 50)
    ]

    assert figures(*results, **SIGMAS) == []


def test_many_networks_are_drawn_by_their_gain_and_the_rest_is_named() -> None:
    results = [
        at(sigma, 1.0 + number, experiment=f"net_{number:02}")
        for sigma in (15, 25, 50)
        for number in range(MOST_LINES + 2)
    ]

    (found,) = figures(*results, **SIGMAS)

    assert len(found.strands) == MOST_LINES
    assert list(found.without) == ["net_01", "net_00"]
    heights = [label.y for label in found.labels]
    assert all(label.x > RIGHT for label in found.labels)
    assert all(below - above > 13 for above, below in pairwise(heights))
    assert TOP < heights[0] < heights[-1] < BOTTOM + 5


def test_an_image_that_is_restored_exactly_is_left_out_of_the_mean() -> None:
    exact = at(15, 6.0)
    exact = replace(exact, psnr_of={**exact.psnr_of, IMAGES[0]: float("inf")})
    rest = spread_over_images(6.0)

    (found,) = figures(exact, at(25, 8.0), at(50, 11.0), **SIGMAS)

    mean = sum(rest[name] - spread_over_images(0.0)[name] for name in IMAGES[1:]) / 5
    assert found.strands[0].summary.startswith(f"net: +{mean:.2f} dB at 15")


def test_cards_are_read_by_image_and_a_table_without_images_is_refused(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "card.csv").write_text(
            f"data_set,image,label,quality\nset,{name},jpeg_10,10\n"
        )
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "card.csv").write_text("image,label\n")

    found = read_cards([tmp_path / "one", tmp_path / "other"])

    assert found["set", "jpeg_10", "other"]["quality"] == "10"
    with pytest.raises(ValueError, match="data_set are missing"):
        read_cards([broken])
