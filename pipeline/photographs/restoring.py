"""Restore one picture: what the network takes goes in, what it changes comes back."""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.arrays.pixels import Array
from pipeline.photographs.networks import PhotoNetwork
from pipeline.photographs.picture import Picture, Values
from pipeline.photographs.rows import (
    RANGE,
    EnlargedRows,
    GrayRows,
    PictureRows,
    RepeatedRows,
)
from pipeline.tiling.rows import Rows

_BAND = 256
"""Rows that are interpolated at a time."""


@dataclass(frozen=True)
class Work:
    """What is to be done to a picture.

    Args:
        network: Does it.
        enlarge: By how much the picture is enlarged before the network gets it.
        strength: Share of the network's correction that is applied, 0 to 1.
        sigma_8bit: Level of the noise, for a network that is told.
    """

    network: PhotoNetwork
    enlarge: int
    strength: float
    sigma_8bit: float


def restore_picture(picture: Picture, work: Work, seen: Picture | None = None) -> Picture:
    """Restore a picture; what memory it takes beside picture and result does not grow with it.

    Args:
        picture: What the correction is blended with.
        work: What is to be done.
        seen: What the network gets instead, of the same size: the picture after another network.

    Returns:
        The same kind of picture, larger where the work enlarges; alpha is never restored, only
        enlarged.

    Raises:
        TooLittleMemoryError: There is none even for small tiles.
    """
    least = work.network.restorer.least_side
    values = _at_least(picture.values, least)
    restored = _restored(values, values if seen is None else _at_least(seen.values, least), work)
    scale = work.enlarge * work.network.restorer.scale
    height, width = (scale * side for side in picture.values.shape[:2])
    alpha = picture.alpha
    if alpha is not None and scale > 1:
        alpha = _larger(alpha[..., None], scale)[..., 0]
    return replace(picture, values=restored[:height, :width], alpha=alpha)


def _restored(values: Values, seen: Values, work: Work) -> Values:
    network = work.network
    scale = work.enlarge * network.restorer.scale
    before = _enlarged(values, scale)
    plain = before if seen is values else _enlarged(seen, scale)
    given = _enlarged(seen, work.enlarge)
    channels = values.shape[-1]
    studio = network.colour == "y"
    if network.colour != "rgb":
        given = GrayRows(given, studio)
    elif channels == 1:
        given = RepeatedRows(given)
    result = np.empty(plain.shape, values.dtype)
    for band in network.restorer.bands(given, work.sigma_8bit if network.told else None):
        rows = slice(band.first, band.first + len(band.rows))
        unrestored = plain.read(rows.start, rows.stop)
        if network.colour != "rgb":
            # A change of gray is the same change of red, green and blue.
            change = band.rows - GrayRows(plain, studio).read(rows.start, rows.stop)
            change = change / np.float32(RANGE) if studio else change
        else:
            change = band.rows.mean(axis=-1, keepdims=True) if channels == 1 else band.rows
            change = change - unrestored
        if plain is not before:
            cleaned = unrestored
            unrestored = before.read(rows.start, rows.stop)
            change = change + cleaned - unrestored
        result[rows] = _as(values.dtype, unrestored + np.float32(work.strength) * change)
    return result


def _larger(values: Values, scale: int) -> Values:
    rows = _enlarged(values, scale)
    result = np.empty(rows.shape, values.dtype)
    for first in range(0, len(result), _BAND):
        band = rows.read(first, min(first + _BAND, len(result)))
        result[first : first + _BAND] = _as(values.dtype, band)
    return result


def _enlarged(values: Values, scale: int) -> Rows:
    rows: Rows = PictureRows(values)
    return rows if scale == 1 else EnlargedRows(rows, scale)


def _as(dtype: np.dtype[np.unsignedinteger], image: Array) -> Values:
    """Return values in [0, 1], clipped and rounded to 8 or 16 bits."""
    largest = np.iinfo(dtype).max
    rounded: Values = np.rint(np.clip(image, 0, 1) * np.float32(largest)).astype(dtype)
    return rounded


def _at_least(values: Values, side: int) -> Values:
    """Return the values mirrored to at least the side that a network takes."""
    missing = [max(0, side - have) for have in values.shape[:2]]
    if not any(missing):
        return values
    return np.pad(values, [(0, missing[0]), (0, missing[1]), (0, 0)], "symmetric")
