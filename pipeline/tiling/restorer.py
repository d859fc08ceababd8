"""A network made ready to restore whole images, in bands of tiles and within bounded memory."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.arrays.pixels import Array
from pipeline.machine.devices import say
from pipeline.machine.memory import free_memory, is_out_of_memory, peak_bytes, release_memory
from pipeline.machine.precision import Precision
from pipeline.machine.transfer import upload
from pipeline.tiling.rows import ArrayRows, PaddedRows, Rows, RowsWithMap
from pipeline.tiling.spans import Span, even_core, span_at, spans

LEAST_TILE = 16
"""Pixels: below, hardly anything would be computed but halos."""

_PIXELS_AT_ONCE = {"cpu": 2**18, "cuda": 2**22}
"""Tiles go through the network together until they have about so many pixels."""

_SCRATCH = 1.5
"""What kernels need while they run, on top of the tensors that they make."""

_PROBE = 48
"""Side of the image that tells how much memory a network takes."""

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
        network: In evaluation mode; it is moved to ``device``, channels last.
        device: Where to compute.
        tile: Side of a tile's core, in pixels of the input. It is halved while memory does not
            suffice.
        halo: Pixels of context around it: ``measure_halo(network)`` makes the result exact. None
            for a network that needs the whole image at once.
        scale: How many times larger than its input the network's output is.
        multiple: Side of a cell of the network's grid: tiles consist of whole ones, and so does
            the image, whose end is mirrored for that.
        window: Side of every tile with its halo, for a network that takes no other size; its
            tiles are not made smaller, and an image must be as large.
        precision: Format of the convolutions.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        *,
        tile: int,
        halo: int | None,
        scale: int = 1,
        multiple: int = 1,
        window: int | None = None,
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        self.scale = scale
        self._network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device
        self._halo = halo
        self._multiple = multiple
        self._window = window
        self.tile = tile if window is None else window - 2 * multiple * self._halo_cells
        self._precision = precision
        self._pixels_at_once = _PIXELS_AT_ONCE[device.type]
        self._bytes_each: float | None = None
        self._known_to_fit = 0.0

    @property
    def least_side(self) -> int:
        """Side of the smallest images that it takes, in pixels."""
        return self._window or self._multiple

    def in_float32(self) -> "Restorer":
        """Return the same, computing in float32."""
        return Restorer(
            self._network,
            self._device,
            tile=self.tile,
            halo=self._halo,
            scale=self.scale,
            multiple=self._multiple,
            window=self._window,
        )

    def restore(self, degraded: Array, sigma_8bit: float | None = None) -> Array:
        """Restore one image.

        Args:
            degraded: ``(H, W, C)`` in [0, 1] up to noise; any size from a cell of the grid on.
            sigma_8bit: The level of its noise, for a network that is told.

        Returns:
            ``(S * H, S * W, C)``, not clipped, S the scale; equal to the network's output for
            the whole image but for the last bits of float32, and for what a shorter format
            costs.

        Raises:
            TooLittleMemoryError: There is none even for small tiles.
            ValueError: The image is smaller than a cell of the network's grid.
        """
        bands = self.bands(ArrayRows(degraded), sigma_8bit)
        return np.concatenate([band.rows for band in bands])

    def bands(self, degraded: Rows, sigma_8bit: float | None = None) -> Iterator[Band]:
        """Restore an image from its first row to its last, one band of tiles at a time.

        Args:
            degraded: Rows of ``(H, W, C)`` in [0, 1] up to noise.
            sigma_8bit: The level of its noise, for a network that is told.

        Raises:
            TooLittleMemoryError: There is none even for small tiles.
            ValueError: The image is smaller than a cell of the network's grid.
        """
        tall, wide, _ = degraded.shape
        least = self.least_side
        if min(tall, wide) < least:
            why = "only size that the network takes" if self._window else "grid of the network"
            raise ValueError(
                f"expected images of at least {least}x{least} pixels, the {why}; came {tall}x{wide}"
            )
        told = degraded if sigma_8bit is None else RowsWithMap(degraded, sigma_8bit)
        image = PaddedRows(told, self._multiple)
        for band in self._padded_bands(image):
            rows = band.rows[: self.scale * tall - band.first, : self.scale * wide]
            yield Band(band.first, np.ascontiguousarray(rows))

    def _padded_bands(self, image: Rows) -> Iterator[Band]:
        height, width, channels = image.shape
        self._fit(height, width, channels)
        with ThreadPoolExecutor(1, "reader") as reader:

            def read(first: int) -> _Window:
                rows = self._span_at(first, height)
                return _Window(rows, reader.submit(image.read, rows.start, rows.stop))

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
                    yield Band(self.scale * rows.first, restored)

    def _core(self, length: int) -> int:
        """Return the side of cores on an axis of so many cells."""
        if self._halo is None:
            return length
        core = max(1, self._cells(self.tile))
        return core if self._window else even_core(length, core)

    def _cells(self, pixels: int) -> int:
        return pixels // self._multiple

    @property
    def _halo_cells(self) -> int:
        return -(-(self._halo or 0) // self._multiple)

    def _span_at(self, first: int, length: int) -> Span:
        """Return the tile that begins at pixel ``first`` of an axis of ``length`` pixels."""
        cells = self._cells(length)
        found = span_at(self._cells(first), cells, self._core(cells), self._halo_cells)
        return found.times(self._multiple)

    def _spans(self, length: int) -> list[Span]:
        cells = self._cells(length)
        found = spans(cells, self._core(cells), self._halo_cells, even=not self._window)
        return [one.times(self._multiple) for one in found]

    def _band_if_it_fits(self, window: Array, rows: Span) -> Array | None:
        try:
            return self._band(window, rows)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _band(self, window: Array, rows: Span) -> Array:
        """Restore the core rows of a window as wide as the image."""
        tall = slice(self.scale * (rows.first - rows.start), self.scale * (rows.last - rows.start))
        cores: list[Array] = []
        for some, outputs in self._outputs(window, self._spans(window.shape[1])):
            for at, output in zip(some, outputs, strict=True):
                left = self.scale * (at.first - at.start)
                cores.append(output[tall, left : left + self.scale * (at.last - at.first)])
        return np.concatenate(cores, axis=1)

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
        with self._precision.inference(self._device):
            return _Output(self._network(batch).float())

    def _fit(self, height: int, width: int, channels: int) -> None:
        """Take smaller tiles where the free memory would not do for those that were asked for.

        A CPU has to ask before: whoever takes too much there is killed, not told. What was
        enough once is not asked for again, as the allocator keeps it.
        """
        if self._device.type != "cpu":
            return
        if self._bytes_each is None:
            self._bytes_each = _bytes_each_pixel(
                self._network, channels, self._precision, self._window or _PROBE
            )
        free = max(free_memory(self._device), self._known_to_fit)
        while self._needed(height, width, channels) > free and self._can_halve:
            self._halve()
        if self._halo is None and self._needed(height, width, channels) > free:
            self._halve()  # which it cannot, and says so
        self._known_to_fit = max(self._known_to_fit, self._needed(height, width, channels))

    def _needed(self, height: int, width: int, channels: int) -> float:
        cells = (self._cells(height), self._cells(width))
        tall, wide = (
            self._multiple * min(side, self._core(side) + 2 * self._halo_cells) for side in cells
        )
        pixels = max(tall * wide, min(height * width, self._pixels_at_once))
        bands = _BANDS * 4 * tall * width * channels * self.scale**2
        return pixels * (self._bytes_each or 0) * _SCRATCH + bands

    @property
    def _can_halve(self) -> bool:
        return self._halo is not None and not self._window and self.tile >= 2 * LEAST_TILE

    def _halve(self) -> None:
        release_memory(self._device)
        if self._halo is None:
            raise TooLittleMemoryError(
                "memory ran out, and this network needs a whole image at once, as it averages "
                "over it: free some, or average locally (way: local_averages)"
            )
        if not self._can_halve:
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


def _bytes_each_pixel(network: nn.Module, channels: int, precision: Precision, side: int) -> float:
    """Return about how many bytes the tensors within a network take for each pixel."""
    probe = deepcopy(network).cpu()
    image = torch.zeros(1, channels, side, side)
    with torch.no_grad():
        found = peak_bytes(lambda: probe(image)) / side**2
    return found * precision.stored.itemsize / 4
