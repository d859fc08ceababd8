"""Synthetic degradations of whole images: one pure function a kind, and the table of kinds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.arrays.pixels import Array, Bytes, from_8bit, to_8bit
from pipeline.degradations.levels import Level, scale_of
from pipeline.degradations.settings import (
    Bicubic,
    Blur,
    FloatRange,
    Gaussian,
    Grain,
    Jpeg,
    Poisson,
    PoissonGaussian,
    QualityRange,
    RealPairs,
    Sequence,
)
from pipeline.images.files import compress_jpeg_8bit, jpeg_encoder
from pipeline.images.resize import resize

Card = dict[str, float | int | str]
"""The values that made a degraded image, by name."""

_BLOCK = 8
"""Side of a block of JPEG, in pixels."""


@dataclass(frozen=True)
class Degraded:
    """A degraded image and what was drawn for it.

    Args:
        image: ``(H, W, C)`` in [0, 1], but for noise and overshoot, which are not clipped; smaller
            than the clean image where the result is ``low``.
        card: The values that made it; the names of a sequence's begin with the number of the step,
            but for the sigma of Gaussian noise that comes last.
    """

    image: Array
    card: Card


def fitting_crop(clean: Array, level: Level) -> Array:
    """Cut off what a test image has beyond a whole multiple of the scale, as tests of SR do.

    Args:
        clean: ``(H, W, C)`` in [0, 1].
        level: Only whole-numbered super-resolution scales cut anything.
    """
    scale = scale_of(level)
    if scale != int(scale):
        return clean
    height, width = (side - side % int(scale) for side in clean.shape[:2])
    return clean[:height, :width]


def degrade(clean: Array, level: Level, rng: np.random.Generator) -> Degraded:
    """Degrade one whole image.

    Args:
        clean: ``(H, W, C)`` in [0, 1].
        level: What to do to it; real pairs cannot be synthesised.
        rng: Source of everything that is drawn.

    Raises:
        ValueError: The level is ``paired``.
    """
    if isinstance(level.settings, RealPairs):
        raise ValueError("a paired degradation is photographed, not synthesised: use the partner")
    return _DEGRADE[level.settings.kind](clean, level.settings, rng)


# --------------------------------------------------------------------------------- noise


def _gaussian(clean: Array, settings: Gaussian, rng: np.random.Generator) -> Degraded:
    sigma = _value(settings.sigma_8bit, rng)
    noisy = _with_gaussian(clean, sigma, rng)
    return Degraded(_quantised(noisy) if settings.quantise else noisy, {"sigma_8bit": sigma})


def _poisson(clean: Array, settings: Poisson, rng: np.random.Generator) -> Degraded:
    peak = _value(settings.peak, rng)
    noisy = _counted(clean, peak, rng)
    return Degraded(_quantised(noisy) if settings.quantise else noisy, {"peak": peak})


def _poisson_gaussian(
    clean: Array, settings: PoissonGaussian, rng: np.random.Generator
) -> Degraded:
    peak, sigma = _value(settings.peak, rng), _value(settings.sigma_8bit, rng)
    noisy = _with_gaussian(_counted(clean, peak, rng), sigma, rng)
    card: Card = {"peak": peak, "sigma_8bit": sigma}
    return Degraded(_quantised(noisy) if settings.quantise else noisy, card)


def _grain(clean: Array, settings: Grain, rng: np.random.Generator) -> Degraded:
    peak, sigma = _value(settings.peak, rng), _value(settings.sigma_8bit, rng)
    spread = _value(settings.spread_px, rng)
    noisy = _with_gaussian(_counted(clean, peak, rng), sigma, rng)
    image = clean + _smoothed(noisy - clean, spread)
    card: Card = {"peak": peak, "sigma_8bit": sigma, "spread_px": spread}
    return Degraded(_quantised(image) if settings.quantise else image, card)


def _with_gaussian(clean: Array, sigma_8bit: float, rng: np.random.Generator) -> Array:
    noise = rng.standard_normal(clean.shape, dtype=np.float32)
    return clean + np.float32(sigma_8bit / 255) * noise


def _counted(clean: Array, peak: float, rng: np.random.Generator) -> Array:
    """Return photon counts over their expectation for white; what undershoots counts none."""
    expected = np.maximum(clean, 0).astype(np.float64) * peak
    return (rng.poisson(expected) / peak).astype(np.float32)


# ---------------------------------------------------------------------- scale and sharpness


def _bicubic(clean: Array, settings: Bicubic, rng: np.random.Generator) -> Degraded:
    scale = _value(settings.scale, rng)
    height, width = clean.shape[:2]
    small = resize(clean, max(1, round(height / scale)), max(1, round(width / scale)))
    if settings.quantise:
        small = _quantised(small)
    delivered = resize(small, height, width) if settings.result == "interpolated" else small
    return Degraded(delivered, {"scale": scale})


def _blur(clean: Array, settings: Blur, rng: np.random.Generator) -> Degraded:
    sigma = _value(settings.sigma_px, rng)
    return Degraded(_smoothed(clean, sigma), {"sigma_px": sigma})


def _smoothed(image: Array, sigma_px: float) -> Array:
    from scipy.ndimage import gaussian_filter  # here, because it takes a tenth of a second

    smoothed: Array = gaussian_filter(image, (sigma_px, sigma_px, 0), mode="mirror")
    return smoothed


# ---------------------------------------------------------------------------------- JPEG


def _jpeg(clean: Array, settings: Jpeg, rng: np.random.Generator) -> Degraded:
    values, card = compress(to_8bit(clean), settings, rng)
    return Degraded(from_8bit(values), card)


def compress(clean: Bytes, settings: Jpeg, rng: np.random.Generator) -> tuple[Bytes, Card]:
    """Compress one whole image, as ``degrade`` does, without leaving 8 bits.

    Args:
        clean: uint8 ``(H, W, C)``, 0-255.
        settings: One quality, or a range.
        rng: Source of everything that is drawn.

    Returns:
        uint8 ``(H, W, C)``, 0-255, and the card.

    Raises:
        ValueError: The settings are of several levels.
    """
    quality = settings.quality
    if isinstance(quality, QualityRange):
        quality = int(rng.integers(quality.min, quality.max, endpoint=True))
    if isinstance(quality, list):
        raise _several()
    card: Card = {"quality": quality, "encoder": jpeg_encoder()}
    if settings.phase == "aligned":
        return compress_jpeg_8bit(clean, quality, settings.subsampling), card
    row, column = (
        rng.integers(_BLOCK, size=2).tolist() if settings.phase == "random" else settings.phase
    )
    # Blocks begin at the padded image's corner, so that much of one lies outside of the image.
    above, left = -row % _BLOCK, -column % _BLOCK
    padded = np.pad(clean, ((above, 0), (left, 0), (0, 0)), mode="edge")
    values = compress_jpeg_8bit(padded, quality, settings.subsampling)
    return values[above:, left:], {**card, "phase_row": row, "phase_column": column}


# ----------------------------------------------------------------------- several of them


def _sequence(clean: Array, settings: Sequence, rng: np.random.Generator) -> Degraded:
    image, card = clean, Card()
    for number, step in enumerate(settings.steps, 1):
        result = _DEGRADE[step.kind](image, step, rng)
        image = result.image
        card |= {f"{number}_{name}": value for name, value in result.card.items()}
    if settings.interpolates:
        image = resize(image, *clean.shape[:2])
    if isinstance(settings.fresh, Gaussian):  # what a network can be told
        card["sigma_8bit"] = result.card["sigma_8bit"]
    return Degraded(image, card)


def _value(value: float | list[float] | FloatRange, rng: np.random.Generator) -> float:
    """Return what is drawn from a range, or the value that there is."""
    if isinstance(value, FloatRange):
        return float(rng.uniform(value.min, value.max))
    if isinstance(value, list):
        raise _several()
    return value


def _several() -> ValueError:
    return ValueError("expected a single level; call levels() first")


def _quantised(image: Array) -> Array:
    return from_8bit(to_8bit(image))


_DEGRADE: dict[str, Callable[[Array, Any, np.random.Generator], Degraded]] = {
    "gaussian": _gaussian,
    "poisson": _poisson,
    "poisson_gaussian": _poisson_gaussian,
    "grain": _grain,
    "bicubic": _bicubic,
    "blur": _blur,
    "jpeg": _jpeg,
    "sequence": _sequence,
}
