"""Training pairs by step number, gathered, turned and given noise on the device."""

import torch
from torch import Tensor

from pipeline.degradation_settings import FloatRange, Gaussian
from pipeline.images import Bytes
from pipeline.machine.memory import free_memory
from pipeline.machine.transfer import upload
from pipeline.training.draws import WAYS, Draws
from pipeline.training.stores import Stored, open_store

_SHARE = 0.5
"""Of the free memory of a device that patches may take."""


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
        device: Where batches go; the patches stay there when they fit.
        memory: Bytes that they may take there; half of what is free when left out.

    Raises:
        ValueError: There are fewer pairs than one batch, or neither partners nor noise.
    """

    def __init__(
        self,
        clean: Bytes,
        degraded: Stored | None,
        noise: Gaussian | None,
        key: tuple[int, str],
        batch: int,
        augment: bool,
        device: torch.device,
        memory: int | None = None,
    ) -> None:
        if degraded is None and noise is None:
            raise ValueError("expected stored degraded patches or settings of noise, came neither")
        arrays = [clean] if degraded is None else [clean, degraded]
        pairs = len(arrays[-1])
        if pairs < batch:
            raise ValueError(
                f"expected at least one batch of {batch} training patches, came {pairs}: "
                "add images, or choose a smaller batch, patch or stride"
            )
        self.device = device
        self.shape = (batch, clean.shape[3], *clean.shape[1:3])
        self._noise = None if degraded is not None else noise
        self._augment = augment
        self._draws = Draws(key, pairs, batch)
        if memory is None:
            memory = int(_SHARE * free_memory(device))
        self._store = open_store(arrays, self._draws.chosen, device, memory)
        self._turned_pixels = _turned_pixels(clean.shape[1]).to(device)
        self._first_pixels = (torch.arange(batch) * clean.shape[1] ** 2)[:, None].to(device)

    def __len__(self) -> int:
        return self._draws.pairs

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the degraded and the clean batch of a step.

        Returns:
            Two float32 tensors ``(N, C, H, W)``, channels last in memory, in [0, 1] up to noise
            and overshoot.
        """
        rows = self._store.rows(step)
        if self._augment:
            turns = upload(self._draws.turns(step), self.device)
            pixels = (self._first_pixels + self._turned_pixels[turns]).flatten()
            rows = [one.flatten(0, 2).index_select(0, pixels).view_as(one) for one in rows]
        clean, *partners = (_values(one) for one in rows)
        return (partners[0] if partners else self._noisy(clean, step)), clean

    def _noisy(self, clean: Tensor, step: int) -> Tensor:
        if self._noise is None:
            raise ValueError("expected settings of noise, came none")
        source = torch.Generator(self.device).manual_seed(self._draws.seed_of_noise(step))
        noise = torch.empty_like(clean).normal_(generator=source)
        noisy = self._added(clean, noise, self._noise, step)
        if self._noise.quantise:
            noisy = noisy.clamp_(0, 1).mul_(255).add_(0.5).floor_().div_(255)
        return noisy

    def _added(self, clean: Tensor, noise: Tensor, settings: Gaussian, step: int) -> Tensor:
        levels = settings.sigma_8bit
        if not isinstance(levels, FloatRange | list):
            return torch.add(clean, noise, alpha=levels / 255)
        sigmas = upload(self._draws.sigmas(levels, step), self.device)
        return torch.addcmul(clean, noise, sigmas.reshape(-1, 1, 1, 1))


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
