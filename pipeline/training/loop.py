"""The training loop: one for every network."""

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.machine.devices import say
from pipeline.machine.memory import is_out_of_memory, release_memory
from pipeline.settings.params import Recipe
from pipeline.training.batches import Batches
from pipeline.training.checkpoints import CheckpointFile
from pipeline.training.choosing import fit_into_memory
from pipeline.training.objectives import Objective
from pipeline.training.optimisation import learning_rate
from pipeline.training.shared_batch import SharedBatch
from pipeline.training.step import SharedShortageError, Step, Way


class TrainingStoppedError(RuntimeError):
    """The training was asked to stop; its checkpoint is written and it can be resumed."""


_HALVINGS = 3
"""How often a training that diverges goes back and on with half the learning rate."""


class TrainingDivergedError(ValueError):
    """The loss or a weight is not a finite number any more."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: lower the recipe's learning_rate, or clip its gradients")
        self.what = what


@dataclass(frozen=True)
class CurvePoint:
    """Means over the steps since the point before.

    Args:
        step: Steps done.
        loss: The recipe's loss.
        score: Of the training samples, as the objective says: to restore, the PSNR of all values
            of the restored patches, not rounded, in decibels.
        learning_rate: Of the last step.
        validation: Score on what is not trained on; None where nothing was kept for that.
    """

    step: int
    loss: float
    score: float
    learning_rate: float
    validation: float | None = None


class Training:
    """A training that can be stopped and resumed at any step, to the same final weights.

    Memory that runs out makes the steps go in smaller parts, from the last checkpoint on. A
    loss or a weight that is no finite number makes them go on from there with half the learning
    rate, three times at most; a checkpoint never holds such a weight.

    Args:
        network: Freshly initialised, on the device of ``batches``.
        batches: What the steps learn from.
        recipe: How to optimise.
        way: How to compute the steps.
        checkpoint: Where the state goes.
        objective: What to learn; to restore, by the recipe's loss, when left out.
        validate: Returns a score of the network, in evaluation mode, on what is not trained on;
            asked at each point of the curve.
        keep_best: End with the weights of the point of the curve that ``validate`` scored
            highest, the first of equals, instead of the last ones.
        shared: The part of this process in a training of several, of which the first one writes
            the checkpoints. They do not depend on how many there are.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: Batches,
        recipe: Recipe,
        *,
        way: Way,
        checkpoint: CheckpointFile,
        objective: Objective | None = None,
        validate: Callable[[nn.Module], float] | None = None,
        keep_best: bool = False,
        shared: SharedBatch | None = None,
    ) -> None:
        if keep_best and validate is None:
            raise ValueError("expected something to validate on where the best weights are kept")
        self.batches = batches
        self.recipe = recipe
        self.checkpoint = checkpoint
        self.step = 0
        self.curve: list[CurvePoint] = []
        self.halved_at: list[int] = []
        """Steps from which on the learning rate is half of what it was before."""
        self._validate = validate
        self._keep_best = keep_best
        self._best: tuple[float, dict[str, Tensor]] | None = None
        self._shared = shared
        self._step = Step(network, recipe, way, objective, shared)
        if not self._resume():
            fit_into_memory(self._step, batches)

    @property
    def network(self) -> nn.Module:
        """What is trained."""
        return self._step.network

    @property
    def objective(self) -> Objective:
        """What is learnt."""
        return self._step.objective

    @property
    def micro_batch(self) -> int:
        """Patches that go through the network at once."""
        return self._step.micro_batch

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
            TrainingDivergedError: The loss or a weight is infinite or not a number, also with an
                eighth of the learning rate.
            OSError: A checkpoint cannot be written.
        """
        self.network.train()
        if self._shared is not None:
            self._shared.forget()
        if self.step == 0:
            self._save()  # what a step that finds no memory goes back to
        while True:
            try:
                self._run_to_end(on_step, on_point, should_stop)
            except TrainingDivergedError as error:
                self._halve_rate(error)
            else:
                return

    def _run_to_end(
        self,
        on_step: Callable[[int], None],
        on_point: Callable[[CurvePoint], None],
        should_stop: Callable[[], bool],
    ) -> None:
        while self.step < self.recipe.steps:
            if self._stops(should_stop):
                self._save()
                raise TrainingStoppedError(
                    f"stopped after {self.step} of {self.recipe.steps} steps; resumable: start the "
                    "same stage again"
                )
            if not self._take_step():
                continue
            on_step(self.step)
            if self.step % self.recipe.log_every == 0 or self.step == self.recipe.steps:
                on_point(self._point())
            if self.step % self.recipe.checkpoint_every == 0 and self.step < self.recipe.steps:
                self._save()
        self._finish()

    def _stops(self, should_stop: Callable[[], bool]) -> bool:
        """Tell whether to stop; of several processes all do, one step after the first is asked."""
        if self._shared is None:
            return should_stop()
        self._shared.ask_to_stop(should_stop())
        return self._shared.agreed().stop

    def _finish(self) -> None:
        """Check the weights of the last step, and take the best ones if those are kept."""
        self._check_weights()
        if self._best is not None:
            self.network.load_state_dict(self._best[1])

    def _check_weights(self) -> None:
        values = [one for one in self.network.state_dict().values() if one.is_floating_point()]
        # One answer for all of them: a GPU is waited for once.
        if values and not torch.stack([one.isfinite().all() for one in values]).all():
            first = self.curve[-1].step if self.curve else 0
            raise _diverged("a weight", first, self.step)

    def _halve_rate(self, error: TrainingDivergedError) -> None:
        """Go back to the last checkpoint, and on with half the learning rate."""
        halved = len(self.halved_at) + 1
        if halved > _HALVINGS or not self._resume():
            raise error
        # Those of the checkpoint are from before the earlier halvings, if it is older.
        self.halved_at = [*self.halved_at, *[self.step] * (halved - len(self.halved_at))]
        self._save()
        self.network.train()
        say(f"{error.what}; training goes on from step {self.step}, the learning rate is halved")

    def _rate(self, step: int) -> float:
        return learning_rate(self.recipe, step) * 0.5 ** len(self.halved_at)

    def _take_step(self) -> bool:
        """Take a step; where memory runs out, go back to the last checkpoint and need less of it.

        Patches that wait on the device leave it before the step goes in smaller parts.
        """
        try:
            self._step.take(*self.batches.at(self.step), self._rate(self.step))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self._shared is not None and not isinstance(error, SharedShortageError):
                raise  # the others do not know, so they end with this process
        else:
            self.step += 1
            return True
        # Not within the handler: the error holds on to what was computed before it.
        release_memory(self.batches.device)
        if self.batches.release():
            how = "patches are read ahead from the disk"
            release_memory(self.batches.device)
        else:
            how = self._step.shrink()
        smaller = self._step.micro_batch, self._step.offloads
        if not self._resume():
            raise FileNotFoundError(
                f"{self.checkpoint.path}: memory ran out, and the checkpoint to go back to is "
                "gone: start the same stage again"
            )
        self._step.load(*smaller)
        self._save()
        say(f"memory ran out; training goes on from step {self.step}: {how}")
        return False

    def _point(self) -> CurvePoint:
        steps = self.step - (self.curve[-1].step if self.curve else 0)
        loss, measured = (self._step.sums / steps).tolist()
        if not math.isfinite(loss):
            raise _diverged(f"the loss ({loss})", self.step - steps, self.step)
        self._step.sums.zero_()
        rate = self._rate(self.step - 1)
        score = self._step.objective.score(measured)
        self.curve.append(CurvePoint(self.step, loss, score, rate, self._validated()))
        return self.curve[-1]

    def _validated(self) -> float | None:
        """Score the network on what is not trained on, and keep its weights if they are best."""
        if self._validate is None:
            return None
        self.network.eval()
        score = self._validate(self.network)
        self.network.train()
        if self._keep_best and (self._best is None or score > self._best[0]):
            state = self.network.state_dict()
            self._best = score, {name: tensor.clone() for name, tensor in state.items()}
        return score

    def _save(self) -> None:
        self._check_weights()
        if self._shared is not None and not self._shared.is_first:
            return
        self.checkpoint.save(
            {
                "step": self.step,
                "network": self.network.state_dict(),
                "optimiser": self._step.optimiser.state_dict(),
                "sums": self._step.sums,
                "micro_batch": self._step.micro_batch,
                "offloads": self._step.offloads,
                "best": self._best,
                "halved_at": self.halved_at,
                "curve": [list(astuple(point)) for point in self.curve],
            }
        )

    def _resume(self) -> bool:
        """Take over the state of the checkpoint; tell whether there is one."""
        state = self._stored()
        if state is None:
            return False
        self.network.load_state_dict(state["network"])
        self._step.optimiser.load_state_dict(state["optimiser"])
        self._step.sums.copy_(state["sums"])
        self._step.load(state["micro_batch"], state["offloads"])
        self.curve = [CurvePoint(*point) for point in state["curve"]]
        self._best = state["best"]
        self.halved_at = state["halved_at"]
        self.step = state["step"]
        return True

    def _stored(self) -> dict[str, Any] | None:
        """Return the checkpoint, of several processes that of the first one."""
        if self._shared is None:
            return self.checkpoint.load(self.batches.device)
        first = self._shared.is_first
        # Each brings it to its own device.
        own = self.checkpoint.load(torch.device("cpu")) if first else None
        return self._shared.of_first(own)


def _diverged(what: str, first: int, last: int) -> TrainingDivergedError:
    return TrainingDivergedError(
        f"{what} was no finite number any more between steps {first} and {last}"
    )
