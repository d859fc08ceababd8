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
from pipeline.training.large_shuffle import shuffled_at

WAYS = 8
"""Flips and quarter turns of a square: four turns, each of them also mirrored."""


_HELD = 1 << 20
"""Pairs of which the whole order of an epoch is held in memory."""


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
        epochs, places = np.divmod(step * self.batch + np.arange(self.batch), self.pairs)
        parts = [self._at(places[epochs == epoch], int(epoch)) for epoch in np.unique(epochs)]
        return np.concatenate(parts)

    def _at(self, places: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """Return which pairs stand at some places of an epoch's order."""
        if self.pairs > _HELD:
            return shuffled_at(places, self.pairs, *self.key, "order", epoch)
        return _shuffled(self.pairs, *self.key, epoch)[places].astype(np.int64)

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
def _shuffled(pairs: int, seed: int, experiment: str, epoch: int) -> NDArray[np.int32]:
    order = np.arange(pairs, dtype=np.int32)
    generator(seed, experiment, "order", epoch).shuffle(order)
    return order
