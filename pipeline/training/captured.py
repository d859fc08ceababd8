"""Steps on a GPU: the first ones kernel by kernel, the others as one captured CUDA graph."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch
from torch import Tensor

from pipeline.machine.devices import say
from pipeline.machine.memory import is_out_of_memory, release_memory

STEPS_BEFORE_CAPTURE = 3
"""Steps that allocate what the optimiser and the libraries keep, before a graph is captured."""


Learn = Callable[[Tensor, Tensor, Tensor], None]
"""Takes a step with the two tensors of a batch and the learning rate."""


class Streams(Protocol):
    """What captured steps ask of a GPU."""

    def aside(self) -> AbstractContextManager[None]:
        """Return where work runs on a stream of its own, which what comes after waits for."""

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return what does ``work`` again, launched as one; nothing of it is done before.

        Raises:
            RuntimeError: It cannot be captured, or memory ran out.
        """


class CapturedSteps:
    """Takes steps that are always of the same shape.

    Args:
        device: The GPU.
        streams: Of the GPU; those of torch when left out.
    """

    def __init__(self, device: torch.device, streams: Streams | None = None) -> None:
        self._device = device
        self._streams = CudaStreams(device) if streams is None else streams
        self._replay: Callable[[Tensor, Tensor], None] | None = None
        self._taken = 0

    @property
    def launches_as_one(self) -> bool:
        """Whether a graph was captured."""
        return self._replay is not None

    def take(self, learn: Learn, degraded: Tensor, clean: Tensor, rate: Tensor) -> None:
        """Take a step.

        Args:
            learn: What a step does, always the same, without waiting for the GPU. It is not kept:
                whoever owns it and this would free the memory of the GPU late.
            degraded: What the network gets.
            clean: What the objective compares with.
            rate: Learning rate; always the same tensor, read from the device at each step.

        Raises:
            RuntimeError: Memory ran out, or what else torch has to say; a capture that fails
                only costs the graph.
        """
        if self._replay is not None:
            self._replay(degraded, clean)
        elif self._taken < STEPS_BEFORE_CAPTURE:
            # As torch asks for before a capture.
            with self._streams.aside():
                learn(degraded, clean, rate)
            self._taken += 1
            if self._taken == STEPS_BEFORE_CAPTURE:
                self._replay = self._captured(learn, degraded, clean, rate)
        else:
            learn(degraded, clean, rate)

    def start_anew(self) -> None:
        """Forget the graph: steps are computed in another way from now on."""
        self._replay = None
        self._taken = 0

    def _captured(
        self, learn: Learn, degraded: Tensor, clean: Tensor, rate: Tensor
    ) -> Callable[[Tensor, Tensor], None] | None:
        """Return what takes a step with another batch, launched as one; None if nothing can."""
        try:
            inputs = degraded.clone(), clean.clone()
            launch = self._streams.capture(lambda: learn(*inputs, rate))
        except RuntimeError as error:
            short = is_out_of_memory(error)
            reason = "no memory is left for it" if short else _first_line(error)
            say(f"no CUDA graph of the training step, its kernels start one by one: {reason}")
        else:

            def replay(degraded: Tensor, clean: Tensor) -> None:
                inputs[0].copy_(degraded)
                inputs[1].copy_(clean)
                launch()

            return replay
        # Not within the handler: the error holds on to what was captured before it. The steps
        # before fitted, so they are not made smaller for the sake of a graph.
        release_memory(self._device)
        return None


class CudaStreams:
    """The stream of a GPU that torch warms up and captures on, beside the current one."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Run a block on the stream; what comes after waits for it, also where it fails."""
        current = torch.cuda.current_stream(self._device)
        self._side.wait_stream(current)
        try:
            with torch.cuda.stream(self._side):
                yield
        finally:
            current.wait_stream(self._side)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return what launches ``work``, captured on the stream."""
        graph = torch.cuda.CUDAGraph()
        # A capture that fails leaves its own stream behind as the current one. Only this thread
        # is captured: another one may be reading patches ahead.
        with (
            torch.cuda.stream(torch.cuda.current_stream(self._device)),
            torch.cuda.graph(graph, stream=self._side, capture_error_mode="thread_local"),
        ):
            work()
        return graph.replay


def _first_line(error: RuntimeError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
