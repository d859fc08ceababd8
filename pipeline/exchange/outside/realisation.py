"""Whether an image was restored from the very noise of a benchmark, or from another draw of it."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array

CERTAIN = 5.0
"""Standard deviations above chance. What denoisers leave of their noise is tens of them; noise that
a denoiser never saw is as far by chance in one image of three million."""


def trace_of_noise(clean: Array, degraded: Array, restored: Array) -> float:
    """Return how certainly a restored image has something of its noise in it.

    The error of a denoiser correlates with the noise that it got: by Stein's lemma the mean of
    their product is the variance of the noise times how strongly the output follows the input,
    which is positive for whatever restores. With noise that it never saw, it does not.

    Args:
        clean: ``(H, W, C)`` in [0, 1].
        degraded: The same shape, with noise.
        restored: The same shape.

    Returns:
        The correlation of error and noise in standard deviations of what chance would give; 0 where
        there is no error at all.
    """
    noise = _centred(degraded, clean)
    error = _centred(restored, clean)
    size = math.sqrt(float(noise @ noise) * float(error @ error))
    return float(noise @ error) / size * math.sqrt(noise.size) if size else 0.0


def _centred(image: Array, clean: Array) -> NDArray[np.float64]:
    difference: NDArray[np.float64] = np.subtract(image, clean, dtype=np.float64).reshape(-1)
    difference -= difference.mean()
    return difference
