"""Named measurement protocols: a PSNR means nothing without its protocol.

============= ====== ======== ========= ====== ==================================================
protocol      colour rounding border    SSIM   used for
============= ====== ======== ========= ====== ==================================================
gray-uint8    gray   8 bits   none      Wang   denoising and JPEG on gray images, as published
gray-float    gray   none     none      Wang   the same without rounding and clipping the output
y-uint8       luma   8 bits   none      Wang   JPEG artefacts on colour sets
y-float       luma   none     none      Wang   the same without rounding
y-shave       luma   8 bits   scale     Wang   super-resolution
y-shave-float luma   none     scale     Wang   super-resolution as the authors of DnCNN measured it
rgb-uint8     RGB    8 bits   none      Wang   colour denoising, real noise
rgb-float     RGB    none     none      Wang   the same without rounding and clipping the output
rgb-shave     RGB    8 bits   scale     Wang   super-resolution in colour (tables of BasicSR)
rgb-ntire     RGB    8 bits   scale + 6 Wang   super-resolution on DIV2K (NTIRE 2017, code of EDSR)
sidd          RGB    8 bits   none      volume real noise: blocks of 256x256, each by itself
============= ====== ======== ========= ====== ==================================================

Luma is BT.601 in studio range (16-235); an RGB image is rounded before it is converted where
the protocol rounds. The peak is 255, arithmetic is float64. SSIM is that of Z. Wang, A. C.
Bovik, H. R. Sheikh, E. P. Simoncelli, IEEE TIP 13(4), 2004: a Gaussian window of 11 pixels and
sigma 1.5, mean over the pixels whose window lies inside the image; for RGB the mean of the
channels. ``sidd`` takes MATLAB's ``ssim`` of an RGB array instead, as the published tables on
SIDD do: the three channels are slices of a volume, the window is a cube, edges are repeated.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array, to_8bit
from pipeline.images.colours import rgb_to_luma
from pipeline.nearest import nearest_known
from pipeline.settings.params import Protocol

Values = NDArray[np.float64]

SSIM_WINDOW = 11
"""Side of the window, in pixels."""

Border = Literal["none", "scale", "scale+6"]


@dataclass(frozen=True)
class Measure:
    """What a protocol does before it compares.

    Args:
        luma: Compare the luma of RGB images; one-channel images are taken as luma already.
        rounded: Clip and round the restored image to 8 bits first.
        border: Pixels to leave out on each side.
        ssim: Wang's, or MATLAB's of the channels as a volume.
        block: Side of the blocks that are measured each by itself; None for whole images.
    """

    luma: bool = False
    rounded: bool = True
    border: Border = "none"
    ssim: Literal["wang", "volume"] = "wang"
    block: int | None = None


PROTOCOLS: dict[Protocol, Measure] = {
    "gray-uint8": Measure(),
    "gray-float": Measure(rounded=False),
    "y-uint8": Measure(luma=True),
    "y-float": Measure(luma=True, rounded=False),
    "y-shave": Measure(luma=True, border="scale"),
    "y-shave-float": Measure(luma=True, rounded=False, border="scale"),
    "rgb-uint8": Measure(),
    "rgb-float": Measure(rounded=False),
    "rgb-shave": Measure(border="scale"),
    "rgb-ntire": Measure(border="scale+6"),
    "sidd": Measure(ssim="volume", block=256),
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
        clean: ``(H, W, C)`` in [0, 1].
        restored: ``(H, W, C)`` in [0, 1], or a little outside.
        scale: Super-resolution scale, which sets the border that some protocols leave out.

    Raises:
        ValueError: There is no such protocol, the shapes differ, a value is not a number, or the
            image is too small for the SSIM window.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol '{protocol}'; {nearest_known(protocol, PROTOCOLS)}")
    if clean.shape != restored.shape:
        raise ValueError(f"expected images of one shape, came {clean.shape} and {restored.shape}")
    if not np.isfinite(restored).all():
        raise ValueError("expected a restored image of numbers, came NaN or infinite values")
    how = PROTOCOLS[protocol]
    border = border_of(protocol, scale)
    height, width = clean.shape[:2]
    if min(height, width) < SSIM_WINDOW + 2 * border:
        raise ValueError(
            f"expected at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels inside a border of {border} to "
            f"compare by {protocol}, came {height}x{width} in all"
        )
    true, test = (
        _prepared(image, how)[border : height - border, border : width - border]
        for image in (clean, restored)
    )
    scores = [
        Score(psnr(one, other), _SSIM[how.ssim](one, other))
        for one, other in _blocks(true, test, how.block)
    ]
    return Score(fmean(score.psnr for score in scores), fmean(score.ssim for score in scores))


def border_of(protocol: Protocol, scale: float) -> int:
    """Return how many pixels a protocol leaves out on each side; a fraction is rounded up."""
    border = PROTOCOLS[protocol].border
    return 0 if border == "none" else int(np.ceil(scale)) + (6 if border == "scale+6" else 0)


def _prepared(image: Array, how: Measure) -> Values:
    values = to_8bit(image).astype(np.float64) if how.rounded else image.astype(np.float64) * 255
    if how.luma and image.shape[-1] == 3:
        luma = rgb_to_luma(values / 255)[..., None]
        return to_8bit(luma).astype(np.float64) if how.rounded else luma * 255
    return values


def _blocks(true: Values, test: Values, side: int | None) -> Iterator[tuple[Values, Values]]:
    """Yield the parts to measure: blocks side by side, what is left over in the last ones."""
    height, width = true.shape[:2]
    for rows in _parts(height, side or height):
        for columns in _parts(width, side or width):
            yield true[rows, columns], test[rows, columns]


def _parts(length: int, side: int) -> list[slice]:
    count = max(1, length // side)
    return [slice(i * side, length if i == count - 1 else (i + 1) * side) for i in range(count)]


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
    from skimage.metrics import structural_similarity  # here: not all stages measure

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


def volume_ssim(true: Values, test: Values) -> float:
    """Return the structural similarity of images as volumes, as MATLAB's ``ssim`` has it.

    Args:
        true: ``(H, W, C)`` in [0, 255].
        test: The same shape and range.
    """
    from scipy.ndimage import gaussian_filter  # here: not all stages measure

    smooth: Callable[[Values], Values] = partial(
        gaussian_filter, sigma=1.5, radius=SSIM_WINDOW // 2, mode="nearest"
    )
    mean_true, mean_test = smooth(true), smooth(test)
    product = mean_true * mean_test
    squares = mean_true**2 + mean_test**2
    variances = smooth(true**2) + smooth(test**2) - squares
    covariance = smooth(true * test) - product
    luminance, contrast = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * product + luminance) * (2 * covariance + contrast)) / (
        (squares + luminance) * (variances + contrast)
    )
    return float(similarity.mean())


_SSIM: dict[str, Callable[[Values, Values], float]] = {"wang": ssim, "volume": volume_ssim}
