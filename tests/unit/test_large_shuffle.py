"""Orders that are never made as a whole have every property of those that are."""

import numpy as np
import pytest

from pipeline.training import draws
from pipeline.training.draws import Draws
from pipeline.training.large_shuffle import shuffled_at


def order(length: int, *key: int | str) -> list[int]:
    return list(map(int, shuffled_at(np.arange(length), length, *(key or (0, "e")))))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 16, 17, 1000, 4096, 4097, 100_003])
def test_each_number_comes_once(length: int) -> None:
    assert sorted(order(length)) == list(range(length))


def test_a_place_holds_the_same_whatever_else_is_asked_for() -> None:
    places = np.array([999, 0, 17, 17])

    assert shuffled_at(places, 1000, 0, "e").tolist() == [order(1000)[one] for one in places]


def test_numbers_beyond_32_bits_are_reached_and_not_left() -> None:
    length = 3 * 2**33

    found = shuffled_at(np.arange(10_000), length, 0, "e")

    assert len(np.unique(found)) == 10_000
    assert found.min() >= 0
    assert length * 0.99 < found.max() < length


def test_other_keys_give_other_orders() -> None:
    orders = {tuple(order(50, 0, "e", epoch)) for epoch in range(200)}

    assert len(orders) == 200


@pytest.mark.parametrize("length", [1000, 1024, 5000])
def test_orders_are_as_uneven_as_chance(length: int) -> None:
    many = np.array([order(length, seed) for seed in range(200)])

    # Every place has each tenth of the numbers as often; neighbours are as far apart as any two.
    tenths = np.bincount((many[:, :50] * 10 // length).ravel(), minlength=10)
    apart = np.abs(np.diff(many, axis=1)).mean() / length
    rising = np.mean(np.diff(many, axis=1) > 0)
    chi_square = ((tenths - 1000) ** 2 / 1000).sum()
    assert chi_square < 33.7  # of 9 degrees of freedom, one time in ten thousand
    assert apart == pytest.approx(1 / 3, abs=0.01)
    assert rising == pytest.approx(0.5, abs=0.01)


def test_a_training_on_very_many_pairs_visits_each_once_an_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(draws, "_HELD", 100)
    of_training = Draws((0, "e"), pairs=101, batch=7)

    series = np.concatenate([of_training.chosen(step) for step in range(303)])

    epochs = series[: len(series) // 101 * 101].reshape(-1, 101)
    assert len(epochs) == 21
    assert all(sorted(epoch) == list(range(101)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)
