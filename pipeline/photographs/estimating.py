"""How noisy a picture is, estimated from itself.

G. Chen, F. Zhu, P. A. Heng. An efficient statistical method for image noise level estimation.
ICCV 2015. https://doi.org/10.1109/ICCV.2015.62
"""

from dataclasses import dataclass

import numpy as np

from pipeline.photographs.picture import Values

_SIDE = 8
"""Of the patches; what is in pictures takes few of their dimensions, and noise takes all."""

_MOST = 20_000
"""Patches to look at."""


@dataclass(frozen=True)
class NoiseLevels:
    """How noisy a picture looks at two sizes, standard deviations on the scale of 0 to 255.

    Args:
        fine: At its own size.
        coarse: At half of it, doubled: the same for noise that differs from pixel to pixel, more
            for noise that a camera has smoothed, and more for what is in the picture.
    """

    fine: float
    coarse: float

    @property
    def is_smoothed(self) -> bool:
        """Whether single pixels hardly differ from their neighbours, as in files of cameras."""
        return self.fine <= _SMOOTHED

    @property
    def sigma_8bit(self) -> float:
        """The level of the noise."""
        return self.coarse if self.is_smoothed else self.fine


_SMOOTHED = 1.6
"""Between the noise of files of cameras and that of files that nobody smoothed."""


def estimate_noise(values: Values) -> NoiseLevels:
    """Return how noisy a picture looks.

    The picture's own content spans the first dimensions of its patches. The least of the others
    are those whose mean does not exceed their median; their mean is the variance of the noise.

    Args:
        values: uint8 or uint16 ``(H, W, C)``.

    Returns:
        Means over the channels; 0 for a picture smaller than one patch.
    """
    channels = [values[..., channel] for channel in range(values.shape[-1])]
    fine = [_sigma(channel) for channel in channels]
    coarse = [2 * _sigma(_halved(channel)) for channel in channels]
    return NoiseLevels(float(np.mean(fine)), float(np.mean(coarse)))


def _halved(channel: Values) -> Values:
    height, width = (side // 2 * 2 for side in channel.shape)
    blocks = channel[:height, :width].reshape(height // 2, 2, width // 2, 2)
    # What a file of 8 bits would hold, or else rounding would show at one size alone.
    halved: Values = np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)).astype(channel.dtype)
    return halved


def _sigma(channel: Values) -> float:
    rows, columns = (side - _SIDE + 1 for side in channel.shape)
    if min(rows, columns) < 1:
        return 0.0
    step = max(1, int(np.sqrt(rows * columns / _MOST)))
    windows = np.lib.stride_tricks.sliding_window_view(channel, (_SIDE, _SIDE))[::step, ::step]
    # Few of them are brought to floats, or else this would take many times the picture's memory.
    patches = windows.reshape(-1, _SIDE * _SIDE) * (255 / np.iinfo(channel.dtype).max)
    if len(patches) < 2:
        return 0.0
    variances = np.linalg.eigvalsh(np.cov(patches, rowvar=False))[::-1]
    rests = (variances[first:] for first in range(len(variances)))
    noise = next(rest.mean() for rest in rests if rest.mean() <= np.median(rest) or len(rest) == 1)
    return float(np.sqrt(max(0.0, noise)))
