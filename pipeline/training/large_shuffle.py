"""A shuffled order of very many things, of which each place can be asked for by itself."""

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.randomness import generator

Numbers = NDArray[np.uint64]

_ROUNDS = 4


def shuffled_at(places: NDArray[np.int64], length: int, *key: int | str) -> NDArray[np.int64]:
    """Return what stands at some places of a shuffled ``range(length)``, which is never made.

    A Feistel network turns the numbers of so many bits into each other, each one into another.
    Results beyond the range go through it again until they are inside, which is still one to one;
    fewer than half are beyond.

    Args:
        places: ``(N,)``, from 0 to ``length - 1``.
        length: How many things there are, at least 1.
        key: What the order depends on.

    Returns:
        ``(N,)``, in the same range; all places together give each number once.
    """
    bits = (length - 1).bit_length()
    keys = generator(*key).integers(0, 2**64, (_ROUNDS, 2), dtype=np.uint64)
    found = _permuted(places.astype(np.uint64), bits, keys)
    while (beyond := found >= length).any():
        found[beyond] = _permuted(found[beyond], bits, keys)
    return found.astype(np.int64)


def _permuted(numbers: Numbers, bits: int, keys: Numbers) -> Numbers:
    """Return other numbers of so many bits, a different one for each."""
    half = np.uint64(bits // 2)
    low, high = np.uint64((1 << bits // 2) - 1), np.uint64((1 << bits - bits // 2) - 1)
    left, right = numbers >> half, numbers & low
    for one, other in keys:
        left = left ^ (_mixed(right + one) & high)
        right = right ^ (_mixed(left + other) & low)
    return left << half | right


def _mixed(numbers: Numbers) -> Numbers:
    """Return numbers of which each bit depends on each bit of those given (SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
