"""Where the patches are while a network trains: all on the device, or read ahead from the disk."""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.arrays.shards import Rows, ShardedArray
from pipeline.machine.transfer import pinned, upload

_AHEAD = 4
"""Batches that are read before they are asked for."""

_PIECE = 2**26
"""Bytes that are copied to a device at once."""

_TENSOR_TYPES = {np.uint8: torch.uint8, np.float16: torch.float16}


class Store(Protocol):
    """Arrays of patches, from which each step takes some rows."""

    def rows(self, step: int) -> list[Tensor]:
        """Return of each array the patches of a step, on the device and as they are stored."""


def open_store(
    arrays: Sequence[Rows],
    chosen: Callable[[int], NDArray[np.int64]],
    device: torch.device,
    memory: int,
) -> Store:
    """Return a store that holds the arrays on ``device`` if they fit there, else streams them.

    A CPU works on mapped files where they are: pages that were read stay in the system's cache.

    Args:
        arrays: Patches ``(N, size, size, C)``, possibly memory-mapped: 0-255, or half precision
            in [0, 1] up to overshoot. Positions beyond the length of a shorter one start anew
            at its beginning.
        chosen: Returns the positions that a step takes.
        device: Where the patches are needed.
        memory: Bytes of the device that the arrays may take.
    """
    if sum(array.nbytes for array in arrays) > memory:
        return StreamedStore(arrays, chosen, device)
    if device.type != "cpu":
        return _Resident([_held(array, device) for array in arrays], chosen, device)
    in_place = [_in_place(array) for array in arrays if not isinstance(array, ShardedArray)]
    if len(in_place) < len(arrays):
        return StreamedStore(arrays, chosen, device)
    return _Resident(in_place, chosen, device)


@dataclass
class _Resident:
    banks: Sequence[Tensor]
    chosen: Callable[[int], NDArray[np.int64]]
    device: torch.device

    def rows(self, step: int) -> list[Tensor]:
        positions = upload(self.chosen(step), self.device)
        return [bank.index_select(0, positions % len(bank)) for bank in self.banks]


def _held(array: Rows, device: torch.device) -> Tensor:
    """Copy an array to a device piece by piece: all of it may not fit into the host's memory."""
    held = torch.empty(array.shape, dtype=_TENSOR_TYPES[array.dtype.type], device=device)
    some = max(1, _PIECE // max(1, array[:1].nbytes))
    for begin in range(0, len(array), some):
        held[begin : begin + some] = torch.from_numpy(np.array(array[begin : begin + some]))
    return held


def _in_place(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor without a copy, to be read only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(np.asarray(array))


@dataclass
class StreamedStore:
    """Reads the batches of the next steps in a thread, into memory that a GPU copies from."""

    arrays: Sequence[Rows]
    chosen: Callable[[int], NDArray[np.int64]]
    device: torch.device

    def __post_init__(self) -> None:
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="patches")
        self._coming: dict[int, Future[list[Tensor]]] = {}

    def rows(self, step: int) -> list[Tensor]:
        """Return of each array the patches of a step, on the device and as they are stored."""
        wanted = range(step, step + _AHEAD)
        for other in [one for one in self._coming if one not in wanted]:
            self._coming.pop(other).cancel()
        for one in wanted:
            if one not in self._coming:
                self._coming[one] = self._reader.submit(self._read, one)
        return [rows.to(self.device, non_blocking=True) for rows in self._coming.pop(step).result()]

    def _read(self, step: int) -> list[Tensor]:
        chosen = self.chosen(step)
        return [pinned(array[chosen % len(array)], self.device) for array in self.arrays]
