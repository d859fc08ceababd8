"""Noise of training patches, drawn anew at every step and on the device."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.arrays.training_set import DrawnNoise, Values
from pipeline.machine.transfer import upload
from pipeline.training.draws import Draws


class FreshNoise:
    """What each version of the patches gets.

    Args:
        noises: Of each version, or None for one that gets none.
        patches: Clean patches, each of which is there once a version.
        draws: What chance decides.
        device: Where the batches are.
    """

    def __init__(
        self, noises: Sequence[DrawnNoise | None], patches: int, draws: Draws, device: torch.device
    ) -> None:
        self._sigmas = [noise.sigma_8bit if noise else 0.0 for noise in noises]
        self._peaks = [noise.peak if noise else 0.0 for noise in noises]
        self._rounded = [noise is not None and noise.rounded for noise in noises]
        self._patches = patches
        self._draws = draws
        self._device = device
        self._is_gaussian = any(sigma != 0 for sigma in self._sigmas)
        self._counts = any(peak != 0 for peak in self._peaks)
        first, *others = self._sigmas
        constant = isinstance(first, float | int) and all(one == first for one in others)
        self._constant = first if constant and isinstance(first, float | int) else None

    def sigmas(self, step: int) -> Tensor:
        """Return the sigma of each patch's Gaussian noise, float32 ``(N,)`` on the scale of 1."""
        drawn = self._drawn("sigma", self._sigmas, step) / 255
        return upload(drawn.astype(np.float32), self._device)

    def added(self, patches: Tensor, step: int) -> Tensor:
        """Return patches with the noise of a step.

        Args:
            patches: ``(N, C, H, W)`` in [0, 1], channels last in memory; they are left alone.
            step: The step.
        """
        source = torch.Generator(self._device).manual_seed(self._draws.seed_of_noise(step))
        noisy = patches
        noise = None
        if self._is_gaussian:
            noise = torch.empty_like(patches).normal_(generator=source)
        if self._counts:
            noisy = self._counted(noisy, step, source)
        if noise is not None:
            noisy = self._with_gaussian(noisy, noise, step)
        return self._quantised(noisy, step)

    def _with_gaussian(self, patches: Tensor, noise: Tensor, step: int) -> Tensor:
        if self._constant is not None:
            return torch.add(patches, noise, alpha=self._constant / 255)
        return torch.addcmul(patches, noise, self.sigmas(step).reshape(-1, 1, 1, 1))

    def _counted(self, patches: Tensor, step: int, source: torch.Generator) -> Tensor:
        """Return photon counts over their expectation for white, where photons are counted."""
        drawn = self._drawn("peak", self._peaks, step).astype(np.float32)
        peaks = upload(drawn, self._device).reshape(-1, 1, 1, 1)
        expected = patches.clamp_min(0) * peaks
        # torch.poisson does not keep channels last, so it gets them as the last axis.
        counts = torch.poisson(expected.permute(0, 2, 3, 1), source).permute(0, 3, 1, 2)
        return torch.where(peaks > 0, counts / peaks, patches)

    def _quantised(self, noisy: Tensor, step: int) -> Tensor:
        if not any(self._rounded):
            return noisy
        if all(self._rounded):
            return _in_8bit(noisy)
        rounded = upload(np.array(self._rounded)[self._versions(step)], self._device)
        return torch.where(rounded.reshape(-1, 1, 1, 1), _in_8bit(noisy), noisy)

    def _drawn(self, what: str, of_versions: Sequence[Values], step: int) -> NDArray[np.float64]:
        """Return a value for each patch of a batch, drawn from what its version has."""
        if len(of_versions) == 1:
            return self._draws.values(what, of_versions[0], step)
        chosen = self._versions(step)
        drawn = np.zeros(len(chosen))
        for version in np.unique(chosen):
            its = chosen == version
            drawn[its] = self._draws.values(what, of_versions[version], step)[its]
        return drawn

    def _versions(self, step: int) -> NDArray[np.int64]:
        """Return which version each patch of a batch is."""
        versions: NDArray[np.int64] = self._draws.chosen(step) // self._patches
        return versions


def _in_8bit(noisy: Tensor) -> Tensor:
    return noisy.clamp(0, 1).mul_(255).add_(0.5).floor_().div_(255)
