"""Training pairs by step number, gathered, turned and given noise on the device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.arrays.shards import Rows
from pipeline.arrays.training_set import DrawnNoise
from pipeline.machine.memory import free_memory
from pipeline.machine.transfer import upload
from pipeline.training.draws import WAYS, Draws
from pipeline.training.fresh_noise import FreshNoise
from pipeline.training.stores import StreamedStore, open_store

_SHARE = 0.5
"""Of the free memory of a device that patches may take."""


class Pairs:
    """All training pairs of an experiment.

    Args:
        clean: uint8 ``(N, size, size, C)``, possibly memory-mapped or in shards.
        degraded: Degraded partners ``(V * N, side, side, C)``, uint8 or float16 in [0, 1]: V
            versions of each clean patch, the whole bank once a version; smaller than the clean
            ones by a whole number where the network enlarges. None where clean patches with noise
            are the partners.
        noise: What is drawn anew at every step: of each of the V versions, or
            one for all; None for no noise.
        key: (seed, experiment): what the random numbers depend on, beside the step.
        batch: Pairs a step.
        augment: Whether to flip and turn.
        device: Where batches go; the patches stay there when they fit.
        memory: Bytes that they may take there; half of what is free when left out.
        noise_map: Whether the degraded patches have one more channel, with the sigma of their
            Gaussian noise on the scale of 1, 0 where there is none.

    Raises:
        ValueError: There are fewer pairs than one batch, or neither partners nor noise; or
            partners are not as many or not as large as they should be.
    """

    def __init__(
        self,
        clean: Rows,
        degraded: Rows | None,
        noise: DrawnNoise | Sequence[DrawnNoise | None] | None,
        key: tuple[int, str],
        batch: int,
        augment: bool,
        device: torch.device,
        memory: int | None = None,
        *,
        noise_map: bool = False,
    ) -> None:
        noises = list(noise) if isinstance(noise, Sequence) else [noise]
        if degraded is None and None in noises:
            raise ValueError("expected stored degraded patches or noise to draw, came neither")
        pairs = len(noises) * len(clean) if degraded is None else len(degraded)
        if pairs < batch:
            raise ValueError(
                f"expected at least one batch of {batch} training patches, came {pairs}: "
                "add images, or choose a smaller batch, patch or stride"
            )
        arrays: list[Rows] = [clean]
        if degraded is not None:
            _check_partners(clean, degraded, len(noises))
            arrays.append(degraded)
        self.device = device
        channels = clean.shape[3] + noise_map
        self.shape = (batch, channels, *arrays[-1].shape[1:3])
        self._augment = augment
        self._noise_map = noise_map
        self._draws = Draws(key, pairs, batch)
        self._noise = FreshNoise(noises, len(clean), self._draws, device)
        if memory is None:
            memory = int(_SHARE * free_memory(device))
        self._arrays = arrays
        self._store = open_store(arrays, self._draws.chosen, device, memory)
        self._turned_pixels = {
            side: _turned_pixels(side).to(device) for side in {one.shape[1] for one in arrays}
        }
        self._numbers = torch.arange(batch)[:, None].to(device)

    def __len__(self) -> int:
        return self._draws.pairs

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the degraded and the clean batch of a step.

        Returns:
            Two float32 tensors ``(N, C, H, W)``, channels last in memory, in [0, 1] up to noise
            and overshoot. The first is smaller where the network enlarges, and has one channel
            more with a noise map.
        """
        rows = self._store.rows(step)
        if self._augment:
            turns = upload(self._draws.turns(step), self.device)
            rows = [self._turned(one, turns) for one in rows]
        clean, *partners = (_values(one) for one in rows)
        degraded = self._noise.added(partners[0] if partners else clean, step)
        return self._with_map(degraded, step) if self._noise_map else degraded, clean

    def release(self) -> bool:
        """Read patches ahead from the disk from now on; tell whether they were on the device."""
        if isinstance(self._store, StreamedStore):
            return False
        self._store = StreamedStore(self._arrays, self._draws.chosen, self.device)
        return True

    def _turned(self, rows: Tensor, turns: Tensor) -> Tensor:
        side = rows.shape[1]
        pixels = (self._numbers * side**2 + self._turned_pixels[side][turns]).flatten()
        return rows.flatten(0, 2).index_select(0, pixels).view_as(rows)

    def _with_map(self, degraded: Tensor, step: int) -> Tensor:
        sigmas = self._noise.sigmas(step).reshape(-1, 1, 1, 1)
        noise_map = sigmas.expand(-1, 1, *degraded.shape[2:])
        both = torch.cat([degraded, noise_map], dim=1)
        return both.contiguous(memory_format=torch.channels_last)


def _check_partners(clean: Rows, degraded: Rows, versions: int) -> None:
    """Check that partners are as many and as large as versions of the clean patches are.

    Raises:
        ValueError: They are not.
    """
    if len(degraded) % len(clean) or versions not in {1, len(degraded) // len(clean)}:
        raise ValueError(
            f"expected {versions} version(s) of {len(clean)} clean patches, came {len(degraded)} "
            "degraded ones"
        )
    if clean.shape[1] % degraded.shape[1] or clean.shape[3] != degraded.shape[3]:
        raise ValueError(
            f"expected degraded patches whose side divides that of the clean ones, with as many "
            f"channels, came {degraded.shape[1:]} for {clean.shape[1:]}"
        )


def _values(rows: Tensor) -> Tensor:
    """Return stored patches ``(N, H, W, C)`` as float32 ``(N, C, H, W)`` in [0, 1]."""
    scale = 255 if rows.dtype == torch.uint8 else 1
    return rows.float().div_(scale).permute(0, 3, 1, 2)


def _turned_pixels(size: int) -> Tensor:
    """Return for each way of turning a patch which pixel comes to which place.

    Returns:
        ``(8, size * size)``: way k turns by ``k % 4`` quarters, and mirrors from 4 on.
    """
    places = torch.arange(size * size).reshape(size, size)
    turned = [torch.rot90(places, way % 4) for way in range(WAYS)]
    mirrored = [
        torch.flip(one, (1,)) if way >= WAYS // 2 else one for way, one in enumerate(turned)
    ]
    return torch.stack([one.flatten() for one in mirrored])
