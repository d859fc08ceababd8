"""What happens around a capture, on a stand-in for the streams of a GPU."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from pipeline.training.captured import STEPS_BEFORE_CAPTURE, CapturedSteps, CudaStreams

CPU = torch.device("cpu")
RATE = torch.tensor(0.1)


class Immediate:
    """Streams that do at once what they are asked for, or fail."""

    def __init__(self, fault: RuntimeError | None = None) -> None:
        self.fault = fault
        self.captures = 0

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        self.captures += 1
        if self.fault is not None:
            raise self.fault
        return work


class Learner:
    """Notes the batches that it learns from."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def __call__(self, degraded: Tensor, clean: Tensor, rate: Tensor) -> None:
        assert torch.equal(clean, degraded + 1)
        assert rate is RATE
        self.seen.append(float(degraded[0]))


def take(steps: CapturedSteps, learner: Learner, numbers: range) -> None:
    for number in numbers:
        batch = torch.full((2,), float(number))
        steps.take(learner, batch, batch + 1, RATE)


def test_each_step_learns_once_from_its_batch_before_and_after_the_capture() -> None:
    learner, streams = Learner(), Immediate()
    steps = CapturedSteps(CPU, streams)

    take(steps, learner, range(STEPS_BEFORE_CAPTURE + 4))

    assert learner.seen == list(range(STEPS_BEFORE_CAPTURE + 4))
    assert steps.launches_as_one
    assert streams.captures == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "no memory is left for it"),
        (RuntimeError("operation not permitted\nwhen capturing"), "operation not permitted"),
    ],
)
def test_a_capture_that_fails_costs_the_graph_and_no_step(
    fault: RuntimeError, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    learner, streams = Learner(), Immediate(fault)
    steps = CapturedSteps(CPU, streams)

    take(steps, learner, range(STEPS_BEFORE_CAPTURE + 4))

    assert learner.seen == list(range(STEPS_BEFORE_CAPTURE + 4))
    assert not steps.launches_as_one
    assert streams.captures == 1
    assert capfd.readouterr().err == (
        f"no CUDA graph of the training step, its kernels start one by one: {reason}\n"
    )


def test_steps_that_are_computed_in_another_way_are_captured_anew() -> None:
    learner, streams = Learner(), Immediate()
    steps = CapturedSteps(CPU, streams)
    take(steps, learner, range(STEPS_BEFORE_CAPTURE + 1))

    steps.start_anew()

    assert not steps.launches_as_one
    take(steps, learner, range(STEPS_BEFORE_CAPTURE))
    assert streams.captures == 2


def test_what_comes_after_a_step_that_failed_waits_for_its_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    def stream(name: str) -> SimpleNamespace:
        return SimpleNamespace(
            name=name, wait_stream=lambda other: order.append(f"{name} waits for {other.name}")
        )

    @contextmanager
    def used(one: SimpleNamespace) -> Iterator[None]:
        order.append(f"on {one.name}")
        yield

    monkeypatch.setattr(torch.cuda, "Stream", lambda _device: stream("side"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _device: stream("current"))
    monkeypatch.setattr(torch.cuda, "stream", used)
    streams = CudaStreams(CPU)

    with pytest.raises(torch.OutOfMemoryError), streams.aside():
        raise torch.OutOfMemoryError

    assert order == ["side waits for current", "on side", "current waits for side"]
