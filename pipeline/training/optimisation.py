"""The pieces of a recipe: optimiser, learning-rate schedule, gradient clipping."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.settings.params import (
    Adam,
    Clip,
    Constant,
    Cosine,
    Linear,
    MultiStep,
    Muon,
    NoClip,
    NormClip,
    Optimiser,
    Recipe,
    Sgd,
    ValueOverRateClip,
)
from pipeline.training import muon


class Together:
    """Optimisers of different weights of one network, as one.

    Args:
        optimisers: Each of weights of its own.
    """

    def __init__(self, optimisers: Sequence[torch.optim.Optimizer]) -> None:
        self._optimisers = optimisers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Those of all."""
        return [group for one in self._optimisers for group in one.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all."""
        for one in self._optimisers:
            one.zero_grad(set_to_none)

    def step(self) -> None:
        """Let each take its step."""
        for one in self._optimisers:
            one.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what all keep from step to step."""
        return {"together": [one.state_dict() for one in self._optimisers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` returned."""
        for one, kept in zip(self._optimisers, state["together"], strict=True):
            one.load_state_dict(kept)


AnyOptimiser = torch.optim.Optimizer | Together


def build_optimiser(settings: Optimiser, parameters: Iterable[nn.Parameter]) -> AnyOptimiser:
    """Return the optimiser; its learning rate is set anew at every step."""
    return _OPTIMISERS[type(settings)](settings, list(parameters))


def _adam(settings: Adam, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    return _adam_of(settings.betas, settings.weight_decay, parameters)


def _adam_of(
    betas: Sequence[float], weight_decay: float, parameters: Sequence[nn.Parameter]
) -> torch.optim.Adam:
    first, second = betas
    return torch.optim.Adam(
        parameters,
        betas=(first, second),
        weight_decay=weight_decay,
        fused=True,
        capturable=parameters[0].is_cuda,
    )


def _sgd(settings: Sgd, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        parameters,
        lr=1.0,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def _muon(settings: Muon, parameters: Sequence[nn.Parameter]) -> Together:
    within = [weights for weights in parameters if muon.is_within(weights)]
    others = [weights for weights in parameters if not muon.is_within(weights)]
    optimisers: list[torch.optim.Optimizer] = []
    if within:
        optimisers.append(muon.Muon(within, settings.momentum))
    if others:
        optimisers.append(_adam_of(settings.betas, 0.0, others))
    return Together(optimisers)


_OPTIMISERS: dict[type, Callable[[Any, Sequence[nn.Parameter]], AnyOptimiser]] = {
    Adam: _adam,
    Muon: _muon,
    Sgd: _sgd,
}


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    return recipe.learning_rate * _FACTORS[type(recipe.schedule)](recipe.schedule, step, recipe)


def _constant(schedule: Constant, step: int, recipe: Recipe) -> float:  # noqa: ARG001  (one signature)
    return 1.0


def _multistep(schedule: MultiStep, step: int, recipe: Recipe) -> float:  # noqa: ARG001  (one signature)
    passed = sum(step >= milestone for milestone in schedule.steps)
    return float(schedule.factor**passed)


def _cosine(schedule: Cosine, step: int, recipe: Recipe) -> float:
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    wave = (1 + math.cos(math.pi * _progress(schedule, step, recipe))) / 2
    return schedule.final + (1 - schedule.final) * wave


def _linear(schedule: Linear, step: int, recipe: Recipe) -> float:
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    return 1 - (1 - schedule.final) * _progress(schedule, step, recipe)


def _progress(schedule: Cosine | Linear, step: int, recipe: Recipe) -> float:
    """Return how much of the way behind the warm-up is done, 0 to 1."""
    return (step - schedule.warmup) / max(1, recipe.steps - 1 - schedule.warmup)


_FACTORS: dict[type, Callable[[Any, int, Recipe], float]] = {
    Constant: _constant,
    MultiStep: _multistep,
    Cosine: _cosine,
    Linear: _linear,
}


def clip_gradients(settings: Clip, network: nn.Module, rate: float | Tensor) -> None:
    """Limit the gradients of ``network`` in place, without waiting for its device.

    Args:
        settings: How; ``value_over_rate`` is that of VDSR, section 3.2: ±theta / rate.
        network: Its gradients are there.
        rate: Learning rate of the step, a number or a tensor on the device.
    """
    if isinstance(settings, NormClip):
        nn.utils.clip_grad_norm_(network.parameters(), settings.limit)
    elif isinstance(settings, ValueOverRateClip):
        # A rate of 0 limits nothing: on a GPU the quotient is infinite by itself.
        limit: Any = settings.theta / rate if isinstance(rate, Tensor) or rate else math.inf
        for weights in network.parameters():
            if weights.grad is not None:
                weights.grad.clamp_(-limit, limit)
    elif not isinstance(settings, NoClip):
        raise ValueError(f"unknown kind of clipping: {settings!r}")
