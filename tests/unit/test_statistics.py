import math
from collections.abc import Mapping

import numpy as np
import pytest

from pipeline.measuring.statistics import (
    Interval,
    difference,
    mean,
    mean_interval,
    paired_difference,
    spread,
)


def scores(values: np.ndarray) -> dict[str, float]:
    return {f"image_{number:03}": float(value) for number, value in enumerate(values)}


def interval_of(values: Mapping[str, float]) -> Interval:
    found = mean_interval(values)
    assert found is not None
    return found


def normal(count: int, seed: int = 0) -> dict[str, float]:
    return scores(np.random.default_rng(seed).normal(29, 2, count))


def width(interval: Interval) -> float:
    return interval.high - interval.low


@pytest.mark.parametrize("images", [5, 12, 68])
def test_an_interval_holds_the_true_mean_in_about_95_of_100_cases(images: int) -> None:
    rng = np.random.default_rng(7)
    draws = [scores(rng.normal(29, 2, images)) for _ in range(1000)]

    held = sum(interval_of(draw).contains(29) for draw in draws) / len(draws)

    # 1000 cases tell the share to about a hundredth.
    assert 0.91 <= held <= 0.98


def test_an_interval_holds_the_mean_of_its_own_images() -> None:
    values = normal(12)

    assert interval_of(values).contains(mean(list(values.values())))


def test_more_images_of_the_same_kind_make_a_narrower_interval() -> None:
    assert width(interval_of(normal(400))) < width(interval_of(normal(40)))


def test_an_interval_does_not_leave_the_range_of_the_scores() -> None:
    values = normal(3)

    found = interval_of(values)

    assert min(values.values()) <= found.low
    assert found.high <= max(values.values())


def test_an_interval_does_not_depend_on_the_order_of_the_images() -> None:
    values = normal(20)

    assert mean_interval(dict(reversed(values.items()))) == mean_interval(values)


def test_an_interval_moves_and_stretches_with_the_scores() -> None:
    values = normal(20)

    found, plain = interval_of({name: 3 * v + 7 for name, v in values.items()}), interval_of(values)

    assert (found.low, found.high) == pytest.approx((3 * plain.low + 7, 3 * plain.high + 7))


def test_equal_scores_have_an_interval_without_width() -> None:
    assert mean_interval({"a": 30.0, "b": 30.0, "c": 30.0}) == Interval(30.0, 30.0)


@pytest.mark.parametrize("values", [{}, {"a": 30.0}, {"a": 30.0, "b": math.inf}])
def test_one_image_or_a_perfect_one_has_no_interval(values: dict[str, float]) -> None:
    assert mean_interval(values) is None


def test_a_paired_interval_is_narrower_than_those_of_the_two_means() -> None:
    hard = normal(24)
    better = {
        name: v + 0.1 for name, v in scores(np.random.default_rng(1).normal(0, 0.05, 24)).items()
    }
    other = {name: hard[name] + better[name] for name in hard}

    found = paired_difference(other, hard)

    assert found is not None
    assert found.interval is not None
    assert width(found.interval) < 0.1 * width(interval_of(hard))
    assert found.within_noise is False
    assert interval_of(hard).contains(mean(list(other.values())))


def test_a_difference_is_the_difference_of_the_means_and_turns_round() -> None:
    one, other = normal(9), normal(9, seed=1)

    found, reverse = paired_difference(one, other), paired_difference(other, one)

    assert found is not None
    assert reverse is not None
    assert found.mean == pytest.approx(mean(list(one.values())) - mean(list(other.values())))
    assert reverse.mean == pytest.approx(-found.mean)
    assert found.within_noise == reverse.within_noise


def test_a_difference_that_changes_its_sign_from_image_to_image_is_within_noise() -> None:
    one = normal(16)
    other = {name: v + (-1) ** number for number, (name, v) in enumerate(one.items())}

    found = paired_difference(one, other)

    assert found is not None
    assert found.within_noise is True


def test_only_images_of_both_are_compared() -> None:
    found = paired_difference({"a": 30.0, "b": 31.0, "c": 90.0}, {"a": 29.0, "b": 30.0, "d": 1.0})

    assert found is not None
    assert (found.mean, found.images) == (1.0, 2)


def test_nothing_in_common_is_not_compared() -> None:
    assert paired_difference({"a": 30.0}, {"b": 30.0}) is None


def test_one_image_cannot_tell_noise() -> None:
    found = paired_difference({"a": 30.0}, {"a": 29.0})

    assert found is not None
    assert (found.mean, found.interval, found.within_noise) == (1.0, None, None)


def test_perfect_images_are_compared_without_interval() -> None:
    one, other = {"a": math.inf, "b": 30.0}, {"a": 30.0, "b": math.inf}

    found, better = paired_difference(one, other), paired_difference(one, {"a": 30.0, "b": 29.0})

    assert found is not None
    assert better is not None
    assert (found.mean, found.within_noise) == (0.0, None)
    assert (better.mean, better.within_noise) == (math.inf, None)


def test_two_perfect_values_do_not_differ() -> None:
    assert difference(math.inf, math.inf) == 0


def test_the_spread_is_the_sample_standard_deviation() -> None:
    assert spread([1.0, 2.0, 3.0]) == pytest.approx(1.0)
    assert spread([30.0] * 5) == 0


@pytest.mark.parametrize("values", [[], [30.0], [30.0, math.inf]])
def test_one_run_or_a_perfect_one_has_no_spread(values: list[float]) -> None:
    assert spread(values) is None
