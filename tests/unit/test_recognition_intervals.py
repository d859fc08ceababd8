import numpy as np
import pytest

from pipeline.measuring.statistics import Interval, paired_difference
from pipeline.recognition.scoring.intervals import (
    MOST_RESAMPLED,
    precision_difference,
    precision_interval,
    share_difference,
    share_interval,
)


def width(interval: Interval | None) -> float:
    assert interval is not None
    return interval.high - interval.low


@pytest.mark.parametrize(
    ("right", "samples", "low", "high"),
    # Bounds as statsmodels and R's prop.test without continuity correction give them.
    [(8, 10, 0.4901625, 0.9433178), (0, 10, 0.0, 0.2775328), (10, 10, 0.7224672, 1.0)],
)
def test_the_interval_of_a_share_is_wilsons(
    right: int, samples: int, low: float, high: float
) -> None:
    found = share_interval(right, samples)

    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(("samples", "share"), [(10, 0.5), (20, 0.9), (100, 0.97), (1000, 0.8)])
def test_an_interval_of_a_share_holds_it_in_about_95_of_100_cases(
    samples: int, share: float
) -> None:
    drawn = np.random.default_rng(3).binomial(samples, share, 4000)

    held = np.mean([share_interval(int(right), samples).contains(share) for right in drawn])

    assert 0.93 <= held <= 0.985


def test_a_share_of_100_000_samples_has_an_interval_at_once() -> None:
    assert width(share_interval(78_140, 100_000)) == pytest.approx(0.00512, abs=1e-4)


@pytest.mark.parametrize(("samples", "gain"), [(25, 0.0), (60, 0.15), (500, 0.05), (2000, 0.01)])
def test_an_interval_of_a_difference_holds_it_in_about_95_of_100_cases(
    samples: int, gain: float
) -> None:
    rng = np.random.default_rng(5)
    cells = [0.6, 0.1 + gain / 2, 0.1 - gain / 2, 0.2]  # both, one, other, none
    held = 0
    for drawn in rng.multinomial(samples, cells, 2000):
        one = np.repeat([1.0, 1.0, 0.0, 0.0], drawn)
        other = np.repeat([1.0, 0.0, 1.0, 0.0], drawn)
        found = share_difference(one, other).interval
        assert found is not None
        held += found.contains(gain)

    assert 0.93 <= held / 2000 <= 0.985


def test_samples_that_both_have_right_or_wrong_do_not_hide_a_difference() -> None:
    one, other = np.ones(400), np.ones(400)
    other[:15] = 0

    found = share_difference(one, other)

    assert found.mean == pytest.approx(15 / 400)
    assert found.within_noise is False
    # The two shares by themselves would not tell: their intervals are as wide as the difference.
    assert width(found.interval) < 0.045


def test_the_interval_of_a_difference_is_that_of_agresti_and_min() -> None:
    one = np.repeat([1.0, 1.0, 0.0, 0.0], [60, 12, 5, 23])
    other = np.repeat([1.0, 0.0, 1.0, 0.0], [60, 12, 5, 23])

    found = share_difference(one, other)

    # 7 / 102, and 1.96 standard deviations: (18 - 49 / 102) / 102 squared is their square.
    assert found.mean == pytest.approx(0.07)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (7 / 102 - 0.0804284, 7 / 102 + 0.0804284), abs=1e-5
    )


def test_equal_answers_differ_by_nothing_within_noise() -> None:
    found = share_difference(np.ones(50), np.ones(50))

    assert (found.mean, found.within_noise, found.images) == (0.0, True, 50)
    assert width(found.interval) > 0


def test_a_difference_turns_round() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 2, (2, 80)).astype(float)

    found, reverse = share_difference(one, other).interval, share_difference(other, one).interval

    assert found is not None
    assert reverse is not None
    assert (found.low, found.high) == pytest.approx((-reverse.high, -reverse.low))


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_difference_of_few_samples_stays_between_minus_one_and_one(samples: int) -> None:
    found = share_difference(np.ones(samples), np.zeros(samples))

    assert found.interval is not None
    assert found.interval.contains(found.mean)
    assert -1 <= found.interval.low < found.interval.high <= 1


def test_means_over_runs_have_narrower_differences_than_one_run() -> None:
    rng = np.random.default_rng(2)
    runs = (rng.random((5, 300)) < 0.8).astype(float)
    base = np.zeros(300)

    one, mean = share_difference(runs[0], base), share_difference(runs.mean(axis=0), base)

    assert width(mean.interval) < width(one.interval)


def test_few_average_precisions_have_the_bootstrap_and_many_nearly_the_same() -> None:
    rng = np.random.default_rng(4)
    few, many = rng.beta(2, 1, MOST_RESAMPLED), rng.beta(2, 1, MOST_RESAMPLED + 1)

    assert width(precision_interval(many)) == pytest.approx(width(precision_interval(few)), rel=0.1)


def test_average_precisions_are_compared_query_by_query() -> None:
    rng = np.random.default_rng(4)
    one, other = rng.beta(2, 1, (2, 40))

    found = precision_difference(one, other)

    names = [f"{number:02}" for number in range(40)]
    expected = paired_difference(
        dict(zip(names, one.tolist(), strict=True)), dict(zip(names, other.tolist(), strict=True))
    )
    assert expected is not None
    assert expected.interval is not None
    assert found.interval is not None
    assert found.mean == pytest.approx(expected.mean)
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (expected.interval.low, expected.interval.high)
    )


def test_a_single_query_has_no_interval() -> None:
    assert precision_interval(np.array([0.5])) is None
