"""One training step: forward, loss, backward, clipping, optimiser, on whatever is fastest."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.machine.memory import is_out_of_memory
from pipeline.machine.precision import Precision
from pipeline.settings.params import Recipe
from pipeline.training.captured import CapturedSteps
from pipeline.training.objectives import Objective, Restoration
from pipeline.training.optimisation import build_optimiser, clip_gradients
from pipeline.training.shared_batch import SharedBatch
from pipeline.training.synchronised_normalisation import share_layers


@dataclass(frozen=True)
class Way:
    """How steps are computed; it can move the last bits of a result, never more.

    Args:
        precision: Format of the convolutions; weights and optimiser are float32 always.
        compiled: Whether the network runs through ``torch.compile``.
    """

    precision: Precision
    compiled: bool


class NoSmallerStepError(RuntimeError):
    """Memory ran out, and a step cannot be computed in smaller parts."""


class SharedShortageError(MemoryError):
    """One of the processes of a training found no memory, and all know it."""


class Step:
    """Takes training steps; knows nothing of where batches come from or where results go.

    Args:
        network: On its device; it is brought to channels last.
        recipe: How to optimise.
        way: How to compute.
        objective: What to learn; to restore, by the recipe's loss, when left out.
        shared: The part of this process of each batch; all of it when left out.

    Raises:
        ValueError: The batch is shared, and the loss or a layer needs all of it.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        way: Way,
        objective: Objective | None = None,
        shared: SharedBatch | None = None,
    ) -> None:
        self.network: nn.Module = _channels_last(network)
        self.objective = Restoration(recipe) if objective is None else objective
        self.shared = shared
        if shared is not None:
            if self.objective.needs_whole_batch:
                raise ValueError(
                    "the loss compares the samples of a batch with one another, so that several "
                    "processes cannot share it: set resources.train.processes 1"
                )
            share_layers(self.network, shared)
        self.recipe = recipe
        self.way = way
        self.device = next(network.parameters()).device
        self.micro_batch = recipe.batch
        self.offloads = False
        self.optimiser = build_optimiser(recipe.optimiser, network.parameters())
        # Sums since the last curve point stay on the device: reading them waits for it.
        self.sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        self._forward = _compiled(network) if way.compiled else network
        # A captured graph reads the rate from the device; elsewhere a number is the simpler way.
        self._rate = torch.zeros((), device=self.device)
        self._captured: CapturedSteps | None = None
        if self.device.type == "cuda":
            self._captured = CapturedSteps(self.device)

    @property
    def largest_part(self) -> int:
        """Samples that go through the network of this process at once."""
        return self.micro_batch if self.shared is None else min(self.micro_batch, self.shared.size)

    @property
    def is_normalised(self) -> bool:
        """Whether the network needs all samples of a batch at once."""
        return _has_batch_statistics(self.network)

    def take(self, degraded: Tensor, clean: Tensor, rate: float) -> None:
        """Move the weights by one step.

        Args:
            degraded: Batch ``(N, C, H, W)`` in [0, 1] up to noise and overshoot; or whatever else
                the network takes.
            clean: The same shape, in [0, 1]; or whatever else the objective compares with.
            rate: Learning rate.

        Raises:
            RuntimeError: Memory ran out, or what else torch has to say.
            SharedShortageError: Memory ran out in one of the processes that share the batch; all
                raise it.
            NoSmallerStepError: Memory ran out, and the other processes cannot be told.
        """
        if self.shared is None:
            self._take(degraded, clean, rate)
            return
        self._take(self.shared.own(degraded), self.shared.own(clean), rate)
        if self.shared.agreed().short:
            raise SharedShortageError("one of the processes of the training found no memory")

    def _take(self, degraded: Tensor, clean: Tensor, rate: float) -> None:
        if self._captured is None:
            self._learn(degraded, clean, rate)
            return
        self._rate.fill_(rate)
        if self.offloads:  # copies to the host are no part of a graph
            self._learn(degraded, clean, self._rate)
        else:
            self._captured.take(self._learn, degraded, clean, self._rate)

    def shrink(self) -> str:
        """Make the next steps need about half the memory, and return in words how.

        Micro-batches give the sums of the whole batch, but for the last bits. Batch
        normalisation needs all of a batch at once: then a GPU keeps in the memory of its host
        what the backward pass will ask for, and the result is the same to the bit.

        Raises:
            NoSmallerStepError: Neither is possible.
        """
        self._start_anew()
        normalised = self.is_normalised
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
        if self.largest_part == 1:
            raise NoSmallerStepError(
                "memory ran out at a single patch: choose smaller patches or a smaller model"
            )
        self.micro_batch = (self.largest_part + 1) // 2
        return f"the batch of {self.recipe.batch} goes in parts of {self.micro_batch}"

    def load(self, micro_batch: int, offloads: bool) -> None:
        """Go on as a step that was shrunk before, after weights and optimiser were loaded."""
        self.micro_batch, self.offloads = micro_batch, offloads
        self._start_anew()

    def _start_anew(self) -> None:
        if self._captured is not None:
            self._captured.start_anew()

    def _learn(self, degraded: Tensor, clean: Tensor, rate: float | Tensor) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        if self.shared is None:
            self._add_all_gradients(degraded, clean, self.sums)
        else:
            self._add_shared_gradients(degraded, clean, self.shared)
        clip_gradients(self.recipe.clip, self.network, rate)
        self.optimiser.step()

    def _add_shared_gradients(self, degraded: Tensor, clean: Tensor, shared: SharedBatch) -> None:
        """Get the gradients and losses of all processes, or let them know that memory ran out."""
        own = torch.zeros_like(self.sums)
        short = False
        try:
            self._add_all_gradients(degraded, clean, own)
        except (RuntimeError, MemoryError) as error:
            # The others wait within such a layer; a capture that fails costs the graph alone.
            if not is_out_of_memory(error) or _is_capturing(self.device):
                raise
            if self.is_normalised:
                raise NoSmallerStepError(
                    f"memory ran out at {shared.size} samples of the batch of {self.recipe.batch}, "
                    "and batch normalisation needs all of them at once: lower the recipe's batch"
                ) from error
            short = True
        self.sums += shared.add_up(list(self.network.parameters()), own, short=short)

    def _add_all_gradients(self, degraded: Tensor, clean: Tensor, sums: Tensor) -> None:
        samples = len(degraded) if self.shared is None else self.recipe.batch
        with self.way.precision.arithmetic():
            for part, clean_part in self._parts(degraded, clean):
                self._add_gradients(part, clean_part, len(part) / samples, sums)

    def _parts(self, degraded: Tensor, clean: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        size = self.micro_batch
        return zip(torch.split(degraded, size), torch.split(clean, size), strict=True)

    def _add_gradients(self, degraded: Tensor, clean: Tensor, share: float, sums: Tensor) -> None:
        with self._kept():
            with self.way.precision.forward(self.device):
                output = self._forward(degraded)
            loss, measured = self.objective(output, clean)
            # Every loss is a mean over samples, so parts count by their number of samples.
            loss = share * loss
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            sums += torch.stack([loss.detach(), share * measured])

    def _kept(self) -> AbstractContextManager[object]:
        """Return where what the backward pass needs is kept."""
        if self.offloads:
            return torch.autograd.graph.saved_tensors_hooks(_to_host, _to_device)
        return nullcontext()


def _compiled(network: nn.Module) -> Callable[..., Any]:
    """Return a network that is compiled once it is called, deterministic as everything is here."""
    torch.use_deterministic_algorithms(torch.are_deterministic_algorithms_enabled())
    return torch.compile(network, dynamic=False)


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


def _is_capturing(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def _has_batch_statistics(network: nn.Module) -> bool:
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
