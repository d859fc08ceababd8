"""Synthetic degradations of whole images: one pure function a kind, and the table of kinds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import images
from pipeline.degradation_settings import (
    Bicubic,
    FloatRange,
    Gaussian,
    Jpeg,
    QualityRange,
    RealPairs,
)
from pipeline.images import Array
from pipeline.levels import Level
from pipeline.resize import resize

_BLOCK = 8
"""Side of a block of JPEG, in pixels."""


@dataclass(frozen=True)
class Degraded:
    """A degraded image and what was drawn for it.

    Args:
        image: ``(H, W, C)`` in [0, 1], but for noise and overshoot, which are not clipped; smaller
            than the clean image where the result is ``low``.
        card: The values that made it, by name.
    """

    image: Array
    card: dict[str, float | int | str]


def fitting_crop(clean: Array, level: Level) -> Array:
    """Cut off what a test image has beyond a whole multiple of the scale, as tests of SR do.

    Args:
        clean: ``(H, W, C)`` in [0, 1].
        level: Only whole-numbered bicubic scales cut anything.
    """
    if not isinstance(level.settings, Bicubic):
        return clean
    scale = _single_scale(level.settings)
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


def _gaussian(clean: Array, settings: Gaussian, rng: np.random.Generator) -> Degraded:
    sigma = settings.sigma_8bit
    if isinstance(sigma, FloatRange):
        sigma = float(rng.uniform(sigma.min, sigma.max))
    if isinstance(sigma, list):
        raise ValueError("expected a single level; call levels() first")
    noise = rng.standard_normal(clean.shape, dtype=np.float32)
    noisy = clean + np.float32(sigma / 255) * noise
    if settings.quantise:
        noisy = images.from_8bit(images.to_8bit(noisy))
    return Degraded(noisy, {"sigma_8bit": sigma})


def _bicubic(clean: Array, settings: Bicubic, rng: np.random.Generator) -> Degraded:  # noqa: ARG001  (one signature for all kinds)
    scale = _single_scale(settings)
    height, width = clean.shape[:2]
    small = resize(clean, max(1, round(height / scale)), max(1, round(width / scale)))
    if settings.quantise:
        small = images.from_8bit(images.to_8bit(small))
    delivered = resize(small, height, width) if settings.result == "interpolated" else small
    return Degraded(delivered, {"scale": scale})


def _jpeg(clean: Array, settings: Jpeg, rng: np.random.Generator) -> Degraded:
    values, card = compress(images.to_8bit(clean), settings, rng)
    return Degraded(images.from_8bit(values), card)


def compress(
    clean: images.Bytes, settings: Jpeg, rng: np.random.Generator
) -> tuple[images.Bytes, dict[str, float | int | str]]:
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
        raise ValueError("expected a single level; call levels() first")
    card: dict[str, float | int | str] = {"quality": quality, "encoder": images.jpeg_encoder()}
    if settings.phase == "aligned":
        return images.compress_jpeg_8bit(clean, quality, settings.subsampling), card
    row, column = (
        rng.integers(_BLOCK, size=2).tolist() if settings.phase == "random" else settings.phase
    )
    # Blocks begin at the padded image's corner, so that much of one lies outside of the image.
    above, left = -row % _BLOCK, -column % _BLOCK
    padded = np.pad(clean, ((above, 0), (left, 0), (0, 0)), mode="edge")
    values = images.compress_jpeg_8bit(padded, quality, settings.subsampling)
    return values[above:, left:], {**card, "phase_row": row, "phase_column": column}


def _single_scale(settings: Bicubic) -> float:
    if isinstance(settings.scale, list):
        raise ValueError("expected a single level; call levels() first")
    return settings.scale


_DEGRADE: dict[str, Callable[[Array, Any, np.random.Generator], Degraded]] = {
    "gaussian": _gaussian,
    "bicubic": _bicubic,
    "jpeg": _jpeg,
}
