"""The training loop: one for every network."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.params import Recipe
from pipeline.training.checkpoints import CheckpointFile
from pipeline.training.optimisation import LOSSES, build_optimiser, clip_gradients, learning_rate
from pipeline.training.pairs import Pairs


class TrainingStoppedError(RuntimeError):
    """The training was asked to stop; its checkpoint is written and it can be resumed."""


class TrainingDivergedError(ValueError):
    """The loss is not a finite number any more."""


@dataclass(frozen=True)
class CurvePoint:
    """Means over the steps since the point before.

    Args:
        step: Steps done.
        loss: The recipe's loss.
        psnr: Of all values of the restored training patches, not rounded, in decibels.
        learning_rate: Of the last step.
    """

    step: int
    loss: float
    psnr: float
    learning_rate: float


class Training:
    """A training that can be stopped and resumed at any step, to the same final weights.

    Args:
        network: Freshly initialised, on the device of ``pairs``.
        pairs: Source of the batches.
        recipe: How to optimise.
        bfloat16: Whether convolutions compute in bfloat16; the recipe's wish, where the device
            can.
        checkpoint: Where the state goes.
    """

    def __init__(
        self,
        network: nn.Module,
        pairs: Pairs,
        recipe: Recipe,
        *,
        bfloat16: bool,
        checkpoint: CheckpointFile,
    ) -> None:
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.pairs = pairs
        self.recipe = recipe
        self.bfloat16 = bfloat16
        self.checkpoint = checkpoint
        self.optimiser = build_optimiser(recipe.optimiser, network.parameters())
        self.step = 0
        self.curve: list[CurvePoint] = []
        # Sums since the last curve point stay on the device: reading them waits for it.
        self.sums = torch.zeros(2, dtype=torch.float64, device=pairs.device)
        self._resume()

    def run(
        self,
        on_step: Callable[[int], None],
        on_point: Callable[[CurvePoint], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Train to the last step of the recipe.

        Args:
            on_step: Called after each step with the number of steps done.
            on_point: Called with each new curve point.
            should_stop: Asked before each step.

        Raises:
            TrainingStoppedError: ``should_stop`` said so; a checkpoint is written.
            TrainingDivergedError: The loss is infinite or not a number.
            OSError: A checkpoint cannot be written.
        """
        self.network.train()
        while self.step < self.recipe.steps:
            if should_stop():
                self._save()
                raise TrainingStoppedError(
                    f"stopped after {self.step} of {self.recipe.steps} steps; resumable: start the "
                    "same stage again"
                )
            self._one_step()
            self.step += 1
            on_step(self.step)
            if self.step % self.recipe.log_every == 0 or self.step == self.recipe.steps:
                on_point(self._point())
            if self.step % self.recipe.checkpoint_every == 0 and self.step < self.recipe.steps:
                self._save()
        if not all(torch.isfinite(weights).all() for weights in self.network.parameters()):
            raise _diverged("a weight", self.step - 1, self.step)

    def _one_step(self) -> None:
        degraded, clean = self.pairs.at(self.step)
        rate = learning_rate(self.recipe, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.pairs.device.type, torch.bfloat16, enabled=self.bfloat16):
            restored: Tensor = self.network(degraded)
        loss = LOSSES[self.recipe.loss](restored.float(), clean)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_gradients(self.recipe.clip, self.network, rate)
        self.optimiser.step()
        with torch.no_grad():
            squares = torch.mean((restored.float() - clean) ** 2)
            self.sums += torch.stack([loss.detach(), squares])

    def _point(self) -> CurvePoint:
        steps = self.step - (self.curve[-1].step if self.curve else 0)
        loss, squares = (self.sums / steps).tolist()
        if not math.isfinite(loss):
            raise _diverged(f"the loss ({loss})", self.step - steps, self.step)
        self.sums.zero_()
        rate = learning_rate(self.recipe, self.step - 1)
        self.curve.append(CurvePoint(self.step, loss, -10 * math.log10(max(squares, 1e-12)), rate))
        return self.curve[-1]

    def _save(self) -> None:
        self.checkpoint.save(
            {
                "step": self.step,
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "sums": self.sums,
                "curve": [
                    [point.step, point.loss, point.psnr, point.learning_rate]
                    for point in self.curve
                ],
            }
        )

    def _resume(self) -> None:
        state: dict[str, Any] | None = self.checkpoint.load(self.pairs.device)
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.sums = state["sums"]
        self.curve = [CurvePoint(*point) for point in state["curve"]]
        self.step = state["step"]


def _diverged(what: str, first: int, last: int) -> TrainingDivergedError:
    return TrainingDivergedError(
        f"{what} was no finite number any more between steps {first} and {last}: lower the "
        "recipe's learning_rate, or clip its gradients"
    )
