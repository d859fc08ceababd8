"""What a training learns: how far an output is from its target, and how good in words of people."""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from pipeline.settings.params import Recipe


class Objective(Protocol):
    """The aim of a training: a loss to lower, and a score to watch."""

    @property
    def needs_whole_batch(self) -> bool:
        """Whether the loss compares the samples of a batch, so that it cannot go in parts."""

    def __call__(self, output: object, target: Tensor) -> tuple[Tensor, Tensor]:
        """Measure a batch.

        Args:
            output: Of the network, in whatever format it computes.
            target: What it should be.

        Returns:
            The loss, a mean over samples; and a number without gradient, a mean over samples too,
            of which ``score`` makes the score.
        """

    def score(self, mean: float) -> float:
        """Return the score of a mean over steps of what was measured; more is better."""

    def shown(self, score: float) -> str:
        """Return a score as people read it."""


class Restoration:
    """Restored patches like the clean ones; the score is their PSNR in decibels, not rounded.

    Args:
        recipe: Its ``loss`` is the loss.

    Raises:
        ValueError: The loss is for networks that recognise.
    """

    needs_whole_batch = False

    def __init__(self, recipe: Recipe) -> None:
        if not isinstance(recipe.loss, str) or recipe.loss not in LOSSES:
            raise ValueError(
                f"expected a loss for networks that restore, one of {', '.join(LOSSES)}; came "
                f"{recipe.loss}"
            )
        self._loss = LOSSES[recipe.loss]

    def __call__(self, output: object, target: Tensor) -> tuple[Tensor, Tensor]:
        """Measure restored patches, ``(N, C, H, W)`` in [0, 1] up to overshoot, as are clean ones.

        Returns:
            The loss, and the mean of the squares of the errors.
        """
        if not isinstance(output, Tensor):
            raise TypeError(f"expected restored patches, came a {type(output).__name__}")
        restored = output.float()
        loss = self._loss(restored, target)
        with torch.no_grad():
            squares = torch.mean((restored - target) ** 2)
        return loss, squares

    def score(self, mean: float) -> float:
        """Return the PSNR of a mean of squares, in decibels."""
        return -10 * math.log10(max(mean, 1e-12))

    def shown(self, score: float) -> str:
        """Return a PSNR with its unit."""
        return f"{score:.2f} dB"


def _half_sse(restored: Tensor, clean: Tensor) -> Tensor:
    return 0.5 * torch.sum((restored - clean) ** 2) / len(clean)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mse_loss,
    "l1": l1_loss,
    "half_sse": _half_sse,
}
"""Of restored and clean patches."""
