"""Steps that ask their device for a number would wait for it: between two points none may."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pipeline.training.optimisation import clip_gradients
from tests.unit.test_training_loop import MUON, SGD, recipe, run, training
from tests.unit.test_training_step import network

pytestmark = pytest.mark.usefixtures("one_thread")

WAITING = {
    "aten::_local_scalar_dense",  # item, or a tensor in an if
    "aten::nonzero",
    "aten::masked_select",
    "aten::equal",
    "aten::_unique2",
    "aten::unique_dim",
    "aten::unique_consecutive",
    "aten::bincount",
}
"""Operations whose result the host needs, or whose shape depends on values."""

KINDS: dict[str, dict[str, Any]] = {
    "mean of squares": {"loss": "mse"},
    "mean of absolutes": {"loss": "l1"},
    "half the sum of squares": {"loss": "half_sse"},
    "stochastic gradient descent": {"optimiser": SGD},
    "muon": {"optimiser": MUON},
    "gradients limited by value": {"clip": {"kind": "value_over_rate", "theta": 0.01}},
    "gradients not limited": {"clip": {"kind": "none"}},
    "a rate in steps": {"schedule": {"kind": "multistep", "steps": [2, 4], "factor": 0.1}},
    "a rate in a line": {"schedule": {"kind": "linear", "warmup": 2, "final": 0.0}},
    "a constant rate": {"schedule": {"kind": "constant"}},
    "bfloat16": {"precision": "bfloat16"},
    "patches as they are": {"augment": False},
}


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operations that would wait for a device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[str] = []

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        name = str(getattr(func, "_schema", func)).partition("(")[0].partition(".")[0]
        chosen = tree_leaves(args[1]) if name == "aten::index" else []
        by_mask = any(isinstance(one, torch.Tensor) and one.dtype == torch.bool for one in chosen)
        if name in WAITING or by_mask:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", KINDS)
def test_no_operation_between_two_points_waits_for_the_device(tmp_path: Path, kind: str) -> None:
    chosen = recipe(**KINDS[kind], steps=8, log_every=8, checkpoint_every=8)
    started = training(tmp_path, chosen)
    waits = Waits()

    def watch(step: int) -> None:
        if step == 1:  # before it the optimiser makes what it keeps
            waits.__enter__()  # type: ignore[no-untyped-call]
        elif step == 7:  # the eighth is followed by a point, which reads the losses
            waits.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    run(started, on_step=watch)

    assert started.step == 8
    assert waits.found == []


def test_gradients_are_limited_by_a_rate_that_stays_on_the_device() -> None:
    clip = recipe(clip={"kind": "value_over_rate", "theta": 0.01}).clip
    layers = network()
    layers(torch.ones(2, 1, 8, 8)).sum().backward()

    with Waits() as waits:
        clip_gradients(clip, layers, torch.tensor(0.5))

    limit = max(one.grad.abs().max() for one in layers.parameters() if one.grad is not None)
    assert limit == pytest.approx(0.02)
    assert waits.found == []


@pytest.mark.parametrize(
    "asks",
    [
        lambda values: values.sum().item(),
        lambda values: bool(values.any()),
        lambda values: values[values > 0],
        lambda values: values.nonzero(),
    ],
)
def test_asking_for_a_number_is_noticed(asks: Callable[[torch.Tensor], object]) -> None:
    with Waits() as waits:
        asks(torch.ones(3))

    assert waits.found
