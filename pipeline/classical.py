"""Classical methods that need no training, as rows to compare the networks with.

Each takes a degraded image and the noise level that was applied, which it may use: a network
trained for one level knows it too. What they import takes half a second, so each does when it runs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.degradation_settings import Gaussian
from pipeline.images import Array
from pipeline.levels import Level
from pipeline.params import Baseline


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


def _knowing_sigma(denoise: Callable[[Array, float], Any]) -> Callable[[Array, Level], Array]:
    """Return a method that hands ``denoise`` the sigma of the level, on the scale of the image."""

    def restored(degraded: Array, level: Level) -> Array:
        sigma = _sigma(level)
        if sigma == 0:
            return degraded
        # scikit-image drops the channel axis of some one-channel results.
        return np.asarray(denoise(degraded, sigma), np.float32).reshape(degraded.shape)

    return restored


def _nl_means(noisy: Array, sigma: float) -> Any:  # noqa: ANN401  (scikit-image is not typed)
    from skimage.restoration import denoise_nl_means

    # A. Buades, B. Coll, J.-M. Morel, CVPR 2005; h, patch and distance tuned on BSD400.
    return denoise_nl_means(
        noisy, patch_size=5, patch_distance=7, h=0.6 * sigma, sigma=sigma, channel_axis=-1
    )


def _bayes_shrink(noisy: Array, sigma: float) -> Any:  # noqa: ANN401
    from skimage.restoration import denoise_wavelet

    # S. G. Chang, B. Yu, M. Vetterli, Adaptive wavelet thresholding, IEEE TIP 9(9), 2000.
    return denoise_wavelet(noisy, sigma=sigma, wavelet="db2", mode="soft", channel_axis=-1)


def _tv(noisy: Array, sigma: float) -> Any:  # noqa: ANN401
    from skimage.restoration import denoise_tv_chambolle

    # A. Chambolle, An algorithm for total variation minimization, JMIV 20, 2004; the weight
    # 0.12 at sigma 25, tuned on BSD400, grows with the noise.
    return denoise_tv_chambolle(noisy, weight=0.12 * sigma * 255 / 25, channel_axis=-1)


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
    "nl_means": _knowing_sigma(_nl_means),
    "bayes_shrink": _knowing_sigma(_bayes_shrink),
    "tv": _knowing_sigma(_tv),
}
