"""One training by several processes, each of which has a part of every batch.

All draw the whole batch and take their part of it, so that the batches are those of one process.
What they have to agree on goes through one sum a step: the gradients, the loss, and whether one of
them was asked to stop or found no memory. So all hold the same weights, to the bit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from pipeline.running.several_processes import is_one_of_several

_PATIENCE = timedelta(hours=1)
"""How long processes wait for one another: the first of them also talks to the tracker."""

_NOTES = 4
"""Numbers behind the gradients: loss, measured, asked to stop, out of memory."""

Something = TypeVar("Something")


class OtherProcessEndedError(RuntimeError):
    """Another process of the training has ended before its time."""


@dataclass(frozen=True)
class Agreed:
    """What the processes learnt from one another at a step.

    Args:
        stop: Whether one of them was asked to stop.
        short: Whether one of them found no memory.
    """

    stop: bool
    short: bool


class SharedBatch:
    """The part of one process in a training of several.

    Args:
        position: Which one this is, from 0.
        processes: How many there are.
        batch: Samples of a whole batch.
        device: Where this process computes.

    Raises:
        ValueError: A batch has fewer samples than there are processes.
    """

    def __init__(self, position: int, processes: int, batch: int, device: torch.device) -> None:
        if processes > batch:
            raise ValueError(
                f"resources.train.processes: expected at most the {batch} samples of a batch, came "
                f"{processes}"
            )
        self.position = position
        self.processes = processes
        self.first = position * batch // processes
        """Samples of the batch before those of this process."""
        self.size = (position + 1) * batch // processes - self.first
        """Samples of this process."""
        self._device = device
        # A captured graph reads and writes these, so they stay where they are.
        self._wish = torch.zeros((), device=device)
        self._notes = torch.zeros(_NOTES, device=device)

    @property
    def is_first(self) -> bool:
        """Whether this process writes and tracks."""
        return self.position == 0

    def own(self, batch: Tensor) -> Tensor:
        """Return the samples of this process."""
        return batch[self.first : self.first + self.size]

    def forget(self) -> None:
        """Forget what was agreed on in a training before."""
        self._wish.zero_()
        self._notes.zero_()

    def ask_to_stop(self, asked: bool) -> None:
        """Let the others know, with the next step, whether this process was asked to stop."""
        self._wish.fill_(float(asked))

    def add_up(self, parameters: Sequence[Tensor], sums: Tensor, *, short: bool) -> Tensor:
        """Give every process the sums of all gradients and losses; return those of the losses.

        Args:
            parameters: With gradients of the own samples, which become those of the batch.
            sums: Loss and what else was measured of the own samples, ``(2,)``.
            short: Whether this process found no memory, so that its numbers are void.
        """
        parts = [
            torch.zeros(one.numel(), device=self._device)
            if short or one.grad is None
            else one.grad.reshape(-1)
            for one in parameters
        ]
        notes = [sums.float(), self._wish.reshape(1), sums.new_full((1,), short).float()]
        flat = torch.cat([*parts, *notes])
        distributed.all_reduce(flat)
        start = 0
        for one in parameters:
            if one.grad is not None:
                one.grad.copy_(flat[start : start + one.numel()].view_as(one))
            start += one.numel()
        self._notes.copy_(flat[start:])
        return self._notes[:2]

    def agreed(self) -> Agreed:
        """Return what came with the last step; this waits for the device."""
        _, _, stop, short = self._notes.tolist()
        return Agreed(stop > 0, short > 0)

    def of_all(self, values: Tensor) -> Tensor:
        """Return the values of each process, ``(processes, *values.shape)``."""
        gathered = values.new_zeros(self.processes, *values.shape)
        gathered[self.position] = values
        distributed.all_reduce(gathered)  # as exact as gathering: all others are 0
        return gathered

    def of_first(self, value: Something) -> Something:
        """Return what the first process has."""
        values: list[Any] = [value if self.is_first else None]
        distributed.broadcast_object_list(values, src=0)
        found: Something = values[0]
        return found

    def check_alike(self, digest: str) -> None:
        """Check that every process trains the same.

        Args:
            digest: Of what this one trains on and with.

        Raises:
            ValueError: This one does not train what the first one does.
        """
        if digest != self.of_first(digest):
            raise ValueError(
                "expected the data, the code and the params of the first process, came others: "
                "bring the checkouts and the training sets of all machines to the same state"
            )

    def wait(self) -> None:
        """Wait until every process is here."""
        distributed.barrier()


@contextmanager
def shared_batch(processes: int, batch: int, device: torch.device) -> Iterator[SharedBatch | None]:
    """Join the other processes of a training while the block runs.

    Args:
        processes: How many there should be.
        batch: Samples of a whole batch.
        device: Where this process computes.

    Yields:
        The part of this process; None where it is the only one.

    Raises:
        ValueError: torchrun started another number of processes, or more than a batch has samples.
        OtherProcessEndedError: Another process is not there any more.
    """
    if not is_one_of_several() and processes == 1:
        yield None
        return
    if not is_one_of_several():
        raise ValueError(
            f"expected one of {processes} processes that torchrun started, came a single one: "
            "start the stage by 'python -m stages.train', as dvc.yaml has it"
        )
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        started = distributed.get_world_size()
        if started != processes:
            raise ValueError(
                f"expected the {processes} processes of resources.train.processes, torchrun "
                f"started {started}"
            )
        yield SharedBatch(distributed.get_rank(), processes, batch, device)
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "gloo/transport" in str(error):
            raise OtherProcessEndedError(
                "another process of the training has ended: what it said tells why"
            ) from error
        raise
    finally:
        distributed.destroy_process_group()
