"""Whether a picture is noisy, told by what a network against noise would take from it.

The level of the noise does not tell: fine texture looks alike, at least in photographs that are
sharp to the pixel. What a network takes away is even where it is noise, and in patches where it is
texture; and noise lies the same way everywhere, where hairs, leaves and edges turn.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.photographs.crops import part_of, window_at
from pipeline.photographs.estimating import NoiseLevels
from pipeline.photographs.networks import PhotoNetwork
from pipeline.photographs.picture import Picture
from pipeline.photographs.restoring import Work, restore_picture

_SIDE = 256
"""Of the parts that are looked at, in pixels."""

_WHERE = (0.25, 0.75)
"""Their middles, on either axis, as shares of the picture."""

LOOKED_AT = _SIDE**2 * len(_WHERE) ** 2 / 1e6
"""Megapixels of a picture that are looked at, at most."""

_BLOCK = 16
"""Side of what counts as one place."""

_FIELD = 64
"""Side of what has a direction."""


@dataclass(frozen=True)
class Removed:
    """What a network takes from a picture, root mean squares on the scale of 0 to 255.

    Args:
        calm: The lower quartile over places.
        evenness: Of places, the tenth part with the least, as a share of the median.
        turning: Standard deviation over fields, each with the weight of its energy, of how much
            more neighbours in a row are alike than those in a column: of a difference of two
            correlations.
    """

    calm: float
    evenness: float
    turning: float


def removed_from(picture: Picture, network: PhotoNetwork) -> Removed:
    """Return what a network against noise takes from parts of a picture.

    Args:
        picture: Of any size; one smaller than a place has nothing to take.
        network: Finds the level of the noise itself, and does not enlarge.

    Raises:
        TooLittleMemoryError: There is none even for small tiles.
    """
    windows = {
        window_at(picture, row, column, height=_SIDE, width=_SIDE)
        for row in _WHERE
        for column in _WHERE
    }
    work = Work(network, enlarge=1, strength=1.0, sigma_8bit=0.0)
    places, fields = [], []
    for window in windows:
        part = _in_16_bits(part_of(picture, window))
        change = restore_picture(part, work).values.astype(np.float64) - part.values
        places.append(np.sqrt(np.mean(_cut(change, _BLOCK) ** 2, axis=(1, 2, 3))) / 257)
        fields.append(_cut(change, _FIELD))
    found = np.concatenate(places)
    if not found.size:
        return Removed(0.0, 0.0, 0.0)
    least, calm, middle = np.percentile(found, (10, 25, 50))
    evenness = least / middle if middle else 0.0
    return Removed(float(calm), float(evenness), _turning(np.concatenate(fields)))


def _cut(change: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return ``(n, side, side, C)``: the squares that fit into a window."""
    rows, columns = (length // side for length in change.shape[:2])
    whole = change[: rows * side, : columns * side]
    whole = whole.reshape(rows, side, columns, side, change.shape[2]).swapaxes(1, 2)
    return whole.reshape(rows * columns, side, side, change.shape[2])


def _turning(fields: NDArray[np.float64]) -> float:
    energies = np.mean(fields**2, axis=(1, 2, 3))
    fields, energies = fields[energies > 0], energies[energies > 0]
    if not energies.size:
        return 0.0
    in_rows = np.mean(fields[:, :, 1:] * fields[:, :, :-1], axis=(1, 2, 3))
    in_columns = np.mean(fields[:, 1:] * fields[:, :-1], axis=(1, 2, 3))
    ways = (in_rows - in_columns) / energies
    middle = np.average(ways, weights=energies)
    return float(np.sqrt(np.average((ways - middle) ** 2, weights=energies)))


_CALM, _OF_COARSE, _EVEN = 3.5, 0.15, 0.5
"""At least, the more the rougher a picture looks: between the texture of clean photographs, as
they are and after JPEG, and noise of sigma 5. Set by 25 of the images that the networks learnt
from, none of which is taken for noisy without noise; with noise, alone or before JPEG, 84 % of the
decibels that could be won are."""

_SMOOTHED_CALM, _SMOOTHED_COARSE = 0.9, 2.0
"""The same for files of cameras that have smoothed their noise; set by half of PolyU, CC and Nam:
of 90 noisy photographs 82 are told, and of 90 means of many shots 7 are taken for noisy."""

_TURNING = 0.125
"""Not more: that of noise, alone, smoothed by cameras, or before JPEG, is 0.00 to 0.12."""


def is_noisy(noise: NoiseLevels, removed: Removed) -> bool:
    """Tell whether a picture is better restored, or left alone where in doubt.

    Args:
        noise: How noisy it looks.
        removed: What the network for its kind takes from it.
    """
    if removed.turning > _TURNING:
        return False
    if noise.is_smoothed:
        return noise.coarse >= _SMOOTHED_COARSE and removed.calm >= _SMOOTHED_CALM
    enough = max(_CALM, _OF_COARSE * noise.coarse)
    return removed.calm >= enough and removed.evenness >= _EVEN


def _in_16_bits(picture: Picture) -> Picture:
    # A change of less than one level of 8 bits would be rounded.
    if picture.values.dtype == np.uint16:
        return picture
    return replace(picture, values=picture.values.astype(np.uint16) * np.uint16(257))
