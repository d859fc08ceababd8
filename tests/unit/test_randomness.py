import itertools

import numpy as np
import pytest

from pipeline.arrays.randomness import generator, seed_of

KEYS: list[tuple[int | str, ...]] = [
    (0,),
    (1,),
    ("0",),
    (0, 0),
    (0, "0"),
    ("0", 0),
    (0, "set5", "baby"),
    (0, "set5baby"),
    ("set5", 0, "baby"),
    (0, "set5", "baby", 1),
    (),
    ("",),
    ("", ""),
]
"""Keys that differ in type, order or number of their parts alone."""


def test_same_key_gives_the_same_numbers() -> None:
    first = generator(3, "set5", "baby").standard_normal(100)
    generator(3, "set5", "bird").standard_normal(7)
    again = generator(3, "set5", "baby").standard_normal(100)

    assert np.array_equal(first, again)


def test_different_keys_give_different_numbers() -> None:
    draws = [generator(*key).random() for key in KEYS]

    assert len(set(draws)) == len(KEYS)


def test_seed_is_one_that_numpy_and_torch_take() -> None:
    seeds = [seed_of(*key) for key in KEYS]

    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds).bit_length() > 60


def test_numbers_are_those_of_earlier_versions() -> None:
    assert seed_of(0, "set12", "01", "gaussian_25") == 746496960132279597
    assert generator(0, "a").integers(1000, size=3).tolist() == [911, 393, 518]


@pytest.mark.parametrize("step", [0, 1, 1000])
def test_neighbouring_keys_are_not_correlated(step: int) -> None:
    size = 10_000
    streams = [generator(0, "e", "noise", n).standard_normal(size) for n in (step, step + 1)]

    (one, other), bound = streams, 4 / np.sqrt(size)

    assert abs(np.corrcoef(one, other)[0, 1]) < bound
    for stream, shift in itertools.product(streams, (0, 1)):
        assert abs(np.mean(stream[shift:] * np.roll(stream, 7)[shift:])) < bound
