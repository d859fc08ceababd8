"""Training pairs by step number: which patches, how turned, with what noise.

All of it depends on (seed, experiment, step) alone, so a run that was interrupted goes on with
the very batches that it would have seen.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.images import Bytes
from pipeline.params import FloatRange, Gaussian
from pipeline.randomness import generator, seed_of

Stored = NDArray[np.uint8] | NDArray[np.float16]


@dataclass(frozen=True)
class Pairs:
    """All training pairs of an experiment.

    Args:
        clean: uint8 ``(N, size, size, C)``, possibly memory-mapped.
        degraded: Degraded partners ``(V * N, size, size, C)``, uint8 or float16 in [0, 1]: V
            versions of each clean patch, the whole bank once a version. None when ``noise`` is
            drawn instead.
        noise: Settings of noise that is drawn anew at every step, or None.
        key: (seed, experiment): what the random numbers depend on, beside the step.
        batch: Pairs a step.
        augment: Whether to flip and turn.
        device: Where batches go.
    """

    clean: Bytes
    degraded: Stored | None
    noise: Gaussian | None
    key: tuple[int, str]
    batch: int
    augment: bool
    device: torch.device

    def __post_init__(self) -> None:
        if len(self) < self.batch:
            raise ValueError(
                f"expected at least one batch of {self.batch} training patches, came {len(self)}: "
                "add images, or choose a smaller batch, patch or stride"
            )

    def __len__(self) -> int:
        return len(self.clean if self.degraded is None else self.degraded)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the degraded and the clean batch of a step.

        Returns:
            Two float32 tensors ``(N, C, H, W)``, channels last in memory, in [0, 1] up to noise
            and overshoot.
        """
        chosen = self._chosen(step)
        turns = self._turns(step)
        clean = self._turned(self.clean[chosen % len(self.clean)], turns)
        if self.degraded is not None:
            return self._turned(self.degraded[chosen], turns), clean
        return self._noisy(clean, step), clean

    def _chosen(self, step: int) -> NDArray[np.int64]:
        """Return the positions of a batch in the endless series of shuffled epochs."""
        first = step * self.batch
        epochs = range(first // len(self), (first + self.batch - 1) // len(self) + 1)
        order = np.concatenate([_shuffled(len(self), *self.key, epoch) for epoch in epochs])
        start = first - epochs[0] * len(self)
        return order[start : start + self.batch]

    def _turns(self, step: int) -> NDArray[np.int64]:
        """Return for each pair of a batch which of the eight flips and quarter turns it gets."""
        if not self.augment:
            return np.zeros(self.batch, np.int64)
        return np.sort(generator(*self.key, "turn", step).integers(8, size=self.batch))

    def _turned(self, patches: Stored, turns: NDArray[np.int64]) -> Tensor:
        values = torch.from_numpy(patches).to(self.device)
        scale = 255 if patches.dtype == np.uint8 else 1
        batch = (values.permute(0, 3, 1, 2).float()).div_(scale)
        if self.augment:
            sizes = np.bincount(turns, minlength=8).tolist()
            batch = torch.cat(
                [
                    _turn(part, way)
                    for way, part in enumerate(torch.split(batch, sizes))
                    if len(part)
                ]
            )
        return batch.contiguous(memory_format=torch.channels_last)

    def _noisy(self, clean: Tensor, step: int) -> Tensor:
        if self.noise is None:
            raise ValueError("expected stored degraded patches or settings of noise, came neither")
        sigma = self._sigmas(self.noise, step).to(self.device)
        source = torch.Generator(self.device).manual_seed(seed_of(*self.key, "noise", step))
        noise = torch.empty_like(clean).normal_(generator=source)
        noisy = torch.addcmul(clean, noise, sigma)
        if self.noise.quantise:
            noisy = noisy.clamp_(0, 1).mul_(255).add_(0.5).floor_().div_(255)
        return noisy

    def _sigmas(self, noise: Gaussian, step: int) -> Tensor:
        """Return the noise level of each pair, ``(N, 1, 1, 1)`` on the scale of [0, 1]."""
        rng = generator(*self.key, "sigma", step)
        given = noise.sigma_8bit
        if isinstance(given, FloatRange):
            drawn = rng.uniform(given.min, given.max, self.batch)
        elif isinstance(given, list):
            drawn = rng.choice(np.asarray(given, float), self.batch)
        else:
            drawn = np.full(self.batch, given)
        return torch.from_numpy((drawn / 255).astype(np.float32)).reshape(-1, 1, 1, 1)


@lru_cache(maxsize=2)  # a pure function: an epoch asks for the same order at every step
def _shuffled(pairs: int, seed: int, experiment: str, epoch: int) -> NDArray[np.int64]:
    return generator(seed, experiment, "order", epoch).permutation(pairs)


def _turn(batch: Tensor, way: int) -> Tensor:
    """Turn a batch by ``way % 4`` quarters, and flip it when ``way`` is 4 or more."""
    turned = torch.rot90(batch, way % 4, (2, 3))
    return torch.flip(turned, (3,)) if way >= 4 else turned
