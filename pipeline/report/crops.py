"""Crops of restored images: which ones are shown is decided by rule, never by taste.

Of the levels that an experiment is tested at, the first and the last, the image of median PSNR
is shown, in the window with the strongest detail; and the image that gained least of all,
in the window where it is furthest from the clean one.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array, to_8bit
from pipeline.images.benchmarks import BenchmarkImage, restored_path
from pipeline.images.files import encode_png, read_image
from pipeline.report.results import Measurement

SIDE = 160
"""Of a window, in pixels; a smaller image is shown whole."""

STEP = 8
"""Distance of the windows that are tried, in pixels."""

MOST_LEVELS = 2
"""Shown of one experiment, so that the page stays light."""

MOST_PICTURED = 24
"""Entries of ``params.yaml`` that all have crops of their own; of more, the best of each test."""

ERROR_GAIN = 8
"""The error map shows absolute errors this many times as large."""

THUMBNAIL = 96
"""Side of the small picture of an experiment, in pixels."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A window of one test image, in all its versions, as PNG data URIs.

    Args:
        choice: Why this image: it is the median one of its level, or gained least of all.
        measurement: Scores of the whole image by the first protocol of its trial.
        row: Of the window's upper edge in the image.
        column: Of the window's left edge.
        width: Of the window, in pixels.
        height: Of the window, in pixels.
        clean: The clean window.
        degraded: What the network was given, in the size of the clean image.
        restored: What it made of it.
        error: Absolute difference of restored and clean, times ``ERROR_GAIN``, mean over the
            channels.
        thumbnail: Middle of the window, its left half degraded and its right half restored.
    """

    choice: Literal["median", "least gain"]
    measurement: Measurement
    row: int
    column: int
    width: int
    height: int
    clean: str
    degraded: str
    restored: str
    error: str
    thumbnail: str


ImageKey = tuple[str, str, str]
"""Data set, level and name of a test image."""


def choose_crops(
    rows: Sequence[Measurement],
    images: Mapping[ImageKey, BenchmarkImage],
    restored: Path,
    stages: str,
) -> list[Crop]:
    """Cut the windows that show what an experiment does to an image.

    Args:
        rows: Measurements of the experiment by the first protocol of each trial, in their order.
        images: Test images of its benchmark, those that were measured among them.
        restored: Folder of the experiment's restored images.
        stages: End of the names of its stages, such as ``@dncnn``, for the error messages.

    Raises:
        FileNotFoundError: The restored version of an image that was measured is not there.
        ValueError: The restored image has another size than the clean one.
    """
    levels: dict[tuple[str, str], dict[str, Measurement]] = {}
    for row in rows:
        levels.setdefault((row.data_set, row.degradation), {})[row.image] = row
    medians = [_median(list(level.values())) for level in _evenly(list(levels.values()))]
    everything = [row for level in levels.values() for row in level.values()]
    worst = min(everything, key=lambda row: (row.gain, row.data_set, row.degradation, row.image))
    shown = [_cut("median", row, images, restored, stages) for row in medians]
    if worst not in medians:
        shown.append(_cut("least gain", worst, images, restored, stages))
    return shown


def _evenly(levels: list[dict[str, Measurement]]) -> list[dict[str, Measurement]]:
    count = min(len(levels), MOST_LEVELS)
    positions = np.linspace(0, len(levels) - 1, count).round().astype(int)
    return [levels[position] for position in positions]


def _median(rows: list[Measurement]) -> Measurement:
    ranked = sorted(rows, key=lambda row: (row.psnr, row.image))
    return ranked[len(ranked) // 2]


def _cut(
    choice: Literal["median", "least gain"],
    row: Measurement,
    images: Mapping[ImageKey, BenchmarkImage],
    restored_folder: Path,
    stages: str,
) -> Crop:
    image = images[row.data_set, row.degradation, row.image]
    clean, degraded = image.clean(), image.interpolated()
    restored = read_restored(image, restored_folder, (clean, degraded), stages)
    activity = detail(clean) if choice == "median" else squared_error(restored, clean)
    top, left = strongest_window(activity)
    window = np.s_[top : top + SIDE, left : left + SIDE]
    clean, degraded, restored = clean[window], degraded[window], restored[window]
    return Crop(
        choice=choice,
        measurement=row,
        row=top,
        column=left,
        width=clean.shape[1],
        height=clean.shape[0],
        clean=data_uri(clean),
        degraded=data_uri(degraded),
        restored=data_uri(restored),
        error=data_uri(error_map(restored, clean)),
        thumbnail=data_uri(_half_and_half(degraded, restored)),
    )


def read_restored(
    image: BenchmarkImage, folder: Path, versions: tuple[Array, Array], stages: str
) -> Array:
    """Return what a network made of a test image.

    Args:
        image: The test image.
        folder: Restored images of the network.
        versions: The clean and the degraded image, each ``(H, W, C)``.
        stages: End of the names of the network's stages, such as ``@dncnn``, for messages.

    Returns:
        ``(H, W, C)`` in [0, 1], of the same shape as both.

    Raises:
        FileNotFoundError: The restored image is not there.
        ValueError: The three have different sizes.
    """
    path = restored_path(folder, image).with_suffix(".png")
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file beside the other restored images; run "
            f"'dvc repro --force reconstruct{stages}'"
        )
    restored = read_image(path)
    clean, degraded = versions
    if not clean.shape == degraded.shape == restored.shape:
        raise ValueError(
            f"{path}: expected an image of shape {clean.shape} as the clean one, came "
            f"{restored.shape} from a degraded one of {degraded.shape}; "
            f"run 'dvc repro --force reconstruct{stages}'"
        )
    return restored


def detail(image: Array) -> Integers:
    """Return how much the 8-bit values of an image change from pixel to pixel.

    Args:
        image: ``(H, W, C)`` in [0, 1].

    Returns:
        ``(H, W)``; integers, so that the choice of a window is the same on every machine.
    """
    values = to_8bit(image).astype(np.int64)
    down = np.abs(np.diff(values, axis=0, append=values[-1:]))
    across = np.abs(np.diff(values, axis=1, append=values[:, -1:]))
    total: Integers = (down + across).sum(axis=-1)
    return total


def squared_error(restored: Array, clean: Array) -> Integers:
    """Return the squared difference of two images, in 8-bit values.

    Args:
        restored: ``(H, W, C)`` in [0, 1].
        clean: The same shape and range.

    Returns:
        ``(H, W)``, sum over the channels.
    """
    difference = to_8bit(restored).astype(np.int64) - to_8bit(clean)
    total: Integers = (difference**2).sum(axis=-1)
    return total


def strongest_window(activity: Integers) -> tuple[int, int]:
    """Return row and column of the window, ``SIDE`` pixels a side, with the largest sum.

    Windows lie ``STEP`` pixels apart; of equal ones the first in reading order is taken.

    Args:
        activity: ``(H, W)``, not negative.
    """
    height, width = activity.shape
    sums = np.zeros((height + 1, width + 1), np.int64)
    sums[1:, 1:] = activity.cumsum(axis=0).cumsum(axis=1)
    tall, wide = min(SIDE, height), min(SIDE, width)
    tops = np.arange(0, height - tall + 1, STEP)
    lefts = np.arange(0, width - wide + 1, STEP)
    totals = (
        sums[np.ix_(tops + tall, lefts + wide)]
        - sums[np.ix_(tops, lefts + wide)]
        - sums[np.ix_(tops + tall, lefts)]
        + sums[np.ix_(tops, lefts)]
    )
    row, column = np.unravel_index(int(totals.argmax()), totals.shape)
    return int(tops[row]), int(lefts[column])


def error_map(restored: Array, clean: Array) -> Array:
    """Return the absolute error, ``ERROR_GAIN`` times as large, mean over the channels.

    Args:
        restored: ``(H, W, C)`` in [0, 1].
        clean: The same shape and range.

    Returns:
        ``(H, W, 1)`` in [0, 1]; larger errors are clipped.
    """
    error: Array = np.abs(restored - clean).mean(axis=-1, keepdims=True) * np.float32(ERROR_GAIN)
    return error.clip(0, 1)


def _half_and_half(degraded: Array, restored: Array) -> Array:
    top, left = ((side - min(side, THUMBNAIL)) // 2 for side in degraded.shape[:2])
    window = np.s_[top : top + THUMBNAIL, left : left + THUMBNAIL]
    both = restored[window].copy()
    half = both.shape[1] // 2
    both[:, :half] = degraded[window][:, :half]
    return both


def data_uri(image: Array) -> str:
    """Return ``(H, W, C)`` in [0, 1] as a PNG inside a ``data:`` URI."""
    return f"data:image/png;base64,{base64.b64encode(encode_png(image)).decode()}"
