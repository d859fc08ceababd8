"""Classical methods that need no training, as rows to compare the networks with.

Each takes a degraded image and the noise level that was applied, which it may use: a network
trained for one level knows it too.
"""

from collections.abc import Callable

import numpy as np
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

from pipeline.images import Array
from pipeline.levels import Level
from pipeline.params import Baseline, Gaussian


def restore(method: Baseline, degraded: Array, level: Level) -> Array:
    """Restore one image with a classical method.

    Args:
        method: Name of the method.
        degraded: ``(H, W, C)`` in [0, 1] up to noise.
        level: The degradation that was applied.

    Returns:
        ``(H, W, C)``, not clipped.

    Raises:
        ValueError: A denoiser is asked to undo something else than noise of a known level.
    """
    return METHODS[method](degraded, level)


def _identity(degraded: Array, level: Level) -> Array:  # noqa: ARG001  (one signature for all)
    return degraded


def _nl_means(degraded: Array, level: Level) -> Array:
    # A. Buades, B. Coll, J.-M. Morel, CVPR 2005; h, patch and distance tuned on BSD400.
    sigma = _sigma(level)
    restored = denoise_nl_means(
        degraded, patch_size=5, patch_distance=7, h=0.6 * sigma, sigma=sigma, channel_axis=-1
    )
    return np.asarray(restored, np.float32)


def _bayes_shrink(degraded: Array, level: Level) -> Array:
    # S. G. Chang, B. Yu, M. Vetterli, Adaptive wavelet thresholding, IEEE TIP 9(9), 2000.
    restored = denoise_wavelet(
        degraded, sigma=_sigma(level), wavelet="db2", mode="soft", channel_axis=-1
    )
    return np.asarray(restored, np.float32)


def _tv(degraded: Array, level: Level) -> Array:
    # A. Chambolle, An algorithm for total variation minimization, JMIV 20, 2004; the weight
    # 0.12 at sigma 25, tuned on BSD400, grows with the noise.
    weight = 0.12 * _sigma(level) * 255 / 25
    return np.asarray(denoise_tv_chambolle(degraded, weight=weight, channel_axis=-1), np.float32)


def _sigma(level: Level) -> float:
    """Return the standard deviation of the noise, on the scale of the image."""
    settings = level.settings
    if isinstance(settings, Gaussian) and isinstance(settings.sigma_8bit, float | int):
        return settings.sigma_8bit / 255
    raise ValueError(
        f"classical denoisers need Gaussian noise of one level, came {level.label}: "
        "choose 'identity' as the baseline of this trial"
    )


METHODS: dict[Baseline, Callable[[Array, Level], Array]] = {
    "identity": _identity,
    "bicubic": _identity,  # the degraded image of a bicubic trial is the interpolated one
    "nl_means": _nl_means,
    "bayes_shrink": _bayes_shrink,
    "tv": _tv,
}
