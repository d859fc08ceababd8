"""Random numbers keyed by names: the same key gives the same numbers, whatever ran before.

A key is hashed to a seed, so that the noise of one image or one training step depends on
nothing but the names in its key: not on order, on workers, or on restarts.
"""

import hashlib

import numpy as np


def seed_of(*key: int | str) -> int:
    """Return a seed of 63 bits for ``key``.

    Args:
        key: Names and numbers, from the general to the special: the params' seed first.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in key)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def generator(*key: int | str) -> np.random.Generator:
    """Return a generator (counter-based, Philox) that depends on ``key`` alone."""
    return np.random.Generator(np.random.Philox(seed_of(*key)))
