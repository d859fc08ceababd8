"""A network made ready to restore whole images, in bands of tiles and within bounded memory."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.images import Array
from pipeline.machine.devices import say
from pipeline.machine.memory import (
    free_memory,
    is_out_of_memory,
    peak_bytes,
    release_memory,
)
from pipeline.machine.transfer import upload
from pipeline.tiling.rows import ArrayRows, Rows
from pipeline.tiling.spans import Span, even_core, span_at, spans

LEAST_TILE = 16
"""Pixels: below, hardly anything would be computed but halos."""

_PIXELS_AT_ONCE = {"cpu": 2**18, "cuda": 2**22}
"""Tiles go through the network together until they have about so many pixels."""

_SCRATCH = 1.5
"""What kernels need while they run, on top of the tensors that they make."""

_BANDS = 4
"""As wide as the image, at one time: the next one read, this one, its result, and one written."""


class TooLittleMemoryError(RuntimeError):
    """Not even the smallest tile fits into the memory."""


@dataclass(frozen=True)
class Band:
    """Some whole rows of a restored image.

    Args:
        first: The first of them in the image.
        rows: ``(n, W, C)``, not clipped.
    """

    first: int
    rows: Array


@dataclass(frozen=True)
class _Window:
    rows: Span
    pixels: Future[Array]


class Restorer:
    """Restores images of any size with one network.

    Args:
        network: In evaluation mode; it is moved to ``device``, channels last. Its output has its
            input's size.
        device: Where to compute.
        tile: Side of a tile's core, in pixels. It is halved while memory does not suffice.
        halo: Pixels of context around it: ``measure_halo(network)`` makes the result exact.
        precision: Format of the convolutions.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        *,
        tile: int,
        halo: int,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.tile = tile
        self._network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device
        self._halo = halo
        self._precision = precision
        self._pixels_at_once = _PIXELS_AT_ONCE[device.type]
        self._bytes_each: float | None = None
        self._known_to_fit = 0.0

    def in_float32(self) -> "Restorer":
        """Return the same, computing in float32."""
        return Restorer(self._network, self._device, tile=self.tile, halo=self._halo)

    def restore(self, degraded: Array) -> Array:
        """Restore one image.

        Args:
            degraded: ``(H, W, C)`` in [0, 1] up to noise; any size.

        Returns:
            ``(H, W, C)``, not clipped; equal to the network's output for the whole image but
            for the last bits of float32, and for what a shorter format costs.

        Raises:
            TooLittleMemoryError: There is none even for small tiles.
        """
        restored = np.empty_like(degraded)
        for band in self.bands(ArrayRows(degraded)):
            restored[band.first : band.first + len(band.rows)] = band.rows
        return restored

    def bands(self, degraded: Rows) -> Iterator[Band]:
        """Restore an image from its first row to its last, one band of tiles at a time.

        Args:
            degraded: Rows of ``(H, W, C)`` in [0, 1] up to noise.

        Raises:
            TooLittleMemoryError: There is none even for small tiles.
        """
        height, width, channels = degraded.shape
        self._fit(height, width, channels)
        with ThreadPoolExecutor(1, "reader") as reader:

            def read(first: int) -> _Window:
                core = even_core(height, self.tile)
                rows = span_at(first, height, core, self._halo)
                return _Window(rows, reader.submit(degraded.read, rows.start, rows.stop))

            coming: _Window | None = read(0)
            while coming is not None:
                rows, window = coming.rows, coming.pixels.result()
                # The next rows are read while these are restored.
                coming = read(rows.last) if rows.last < height else None
                restored = self._band_if_it_fits(window, rows)
                if restored is None:
                    self._halve()
                    coming = read(rows.first)
                else:
                    yield Band(rows.first, restored)

    def _band_if_it_fits(self, window: Array, rows: Span) -> Array | None:
        try:
            return self._band(window, rows)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _band(self, window: Array, rows: Span) -> Array:
        """Restore the core rows of a window as wide as the image."""
        width = window.shape[1]
        restored = np.empty((rows.last - rows.first, *window.shape[1:]), np.float32)
        core_rows = slice(rows.first - rows.start, rows.last - rows.start)
        columns = spans(width, self.tile, self._halo)
        for some, outputs in self._outputs(window, columns):
            for at, output in zip(some, outputs, strict=True):
                core = output[core_rows, at.first - at.start : at.last - at.start]
                restored[:, at.first : at.last] = core
        return restored

    def _outputs(self, window: Array, columns: list[Span]) -> Iterator[tuple[list[Span], Array]]:
        """Yield batches of tiles and what the network makes of them, ``(N, h, w, C)``."""
        each = len(window) * (columns[0].stop - columns[0].start)
        at_once = max(1, self._pixels_at_once // each)
        coming: deque[tuple[list[Span], _Output]] = deque()
        for begin in range(0, len(columns), at_once):
            some = columns[begin : begin + at_once]
            tiles = np.stack([window[:, at.start : at.stop] for at in some])
            coming.append((some, self._apply(tiles)))
            # A GPU gets its next batch before the host waits for the one before.
            if len(coming) > 1:
                done, output = coming.popleft()
                yield done, output.wait()
        for done, output in coming:
            yield done, output.wait()

    def _apply(self, tiles: Array) -> "_Output":
        batch = upload(tiles, self._device).permute(0, 3, 1, 2)
        enabled = self._precision != torch.float32
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, self._precision, enabled=enabled),
        ):
            return _Output(self._network(batch).float())

    def _fit(self, height: int, width: int, channels: int) -> None:
        """Take smaller tiles where the free memory would not do for those that were asked for.

        A CPU has to ask before: whoever takes too much there is killed, not told. What was
        enough once is not asked for again, as the allocator keeps it.
        """
        if self._device.type != "cpu":
            return
        if self._bytes_each is None:
            self._bytes_each = _bytes_each_pixel(self._network, channels, self._precision)
        free = max(free_memory(self._device), self._known_to_fit)
        while self._needed(height, width, channels) > free and self.tile >= 2 * LEAST_TILE:
            self._halve()
        self._known_to_fit = max(self._known_to_fit, self._needed(height, width, channels))

    def _needed(self, height: int, width: int, channels: int) -> float:
        tall, wide = (
            min(side, even_core(side, self.tile) + 2 * self._halo) for side in (height, width)
        )
        pixels = max(tall * wide, min(height * width, self._pixels_at_once))
        bands = _BANDS * 4 * tall * width * channels
        return pixels * (self._bytes_each or 0) * _SCRATCH + bands

    def _halve(self) -> None:
        release_memory(self._device)
        if self.tile < 2 * LEAST_TILE:
            raise TooLittleMemoryError(
                f"memory ran out at tiles of {self.tile} pixels: free some, or take a smaller model"
            )
        self.tile //= 2
        self._pixels_at_once = 0  # one tile at a time: many small ones would need as much
        say(f"too little memory: restoring in tiles of {self.tile} pixels")


class _Output:
    """A batch that the device may still be working on."""

    def __init__(self, batch: Tensor) -> None:
        self._batch = batch.permute(0, 2, 3, 1).to("cpu", non_blocking=True)
        self._done = torch.cuda.Event() if batch.is_cuda else None  # type: ignore[no-untyped-call]
        if self._done is not None:
            self._done.record()

    def wait(self) -> Array:
        if self._done is not None:
            self._done.synchronize()
        found: Array = self._batch.numpy()
        return found


def _bytes_each_pixel(network: nn.Module, channels: int, precision: torch.dtype) -> float:
    """Return about how many bytes the tensors within a network take for each pixel."""
    probe = deepcopy(network).cpu()
    image = torch.zeros(1, channels, 48, 48)
    with torch.no_grad():
        found = peak_bytes(lambda: probe(image)) / (48 * 48)
    return found * (4 if precision == torch.float32 else 2) / 4
