"""What chance decides at each training step: which pairs, how turned, with how much noise.

All of it depends on (seed, experiment, step) alone, so a run that was interrupted goes on with
the very batches that it would have seen.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.randomness import generator, seed_of
from pipeline.arrays.training_set import Between, Values

WAYS = 8
"""Flips and quarter turns of a square: four turns, each of them also mirrored."""


@dataclass(frozen=True)
class Draws:
    """The draws of one training.

    Args:
        key: (seed, experiment): what the random numbers depend on, beside the step.
        pairs: How many pairs there are to choose from.
        batch: Pairs a step.
    """

    key: tuple[int, str]
    pairs: int
    batch: int

    def chosen(self, step: int) -> NDArray[np.int64]:
        """Return the positions of a batch in the endless series of shuffled epochs."""
        first = step * self.batch
        epochs = range(first // self.pairs, (first + self.batch - 1) // self.pairs + 1)
        order = np.concatenate([_shuffled(self.pairs, *self.key, epoch) for epoch in epochs])
        start = first - epochs[0] * self.pairs
        return order[start : start + self.batch]

    def turns(self, step: int) -> NDArray[np.int64]:
        """Return for each pair of a batch which of the eight flips and quarter turns it gets."""
        return generator(*self.key, "turn", step).integers(WAYS, size=self.batch)

    def values(self, what: str, levels: Values, step: int) -> NDArray[np.float64]:
        """Return a value for each pair of a batch, such as the sigma of its noise.

        Args:
            what: Name of the value: what is drawn depends on it.
            levels: What there is to draw from.
            step: The step.
        """
        rng = generator(*self.key, what, step)
        if isinstance(levels, Between):
            return rng.uniform(levels.low, levels.high, self.batch)
        if isinstance(levels, tuple):
            return rng.choice(np.asarray(levels, float), self.batch)
        return np.full(self.batch, levels, float)

    def seed_of_noise(self, step: int) -> int:
        """Return the seed of the noise itself, which is drawn on the device."""
        return seed_of(*self.key, "noise", step)


@lru_cache(maxsize=2)  # a pure function: an epoch asks for the same order at every step
def _shuffled(pairs: int, seed: int, experiment: str, epoch: int) -> NDArray[np.int64]:
    return generator(seed, experiment, "order", epoch).permutation(pairs)
