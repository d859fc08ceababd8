"""Keypoints of an image, and a 64-bit code of what is around each.

A keypoint is a blob: a local extremum of a difference of Gaussians. Its code is a perceptual hash
of its surroundings: the signs of their low cosine frequencies, after turning them into one of
eight upright or mirrored positions that they choose themselves. Brightness and contrast leave the
signs alone, compression and small changes of scale leave most of them alone. Large changes of
scale are met by taking keypoints at several sizes of the image.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.ndimage import affine_transform, gaussian_filter

Floats = NDArray[np.float32]
Codes = NDArray[np.uint64]

SMALLEST_SIDE = 32
"""Pixels of the smaller side below which a reduced image holds no keypoints worth having."""

COARSE = (1.0, 0.5, 0.25)
"""Sizes at which keypoints of a training image are taken."""

FINE = tuple(0.5 ** (step / 4) for step in range(17))
"""Sizes for a test image, so close that any size of a training image has one within 9 %."""

_BLUR, _WIDER_BLUR = 1.6, 2.4
_CONTRAST = 0.7 / 255
_EDGE_RATIO = 12.0
"""Largest ratio of curvatures across and along a blob: above it is an edge, which has no place."""

_SAMPLES, _SPACING = 9, 3
_REACH = _SAMPLES // 2 * _SPACING
_COSINES = dct(np.eye(_SAMPLES), norm="ortho", axis=0).astype(np.float32)


def _code_frequencies() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return vertical and horizontal frequencies of the 64 bits, the lowest ones first.

    Left out are the mean and the two that decide the position, whose signs are always positive.
    """
    rows, columns = np.divmod(np.arange(_SAMPLES**2), _SAMPLES)
    order = np.argsort(rows**2 + columns**2, kind="stable")[3:67]
    return rows[order], columns[order]


_ROWS, _COLUMNS = _code_frequencies()

TURNS: NDArray[np.int64] = np.array(
    [
        (np.array([[0, 1], [1, 0]]) if swap else np.eye(2, dtype=int))
        @ np.diag([1 - 2 * up, 1 - 2 * left])
        for swap in (0, 1)
        for up in (0, 1)
        for left in (0, 1)
    ]
)
"""``(8, 2, 2)``: what brings (row, column) offsets of surroundings to their chosen position."""


@dataclass(frozen=True)
class Keypoints:
    """Keypoints of one image at some of its sizes.

    Args:
        places: ``(N, 2)``: row and column, in pixels of the full size.
        sizes: ``(N,)``: size of the image at which each was found, relative to the full one.
        turns: ``(N,)``: its position, an index of ``TURNS``.
        codes: ``(N,)``: its surroundings.
    """

    places: Floats
    sizes: Floats
    turns: NDArray[np.uint8]
    codes: Codes

    def __len__(self) -> int:
        return len(self.codes)


def find_keypoints(image: Floats, sizes: Sequence[float]) -> Keypoints:
    """Find the keypoints of an image at several sizes.

    Args:
        image: ``(H, W)`` in [0, 1].
        sizes: Relative to the full one, 1.0 among them and every halving before what follows it.
    """
    found = [_keypoints_at(level, size) for size, level in _reduced(image, sizes)]
    return Keypoints(
        np.concatenate([k.places for k in found] or [np.empty((0, 2), np.float32)]),
        np.concatenate([k.sizes for k in found] or [np.empty(0, np.float32)]),
        np.concatenate([k.turns for k in found] or [np.empty(0, np.uint8)]),
        np.concatenate([k.codes for k in found] or [np.empty(0, np.uint64)]),
    )


def _reduced(image: Floats, sizes: Sequence[float]) -> Iterator[tuple[float, Floats]]:
    """Yield the image at each size at which it is large enough."""
    octave, octave_size = image, 1.0
    for size in sizes:
        while size <= octave_size / 2:
            octave, octave_size = _halved(octave), octave_size / 2
        factor = size / octave_size
        if min(octave.shape) * factor < SMALLEST_SIDE:
            return
        yield size, octave if factor == 1 else _shrunk(octave, factor)


