"""Labelled samples on the device, as the network takes them; gathered there, never one by one."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.machine.transfer import upload
from pipeline.models.recogniser_parts.settings import CubeRecogniser, Recogniser
from pipeline.recognition.labelled.samples import Labelled


class Samples(Protocol):
    """Samples by their position in the flattened labels."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample, as the network takes it."""

    @property
    def ways(self) -> int:
        """In how many equally likely ways a sample can be shown and stay what it is.

        Way 0 leaves it unchanged.
        """

    def at(self, positions: NDArray[np.int64], ways: NDArray[np.int64] | None = None) -> Tensor:
        """Return some samples, float32, on the device.

        Args:
            positions: Which.
            ways: How to show each of them; as it is when left out.
        """


def open_samples(
    labelled: Labelled, settings: Recogniser, network: nn.Module, device: torch.device
) -> Samples:
    """Return the samples of labelled data for one network.

    Args:
        labelled: The data.
        settings: Of the network.
        network: On ``device``; that of a cube has its projection already.
        device: Where the samples go.

    Raises:
        ValueError: The network is for another kind of task.
    """
    if settings.takes != labelled.kind:
        raise ValueError(
            f"expected labelled {settings.takes} for a {type(settings).__name__}, came "
            f"{labelled.kind}"
        )
    if isinstance(settings, CubeRecogniser):
        return _Windows(labelled, settings.window, network, device)
    if labelled.kind == "features":
        return _Features(labelled, device)
    return Images(labelled, device)


class Images:
    """Images ``(C, H, W)`` in [0, 1] up to noise."""

    def __init__(self, labelled: Labelled, device: torch.device) -> None:
        self._images = upload(np.ascontiguousarray(labelled.values), device)
        _, height, width, channels = self._images.shape
        self.shape = (channels, height, width)
        self._shift = labelled.shift
        self._steps = 2 * labelled.shift + 1
        self.ways = self._steps**2 * (1 + labelled.mirror)

    def at(self, positions: NDArray[np.int64], ways: NDArray[np.int64] | None = None) -> Tensor:
        """Return some images, shown as the ways say; see ``Samples``."""
        device = self._images.device
        rows = upload(positions, device)
        if ways is None:
            chosen = self._images.index_select(0, rows)
        else:
            chosen = self._moved(rows, upload(ways, device))
        scale = 255 if chosen.dtype == torch.uint8 else 1
        return chosen.float().div_(scale).permute(0, 3, 1, 2)

    def _moved(self, rows: Tensor, ways: Tensor) -> Tensor:
        """Return images moved, their last rows and columns repeated, and mirrored."""
        _, height, width = self.shape
        down, right = self._moves(ways)
        column = torch.arange(width, device=rows.device)
        mirrored = (ways >= self._steps**2)[:, None]
        across = torch.where(mirrored, width - 1 - column, column)
        ys = (torch.arange(height, device=rows.device) + down[:, None]).clamp_(0, height - 1)
        xs = (across + right[:, None]).clamp_(0, width - 1)
        return self._images[rows[:, None, None], ys[:, :, None], xs[:, None, :]]

    def _moves(self, ways: Tensor) -> tuple[Tensor, Tensor]:
        # Way 0 is to stay: the moves are counted from the middle one.
        middle = self._shift * (self._steps + 1)
        move = (ways + middle) % self._steps**2
        return move // self._steps - self._shift, move % self._steps - self._shift


class _Windows:
    """Windows ``(components, side, side)`` around pixels of a cube, zeros beyond its edges.

    Only those that are asked for are ever made.
    """

    ways = 8

    def __init__(
        self, labelled: Labelled, side: int, network: nn.Module, device: torch.device
    ) -> None:
        cube = upload(np.ascontiguousarray(labelled.values), device)
        project: Callable[[Tensor], Tensor] = network.project  # type: ignore[assignment]
        with torch.no_grad():
            components = project(cube)
        margin = side // 2
        self._width = labelled.labels.shape[1]
        self._padded = nn.functional.pad(components, (margin, margin, margin, margin))
        self.shape = (len(components), side, side)
        self._places = _turned_places(side).to(device)

    def at(self, positions: NDArray[np.int64], ways: NDArray[np.int64] | None = None) -> Tensor:
        device = self._padded.device
        rows = upload(positions // self._width, device)
        columns = upload(positions % self._width, device)
        turned = np.zeros_like(positions) if ways is None else ways
        places = self._places.index_select(1, upload(turned, device))
        across = self._padded.shape[2]
        pixels = (rows[:, None] + places[0]) * across + columns[:, None] + places[1]
        found = self._padded.flatten(1).index_select(1, pixels.flatten())
        return found.view(len(found), len(positions), *self.shape[1:]).transpose(0, 1)


def _turned_places(side: int) -> Tensor:
    """Return rows and columns of a window's pixels in each way to turn it, ``(2, 8, side²)``."""
    places = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"))
    turned = [torch.rot90(places, quarter, (1, 2)) for quarter in range(4)]
    turned += [torch.flip(one, (2,)) for one in turned]
    return torch.stack(turned, dim=1).flatten(2)


class _Features:
    """Pairs of features ``(D,)``."""

    ways = 1

    def __init__(self, labelled: Labelled, device: torch.device) -> None:
        self._features = upload(np.ascontiguousarray(labelled.values), device)
        self.shape = (self._features.shape[1],)

    def at(self, positions: NDArray[np.int64], ways: NDArray[np.int64] | None = None) -> Tensor:
        del ways
        return self._features.index_select(0, upload(positions, self._features.device))
