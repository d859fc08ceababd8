"""Classical methods that need no training, as rows to compare the networks with.

Each takes a degraded image and the noise level that was applied, which it may use: a network
trained for one level knows it too. What they import takes half a second, so each does when it runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.arrays.pixels import Array
from pipeline.degradations.levels import Level
from pipeline.degradations.settings import Gaussian
from pipeline.images.resize import resize, resize_lanczos
from pipeline.settings.params import Baseline


def restore(method: Baseline, degraded: Array, level: Level, size: tuple[int, int]) -> Array:
    """Restore one image with a classical method.

    Args:
        method: Name of the method.
        degraded: ``(H, W, C)`` in [0, 1] up to noise.
        level: The degradation that was applied.
        size: Height and width of the clean image, in pixels.

    Returns:
        ``(*size, C)``, not clipped.

    Raises:
        ValueError: A denoiser is asked to undo something else than noise of a known level, or an
            interpolation something else than a smaller size.
        MissingPackageError: The method needs a package that is not installed.
    """
    return METHODS[method](degraded, level, size)


class MissingPackageError(RuntimeError):
    """A method needs a package that is no part of a plain installation."""


# ----------------------------------------------------------------------- interpolations


def _identity(degraded: Array, level: Level, size: tuple[int, int]) -> Array:  # noqa: ARG001  (one signature for all)
    # What is smaller than the clean image has to get its size to be measured at all.
    return degraded if degraded.shape[:2] == size else resize(degraded, *size)


def _bicubic(degraded: Array, level: Level, size: tuple[int, int]) -> Array:
    # The degraded image of many trials is the interpolated one.
    return _identity(degraded, level, size)


def _lanczos(degraded: Array, level: Level, size: tuple[int, int]) -> Array:
    if degraded.shape[:2] == size:
        raise ValueError(
            f"lanczos enlarges images, those of {level.label} have full size already: choose "
            "'bicubic' or 'identity' as the baseline of this trial"
        )
    return resize_lanczos(degraded, *size)


# ----------------------------------------------------------------------------- denoisers


def _knowing_sigma(
    denoise: Callable[[Array, float], Any],
) -> Callable[[Array, Level, tuple[int, int]], Array]:
    """Return a method that hands ``denoise`` the sigma of the level, on the scale of the image."""

    def restored(degraded: Array, level: Level, size: tuple[int, int]) -> Array:  # noqa: ARG001
        sigma = _sigma(level)
        if sigma == 0:
            return degraded
        # scikit-image drops the channel axis of some one-channel results.
        return np.asarray(denoise(degraded, sigma), np.float32).reshape(degraded.shape)

    return restored


@dataclass(frozen=True)
class NonLocalMeans:
    """Averages of pixels whose surroundings look alike.

    A. Buades, B. Coll, J.-M. Morel. A non-local algorithm for image denoising. CVPR 2005.

    Args:
        patch: Side of the surroundings that are compared, in pixels.
        distance: How far away, in pixels, they are looked for.
        strength: Decay of the weights, in sigmas.
        even_weights: Whether all pixels of the surroundings count alike, which is fast; otherwise
            the nearer count more.
    """

    patch: int
    distance: int
    strength: float
    even_weights: bool

    def __call__(self, noisy: Array, sigma: float) -> Any:  # noqa: ANN401  (scikit-image is not typed)
        """Return the denoised image, ``(H, W, C)``; ``sigma`` is on the scale of the image."""
        from skimage.restoration import denoise_nl_means

        return denoise_nl_means(
            noisy,
            patch_size=self.patch,
            patch_distance=self.distance,
            h=self.strength * sigma,
            sigma=sigma,
            fast_mode=self.even_weights,
            channel_axis=-1,
        )


@dataclass(frozen=True)
class BayesShrink:
    """Wavelet coefficients drawn to zero by a threshold of each subband, at many shifts.

    S. G. Chang, B. Yu, M. Vetterli. Adaptive wavelet thresholding for image denoising and
    compression. IEEE TIP 9(9), 2000. The shifts take the blocks out of the result: R. R. Coifman,
    D. L. Donoho. Translation-invariant de-noising. Wavelets and Statistics, 1995.

    Args:
        wavelet: Its name in PyWavelets.
        levels: Scales of the decomposition.
        shifts: The image is denoised at so many shifts along each axis, and the results averaged.
    """

    wavelet: str
    levels: int
    shifts: int

    def __call__(self, noisy: Array, sigma: float) -> Any:  # noqa: ANN401  (scikit-image is not typed)
        """Return the denoised image, ``(H, W, C)``; ``sigma`` is on the scale of the image."""
        from skimage.restoration import denoise_wavelet

        height, width = noisy.shape[:2]
        # A wavelet does not reach deeper into a small image.
        deepest = max(1, _deepest(self.wavelet, min(height, width)))
        total = np.zeros(noisy.shape)
        for rows in range(self.shifts):
            for columns in range(self.shifts):
                shifted = np.roll(noisy, (rows, columns), axis=(0, 1))
                denoised = denoise_wavelet(
                    shifted,
                    sigma=sigma,
                    wavelet=self.wavelet,
                    wavelet_levels=min(self.levels, deepest),
                    mode="soft",
                    channel_axis=-1,
                )
                total += np.roll(denoised.reshape(noisy.shape), (-rows, -columns), axis=(0, 1))
        return total / self.shifts**2


def _deepest(wavelet: str, side: int) -> int:
    import pywt

    deepest: int = pywt.dwt_max_level(side, pywt.Wavelet(wavelet).dec_len)
    return deepest


@dataclass(frozen=True)
class TotalVariation:
    """The image of least total variation among those that are near enough.

    L. I. Rudin, S. Osher, E. Fatemi. Nonlinear total variation based noise removal algorithms.
    Physica D 60, 1992; by the algorithm of A. Chambolle, JMIV 20, 2004.

    Args:
        weight: Of the total variation, at a sigma of 1/10 on the scale of the image.
        power: Of sigma, that the weight grows with.
    """

    weight: float
    power: float

    def __call__(self, noisy: Array, sigma: float) -> Any:  # noqa: ANN401  (scikit-image is not typed)
        """Return the denoised image, ``(H, W, C)``; ``sigma`` is on the scale of the image."""
        from skimage.restoration import denoise_tv_chambolle

        weight = self.weight * (10 * sigma) ** self.power
        return denoise_tv_chambolle(noisy, weight=weight, channel_axis=-1)


def _bm3d(noisy: Array, sigma: float) -> Any:  # noqa: ANN401  (the package is not typed)
    """Denoise by the authors' own program; colours by its transform to luma and chroma.

    K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian. Image denoising by sparse 3-D transform-domain
    collaborative filtering. IEEE TIP 16(8), 2007; Y. Mäkinen, L. Azzari, A. Foi. Collaborative
    filtering of correlated noise. IEEE TIP 29, 2020, whose version the package has.
    """
    try:
        import bm3d
    except ImportError as error:
        raise MissingPackageError(
            "the baseline 'bm3d' needs the package bm3d, whose licence allows non-commercial use "
            "alone: `pip install --constraint .ci/constraints.txt --editable '.[bm3d]'` in the "
            "project's folder installs it, or take 'bm3d' out of the benchmark's baselines"
        ) from error
    # Its own threads add in any order, and two images at once end the process.
    profile = bm3d.BM3DProfile()
    profile.num_threads = 1
    if noisy.shape[2] == 3:
        return bm3d.bm3d_rgb(noisy.astype(np.float64), sigma, profile)
    planes = np.moveaxis(noisy.astype(np.float64), 2, 0)
    return np.stack([bm3d.bm3d(plane, sigma, profile) for plane in planes], axis=2)


def _sigma(level: Level) -> float:
    """Return the standard deviation of the noise, on the scale of the image."""
    settings = level.settings
    if isinstance(settings, Gaussian) and isinstance(settings.sigma_8bit, float | int):
        return settings.sigma_8bit / 255
    raise ValueError(
        f"classical denoisers need Gaussian noise of one level, came {level.label}: "
        "choose 'identity' as the baseline of this trial"
    )


METHODS: dict[Baseline, Callable[[Array, Level, tuple[int, int]], Array]] = {
    "identity": _identity,
    "bicubic": _bicubic,
    "lanczos": _lanczos,
    "nl_means": _knowing_sigma(NonLocalMeans(patch=5, distance=5, strength=0.7, even_weights=True)),
    "bayes_shrink": _knowing_sigma(BayesShrink(wavelet="db1", levels=4, shifts=8)),
    "tv": _knowing_sigma(TotalVariation(weight=0.08, power=1.3)),
    "bm3d": _knowing_sigma(_bm3d),
}
"""All methods. Parameters are the best mean over sigma 15, 25 and 50 on eight images of BSD400
among those tried: wavelets of up to 4 levels and 8 shifts, weights of TV from 0.08 on, beyond which
``python -m tests.bench.classical`` can search. Nothing was tuned on test images. PSNR there, in dB:
nl_means 30.97, 28.47, 25.35; bayes_shrink 30.53, 28.22, 25.48; tv 30.68, 28.34, 25.63."""
