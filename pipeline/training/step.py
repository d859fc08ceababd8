"""One training step: forward, loss, backward, clipping, optimiser, on whatever is fastest."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.machine.devices import say
from pipeline.machine.memory import is_out_of_memory
from pipeline.settings.params import Recipe
from pipeline.training.objectives import Objective, Restoration
from pipeline.training.optimisation import build_optimiser, clip_gradients

STEPS_BEFORE_CAPTURE = 3
"""Steps that allocate what the optimiser and the libraries keep, before a graph is captured."""


@dataclass(frozen=True)
class Way:
    """How steps are computed; it can move the last bits of a result, never more.

    Args:
        precision: Format of the convolutions; weights and optimiser are float32 always.
        compiled: Whether the network runs through ``torch.compile``.
    """

    precision: torch.dtype
    compiled: bool


class NoSmallerStepError(RuntimeError):
    """Memory ran out, and a step cannot be computed in smaller parts."""


class Step:
    """Takes training steps; knows nothing of where batches come from or where results go.

    Args:
        network: On its device; it is brought to channels last.
        recipe: How to optimise.
        way: How to compute.
        objective: What to learn; to restore, by the recipe's loss, when left out.
    """

    def __init__(
        self, network: nn.Module, recipe: Recipe, way: Way, objective: Objective | None = None
    ) -> None:
        self.network: nn.Module = _channels_last(network)
        self.objective = Restoration(recipe) if objective is None else objective
        self.recipe = recipe
        self.way = way
        self.device = next(network.parameters()).device
        self.micro_batch = recipe.batch
        self.offloads = False
        self.optimiser = build_optimiser(recipe.optimiser, network.parameters())
        # Sums since the last curve point stay on the device: reading them waits for it.
        self.sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        self._forward = torch.compile(network, dynamic=False) if way.compiled else network
        # A captured graph reads the rate from the device; elsewhere a number is the simpler way.
        self._rate = torch.zeros((), device=self.device) if self.device.type == "cuda" else None
        self._graph: _Graph | None = None
        self._eager_steps = 0
        # As torch asks for before a capture: the steps before it run on another stream.
        self._side = torch.cuda.Stream(self.device) if self._rate is not None else None  # type: ignore[no-untyped-call]

    def take(self, degraded: Tensor, clean: Tensor, rate: float) -> None:
        """Move the weights by one step.

        Args:
            degraded: Batch ``(N, C, H, W)`` in [0, 1] up to noise and overshoot; or whatever else
                the network takes.
            clean: The same shape, in [0, 1]; or whatever else the objective compares with.
            rate: Learning rate.

        Raises:
            RuntimeError: Memory ran out, or what else torch has to say.
        """
        if self._rate is None:
            self._learn(degraded, clean, rate)
        else:
            self._rate.fill_(rate)
            self._take_on_gpu(degraded, clean, self._rate)

    def shrink(self) -> str:
        """Make the next steps need about half the memory, and return in words how.

        Micro-batches give the sums of the whole batch, but for the last bits. Batch
        normalisation needs all of a batch at once: then a GPU keeps in the memory of its host
        what the backward pass will ask for, and the result is the same to the bit.

        Raises:
            NoSmallerStepError: Neither is possible.
        """
        self._graph = None
        normalised = _has_batch_statistics(self.network)
        if normalised or self.objective.needs_whole_batch:
            if self.offloads or self.device.type != "cuda":
                what = "batch normalisation" if normalised else "the loss"
                raise NoSmallerStepError(
                    f"memory ran out at a batch of {self.recipe.batch}, and {what} needs all of a "
                    "batch at once: lower the recipe's batch or the size of what is learnt from"
                    + (", or take a model without batch normalisation" if normalised else "")
                )
            self.offloads = True
            return "what the backward pass needs waits in the memory of the host"
        if self.micro_batch == 1:
            raise NoSmallerStepError(
                "memory ran out at a single patch: choose smaller patches or a smaller model"
            )
        self.micro_batch = (self.micro_batch + 1) // 2
        return f"the batch of {self.recipe.batch} goes in parts of {self.micro_batch}"

    def load(self, micro_batch: int, offloads: bool) -> None:
        """Go on as a step that was shrunk before, after weights and optimiser were loaded."""
        self.micro_batch, self.offloads = micro_batch, offloads
        self._graph, self._eager_steps = None, 0

    def _take_on_gpu(self, degraded: Tensor, clean: Tensor, rate: Tensor) -> None:
        if self._graph is not None:
            self._graph.replay(degraded, clean)
            return
        if self.offloads or self._eager_steps >= STEPS_BEFORE_CAPTURE or self._side is None:
            self._learn(degraded, clean, rate)
            return
        self._eager_steps += 1
        self._side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._side):
            self._learn(degraded, clean, rate)
        torch.cuda.current_stream(self.device).wait_stream(self._side)
        if self._eager_steps == STEPS_BEFORE_CAPTURE:
            self._capture(degraded, clean, rate)

    def _capture(self, degraded: Tensor, clean: Tensor, rate: Tensor) -> None:
        try:
            # A capture that fails leaves its own stream behind as the current one.
            with torch.cuda.stream(torch.cuda.current_stream(self.device)):
                self._graph = _Graph(self, degraded, clean, rate)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            first, *_ = str(error).splitlines() or [""]
            say(f"no CUDA graph of the training step, its kernels start one by one: {first}")

    def _learn(self, degraded: Tensor, clean: Tensor, rate: float | Tensor) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        for part, clean_part in self._parts(degraded, clean):
            self._add_gradients(part, clean_part, share=len(part) / len(degraded))
        clip_gradients(self.recipe.clip, self.network, rate)
        self.optimiser.step()

    def _parts(self, degraded: Tensor, clean: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        size = self.micro_batch
        return zip(torch.split(degraded, size), torch.split(clean, size), strict=True)

    def _add_gradients(self, degraded: Tensor, clean: Tensor, share: float) -> None:
        enabled = self.way.precision != torch.float32
        with self._kept():
            with torch.autocast(self.device.type, self.way.precision, enabled=enabled):
                output = self._forward(degraded)
            loss, measured = self.objective(output, clean)
            # Every loss is a mean over samples, so parts count by their number of samples.
            loss = share * loss
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            self.sums += torch.stack([loss.detach(), share * measured])

    def _kept(self) -> AbstractContextManager[object]:
        """Return where what the backward pass needs is kept."""
        if self.offloads:
            return torch.autograd.graph.saved_tensors_hooks(_to_host, _to_device)
        return nullcontext()


class _Graph:
    """A step captured as a CUDA graph: one launch instead of hundreds."""

    def __init__(self, step: Step, degraded: Tensor, clean: Tensor, rate: Tensor) -> None:
        self._inputs = degraded.clone(), clean.clone()
        self._graph = torch.cuda.CUDAGraph()
        # Only this thread is captured: another one may be reading patches ahead.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            step._learn(*self._inputs, rate)

    def replay(self, degraded: Tensor, clean: Tensor) -> None:
        """Take the step with another batch."""
        self._inputs[0].copy_(degraded)
        self._inputs[1].copy_(clean)
        self._graph.replay()


def _to_host(tensor: Tensor) -> tuple[Tensor, torch.device]:
    """Copy a tensor into the memory of the host, in the same order: other kernels, other bits."""
    kept = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
    kept.copy_(tensor)
    return kept, tensor.device


def _to_device(kept: tuple[Tensor, torch.device]) -> Tensor:
    tensor, device = kept
    return tensor.to(device, non_blocking=True)


def _channels_last(network: nn.Module) -> nn.Module:
    """Bring a network to the order that its convolutions compute fastest in.

    Weights of 3-D convolutions have another such order, and keep theirs.
    """
    if any(weights.dim() > 4 for weights in network.parameters()):
        return network
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _has_batch_statistics(network: nn.Module) -> bool:
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