def _halved(image: Floats) -> Floats:
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    even, odd = image[:height:2, :width], image[1:height:2, :width]
    rows = even + odd
    result: Floats = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return result


def _shrunk(image: Floats, factor: float) -> Floats:
    smooth = gaussian_filter(image, 0.5 * np.sqrt(1 / factor**2 - 1), mode="nearest", truncate=3)
    shape = tuple(int(side * factor) for side in image.shape)
    offset = 0.5 / factor - 0.5
    result: Floats = affine_transform(
        smooth, [1 / factor] * 2, offset, shape, np.float32, order=1, mode="nearest"
    )
    return result


def _keypoints_at(level: Floats, size: float) -> Keypoints:
    smooth = gaussian_filter(level, _BLUR, mode="nearest", truncate=3)
    # Blurring once more: the squares of widths add up.
    wider = gaussian_filter(smooth, np.sqrt(_WIDER_BLUR**2 - _BLUR**2), mode="nearest", truncate=3)
    rows, columns = _blobs(smooth - wider)
    turns, codes = _describe(smooth, rows, columns)
    places = (np.stack([rows, columns], axis=1) + 0.5) / size - 0.5
    return Keypoints(places.astype(np.float32), np.full(len(rows), size, np.float32), turns, codes)


def _blobs(contrast: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the extrema, surroundings inside the image, that are no edges."""
    edge = _REACH
    height, width = contrast.shape
    if height <= 2 * edge or width <= 2 * edge:
        return np.empty(0, np.intp), np.empty(0, np.intp)

    def shifted(down: int, right: int) -> Floats:
        return contrast[edge + down : height - edge + down, edge + right : width - edge + right]

    centre = shifted(0, 0)
    highest = centre > _CONTRAST
    lowest = centre < -_CONTRAST
    for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        neighbour = shifted(down, right)
        highest &= centre > neighbour
        lowest &= centre < neighbour
    rows, columns = np.nonzero(highest | lowest)
    rows, columns = rows + edge, columns + edge
    c = contrast
    middle = 2 * c[rows, columns]
    vertical = c[rows + 1, columns] + c[rows - 1, columns] - middle
    horizontal = c[rows, columns + 1] + c[rows, columns - 1] - middle
    mixed = (
        c[rows + 1, columns + 1]
        + c[rows - 1, columns - 1]
        - c[rows + 1, columns - 1]
        - c[rows - 1, columns + 1]
    ) / 4
    trace, determinant = vertical + horizontal, vertical * horizontal - mixed**2
    round_ = trace**2 * _EDGE_RATIO < (_EDGE_RATIO + 1) ** 2 * determinant
    return rows[round_], columns[round_]


def _describe(
    smooth: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.uint8], Codes]:
    """Return position and code of the surroundings of each keypoint."""
    steps = np.arange(-_REACH, _REACH + 1, _SPACING)
    width = smooth.shape[1]
    around = (steps[:, None] * width + steps).ravel()
    samples = smooth.ravel()[(rows * width + columns)[:, None] + around]
    n = len(rows)
    waves = _COSINES @ samples.reshape(n, _SAMPLES, _SAMPLES) @ _COSINES.T
    up, left = waves[:, 1, 0] < 0, waves[:, 0, 1] < 0
    swap = np.abs(waves[:, 0, 1]) > np.abs(waves[:, 1, 0])
    waves[:, 1::2, :] *= np.where(up, -1, 1)[:, None, None]
    waves[:, :, 1::2] *= np.where(left, -1, 1)[:, None, None]
    chosen = np.where(swap[:, None], waves[:, _COLUMNS, _ROWS], waves[:, _ROWS, _COLUMNS])
    bits = np.ascontiguousarray(np.packbits(chosen > 0, axis=1, bitorder="little"))
    turns = (4 * swap + 2 * up + left).astype(np.uint8)
    return turns, bits.view(np.uint64)[:, 0]
