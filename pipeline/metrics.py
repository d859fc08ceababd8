"""Named measurement protocols: a PSNR means nothing without its protocol.

========== ====== ======== ====== =====================================================
protocol   colour rounding border used for
========== ====== ======== ====== =====================================================
gray-uint8 gray   8 bits   none   denoising and JPEG on gray images, as published
gray-float gray   none     none   the same without rounding and clipping the output
y-uint8    luma   8 bits   none   JPEG artefacts on colour sets
y-shave    luma   8 bits   scale  super-resolution
rgb-uint8  RGB    8 bits   none   colour denoising, real noise
rgb-float  RGB    none     none   the same without rounding and clipping the output
========== ====== ======== ====== =====================================================

Luma is BT.601 in studio range (16-235); an RGB image is rounded before it is converted. The
peak is 255. SSIM is that of Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, IEEE TIP
13(4), 2004: a Gaussian window of 11 pixels and sigma 1.5, mean over the pixels whose window
lies inside the image; for RGB the mean of the channels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from pipeline.images import Array, rgb_to_luma, to_8bit
from pipeline.params import Protocol

Values = NDArray[np.float64]

SSIM_WINDOW = 11
"""Side of the window, in pixels."""


@dataclass(frozen=True)
class Measure:
    """What a protocol does before it compares.

    Args:
        luma: Compare the luma of RGB images; one-channel images are taken as luma already.
        rounded: Clip and round the restored image to 8 bits first.
        shaved: Leave out a border as wide as the scale.
    """

    luma: bool
    rounded: bool
    shaved: bool


PROTOCOLS: dict[Protocol, Measure] = {
    "gray-uint8": Measure(luma=False, rounded=True, shaved=False),
    "gray-float": Measure(luma=False, rounded=False, shaved=False),
    "y-uint8": Measure(luma=True, rounded=True, shaved=False),
    "y-shave": Measure(luma=True, rounded=True, shaved=True),
    "rgb-uint8": Measure(luma=False, rounded=True, shaved=False),
    "rgb-float": Measure(luma=False, rounded=False, shaved=False),
}


@dataclass(frozen=True)
class Score:
    """How close a restored image is to the clean one under a protocol.

    Args:
        psnr: In decibels; infinite for equal images.
        ssim: 1 for equal images.
    """

    psnr: float
    ssim: float


def measure(protocol: Protocol, clean: Array, restored: Array, scale: float = 1) -> Score:
    """Compare a restored image with the clean one.

    Args:
        protocol: Name of the protocol.
        clean: ``(H, W, C)`` in [0, 1], multiples of 1/255.
        restored: ``(H, W, C)`` in [0, 1], or a little outside.
        scale: Super-resolution scale, the width of the border that ``y-shave`` leaves out.

    Raises:
        ValueError: The shapes differ, or the image is too small for the SSIM window.
    """
    if clean.shape != restored.shape:
        raise ValueError(f"expected images of one shape, came {clean.shape} and {restored.shape}")
    how = PROTOCOLS[protocol]
    true, test = (_prepared(image, how) for image in (clean, restored))
    if how.shaved:
        border = round(scale)
        true, test = (image[border:-border, border:-border] for image in (true, test))
    if min(true.shape[:2]) < SSIM_WINDOW:
        raise ValueError(
            f"expected at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels to compare, came "
            f"{true.shape[:2]}"
        )
    return Score(psnr(true, test), ssim(true, test))


def smallest_side(protocol: Protocol, scale: float) -> int:
    """Return how many pixels a side an image needs to be measured by ``protocol``."""
    return SSIM_WINDOW + (2 * round(scale) if PROTOCOLS[protocol].shaved else 0)


def _prepared(image: Array, how: Measure) -> Values:
    values = to_8bit(image).astype(np.float64) if how.rounded else image.astype(np.float64) * 255
    if how.luma and image.shape[-1] == 3:
        return rgb_to_luma(values / 255)[..., None] * 255
    return values


def psnr(true: Values, test: Values) -> float:
    """Return the peak signal-to-noise ratio in decibels.

    Args:
        true: ``(H, W, C)`` in [0, 255].
        test: The same shape and range.
    """
    error = float(np.mean((true - test) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(true: Values, test: Values) -> float:
    """Return the structural similarity, mean over pixels and channels.

    Args:
        true: ``(H, W, C)`` in [0, 255], at least 11 pixels a side.
        test: The same shape and range.
    """
    similarity = structural_similarity(
        true,
        test,
        data_range=255,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(similarity)
