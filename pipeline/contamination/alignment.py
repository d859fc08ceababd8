"""How one image lies in another: a scale, a shift and one of eight turns, found and checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

Floats = NDArray[np.float32]
Places = NDArray[np.float64]

FEWEST_VOTES = 3
"""Keypoints that must agree on a placement; any two can."""

_TOLERANCE = 3.0
"""Pixels, of the coarser image, that a keypoint may be off."""
_SCALE_ERROR = 0.15
"""Part of a distance by which one pair of keypoints may misjudge it."""
_SCALE_STEPS = 0.4
"""Factors of two between the scales of pairs that agree."""
_MOST_PAIRS = 300

_SMALLEST_OVERLAP = 24
_FINE_BLUR, _COARSE_BLUR = 1.0, 5.0
_MARGIN = 8


@dataclass(frozen=True)
class Pairs:
    """Keypoints of one image, and those of another that look the same but for one turn.

    Args:
        places: ``(M, 2)``: row and column in the one image.
        other_places: ``(M, 2)``: in the other.
        scales: ``(M,)``: pixels of the other image for each of the one, roughly.
        turn: ``(2, 2)``: what turns the one image like the other.
    """

    places: Places
    other_places: Places
    scales: NDArray[np.float64]
    turn: NDArray[np.int64]


@dataclass(frozen=True)
class Placement:
    """Place ``p`` (row, column) of one image is ``scale * turn @ p + shift`` of another.

    Args:
        turn: ``(2, 2)``, one of eight: quarter turns, as they are or mirrored.
        scale: Pixels of the other image for each of the first.
        shift: ``(2,)``, in pixels of the other image.
    """

    turn: NDArray[np.int64]
    scale: float
    shift: NDArray[np.float64]

    def apply(self, places: NDArray[Any]) -> Places:
        """Return where ``(..., 2)`` places of the first image lie in the other."""
        result: Places = self.scale * (places @ self.turn.T) + self.shift
        return result

    def inverse(self) -> "Placement":
        """Return how the other image lies in the first."""
        turn = self.turn.T
        return Placement(turn, 1 / self.scale, -(turn @ self.shift) / self.scale)


def place(pairs: Pairs) -> tuple[Placement, int] | None:
    """Return the placement that most pairs agree on, and how many; None if too few do."""
    chosen: NDArray[Any] = _agreeing(pairs)
    placement = None
    for tolerance in (2 * _TOLERANCE, _TOLERANCE):
        if _distinct(pairs.places[chosen]) < FEWEST_VOTES:
            return None
        placement = _fit(pairs, chosen)
        if placement.scale <= 0:
            return None
        error = _length(placement.apply(pairs.places) - pairs.other_places)
        chosen = error < tolerance * max(placement.scale, 1.0)
        chosen &= np.abs(np.log2(pairs.scales / placement.scale)) < _SCALE_STEPS
    votes = _distinct(pairs.places[chosen])
    return None if placement is None or votes < FEWEST_VOTES else (placement, votes)


def _agreeing(pairs: Pairs) -> NDArray[np.intp]:
    """Return the largest group of pairs that one of them predicts.

    Each pair is a placement by itself, whose scale is right within some percent.
    """
    # A picture and its copy have thousands; some hundreds, evenly chosen, place it as well.
    some = np.arange(0, len(pairs.scales), len(pairs.scales) // _MOST_PAIRS + 1)
    places, other, scales = pairs.places[some], pairs.other_places[some], pairs.scales[some]
    away = (places[None] - places[:, None]) @ pairs.turn.T
    error = _length(other[None] - other[:, None] - scales[:, None, None] * away)
    allowed = scales[:, None] * (_TOLERANCE + _SCALE_ERROR * _length(away))
    same_scale = np.abs(np.log2(scales[:, None] / scales)) < _SCALE_STEPS
    agree = (error < allowed) & same_scale
    group: NDArray[np.intp] = some[agree[np.argmax(agree.sum(axis=1))]]
    return group


def _fit(pairs: Pairs, chosen: NDArray[Any]) -> Placement:
    """Return the placement of some pairs with the least squared error."""
    places = pairs.places[chosen] @ pairs.turn.T
    other = pairs.other_places[chosen]
    centred = places - places.mean(axis=0)
    scale = float(np.sum(centred * other) / np.sum(centred**2))
    return Placement(pairs.turn, scale, other.mean(axis=0) - scale * places.mean(axis=0))


def _length(vectors: Places) -> NDArray[np.float64]:
    length: NDArray[np.float64] = np.hypot(vectors[..., 0], vectors[..., 1])
    return length


def _distinct(places: Places) -> int:
    """Count the keypoints: one that was found at several sizes of the image counts once."""
    rows, columns = np.round(places / 2).astype(np.int64).T
    return len(np.unique(rows * 2**31 + columns))


def shares(
    shape: tuple[int, ...], other_shape: tuple[int, ...], placement: Placement
) -> tuple[float, float]:
    """Return the parts, 0 to 1, of the areas of two images that lie on top of each other."""
    on_first, on_other = _common(shape, other_shape, placement)
    return (
        float(np.prod(on_first[1] - on_first[0]) / np.prod(shape)),
        float(np.prod(on_other[1] - on_other[0]) / np.prod(other_shape)),
    )


def _common(
    shape: tuple[int, ...], other_shape: tuple[int, ...], placement: Placement
) -> tuple[Places, Places]:
    """Return the corners of the common rectangle in each image; pixel (0, 0) starts at -0.5."""
    corners = np.array([[0, 0], shape]) - 0.5
    on_other = np.clip(np.sort(placement.apply(corners), axis=0), -0.5, np.array(other_shape) - 0.5)
    return np.sort(placement.inverse().apply(on_other), axis=0), on_other


def correlation(image: Floats, other: Floats, placement: Placement) -> float:
    """Compare the pixels of two images where they overlap.

    Both are brought to the coarser of their scales and filtered, so that neither brightness nor
    slow shades nor compression matter.

    Args:
        image: ``(H, W)`` in [0, 1].
        other: ``(H, W)`` in [0, 1].
        placement: Of ``image`` in ``other``.

    Returns:
        The correlation coefficient, at most 1; 0 where they share too little to compare.
    """
    if placement.scale < 1:
        return correlation(other, image, placement.inverse())
    on_first, _ = _common(image.shape, other.shape, placement)
    start, stop = np.ceil(on_first - 1e-6).astype(np.intp)
    if min(stop - start) < _SMALLEST_OVERLAP:
        return 0.0
    part = image[start[0] : stop[0], start[1] : stop[1]]
    return _coefficient(_band(part), _band(_sample(other, placement, start, stop)))


def _sample(
    other: Floats, placement: Placement, start: NDArray[np.intp], stop: NDArray[np.intp]
) -> Floats:
    """Return what ``other`` shows on the pixels ``start`` to ``stop`` of the first image."""
    around = np.sort(placement.apply(np.array([start, stop - 1])), axis=0)
    first = np.maximum(around[0] - _MARGIN, 0).astype(np.intp)
    last = np.ceil(around[1] + _MARGIN).astype(np.intp)
    near = other[first[0] : last[0], first[1] : last[1]]
    smooth = gaussian_filter(near, 0.5 * np.sqrt(placement.scale**2 - 1), mode="nearest")
    sampled: Floats = affine_transform(
        smooth,
        placement.scale * placement.turn,
        placement.apply(start) - first,
        tuple(stop - start),
        np.float32,
        order=1,
        mode="nearest",
    )
    return sampled


def _band(image: Floats) -> NDArray[np.float64]:
    fine = gaussian_filter(image, _FINE_BLUR, mode="nearest", truncate=3)
    coarse = gaussian_filter(image, _COARSE_BLUR, mode="nearest", truncate=3)
    band: NDArray[np.float64] = (fine - coarse).astype(np.float64)
    return band


def _coefficient(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = one - one.mean(), other - other.mean()
    energy = float(np.sqrt(np.sum(one**2) * np.sum(other**2)))
    return float(np.sum(one * other)) / energy if energy else 0.0
