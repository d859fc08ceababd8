from dataclasses import replace

import pytest

from pipeline.report.answers import Answer, answer
from pipeline.report.cost_figure import LEFT, RIGHT
from pipeline.report.leaderboard import by_place
from pipeline.report.network_table import Network
from pipeline.report.results import Result
from pipeline.report.words import describe_sureness, list_names
from tests.unit.report_data import IMAGES, PAPER, result_of, spread_over_images

NETWORK = result_of(29.0)
SMALL = result_of(28.0, experiment="small")
METHOD = result_of(27.5, experiment="tv", model="tv", is_baseline=True)
INPUT = result_of(20.25, experiment="identity", model="identity", is_baseline=True)


def network(result: Result, **costs: int | None) -> Network:
    known: dict[str, int | None] = {"multiply_adds": 65_536_000, "training": 10**12, **costs}
    return Network(
        result=result,
        parameters=1000,
        published=None,
        receptive_field=9,
        steps=3,
        multiply_adds=known["multiply_adds"],
        training=known["training"],
    )


def answers(*results: Result, networks: tuple[Network, ...] = ()) -> list[Answer]:
    return answer(by_place(results), {NETWORK.place}, networks)


def test_the_best_network_stands_beside_the_best_classical_method() -> None:
    weak = result_of(26.0, experiment="nl_means", model="nl_means", is_baseline=True)

    (found,) = answers(SMALL, NETWORK, weak, METHOD, INPUT)

    assert found.best is NETWORK
    assert found.rival is METHOD
    assert found.lead is not None
    assert found.lead.mean == pytest.approx(1.5)
    assert describe_sureness(found.lead) == "certain"


def test_another_protocol_of_the_same_test_is_no_answer_of_its_own() -> None:
    (found,) = answers(NETWORK, replace(NETWORK, protocol="gray-float", psnr=29.5))

    assert found.best.protocol == "gray-uint8"


def test_a_test_of_classical_methods_alone_has_no_answer() -> None:
    assert answers(METHOD, INPUT) == []


def test_leaving_the_image_alone_is_no_rival() -> None:
    (found,) = answers(NETWORK, INPUT)

    assert found.rival is None


def test_a_method_that_was_given_other_images_is_no_rival() -> None:
    other = replace(METHOD, input_of=spread_over_images(21.0))

    (found,) = answers(NETWORK, other)

    assert found.rival is None


def test_networks_that_could_be_as_good_are_named() -> None:
    turning = {name: 29 + (-1) ** number for number, name in enumerate(IMAGES)}
    equal = replace(SMALL, experiment="equal", psnr=28.9, psnr_of=turning)

    (found,) = answers(NETWORK, SMALL, equal)

    assert [one.experiment for one in found.equals] == ["equal"]


def test_few_images_are_counted_instead_of_being_called_certain() -> None:
    few = IMAGES[:3]
    best = replace(NETWORK, psnr_of=spread_over_images(29.0, few))

    (found,) = answers(best, METHOD)

    assert found.lead is not None
    assert describe_sureness(found.lead) == "on all 3 images"


def test_one_image_is_said_to_be_one() -> None:
    (found,) = answers(replace(NETWORK, psnr_of={"tower": 29.0}), METHOD)

    assert found.lead is not None
    assert describe_sureness(found.lead) == "one image"


def test_marks_are_ordered_by_cost_and_by_psnr() -> None:
    costly = network(NETWORK, multiply_adds=655_360_000)

    (found,) = answers(NETWORK, SMALL, networks=(costly, network(SMALL)))

    figure = found.figures[0]
    places = {label.text: label for label in figure.labels}
    marks = dict(zip(("net", "small"), figure.points, strict=True))
    assert figure.cost.name == "multiply-adds"
    assert set(places) == {"net", "small"}
    assert LEFT < marks["small"].x < marks["net"].x < RIGHT
    assert marks["net"].y < marks["small"].y  # of a picture, from above


def test_ten_times_the_cost_is_as_far_everywhere() -> None:
    names = ("one", "ten", "hundred")
    results = [replace(NETWORK, experiment=name, runs=(name,)) for name in names]
    networks = tuple(
        network(result, multiply_adds=65_536_000 * 10**power)
        for power, result in enumerate(results)
    )

    (found,) = answers(*results, networks=networks)

    one, ten, hundred = sorted(point.x for point in found.figures[0].points)
    assert hundred - ten == pytest.approx(ten - one, abs=0.11)


def test_a_network_without_a_known_cost_is_named_instead_of_drawn() -> None:
    unknown = network(SMALL, multiply_adds=None, training=None)

    (found,) = answers(NETWORK, SMALL, networks=(network(NETWORK), unknown))

    by_cost = {figure.cost.name: figure for figure in found.figures}
    assert by_cost["multiply-adds"].without == ["small"]
    assert by_cost["parameters"].without == []


def test_without_any_cost_there_is_no_figure() -> None:
    (found,) = answers(NETWORK)

    assert found.figures == []


def test_classical_and_published_numbers_are_lines() -> None:
    published = replace(NETWORK, published=PAPER)

    (found,) = answers(published, METHOD, networks=(network(published),))

    levels = [(one.kind, one.summary) for one in found.figures[0].levels]
    assert levels == [
        ("classical", "total variation: 27.50 dB"),
        ("published", "DnCNN-S, published: 29.23 dB"),
    ]
    assert found.figures[0].levels[1].y < found.figures[0].points[0].y


def test_of_many_networks_those_have_names_that_no_other_beats_at_less_cost() -> None:
    psnr = {"cheap": 27.0, "better": 28.0, "best": 30.0} | {f"worse_{n}": 26.0 for n in range(12)}
    results = [result_of(value, experiment=name) for name, value in psnr.items()]
    networks = tuple(
        network(result, multiply_adds=65_536_000 * (number + 1))
        for number, result in enumerate(results)
    )

    (found,) = answers(*results, networks=networks)

    figure = found.figures[0]
    assert {label.text for label in figure.labels} == {"cheap", "better", "best"}
    assert len(figure.points) == len(psnr)


def test_a_long_list_of_names_is_cut_short() -> None:
    assert list_names(["a", "b", "c", "d", "e"]) == "a, b, c, d, e"
    assert list_names(["a", "b", "c", "d", "e", "f"]) == "a, b, c, d and 2 others"
