"""Noise of the settings, as a training draws it."""

from pipeline.arrays.training_set import Between, DrawnNoise, Values
from pipeline.degradations.settings import FloatRange, Gaussian, Noise, Poisson


def drawn_noise(noise: Noise) -> DrawnNoise:
    """Return what a training draws at every step, so that it need not know the settings."""
    return DrawnNoise(
        sigma_8bit=0.0 if isinstance(noise, Poisson) else _values(noise.sigma_8bit),
        peak=0.0 if isinstance(noise, Gaussian) else _values(noise.peak),
        rounded=noise.quantise,
    )


def _values(value: float | list[float] | FloatRange) -> Values:
    if isinstance(value, FloatRange):
        return Between(value.min, value.max)
    return tuple(map(float, value)) if isinstance(value, list) else float(value)
