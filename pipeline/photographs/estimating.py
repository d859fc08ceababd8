"""How noisy a picture is, estimated from itself.

G. Chen, F. Zhu, P. A. Heng. An efficient statistical method for image noise level estimation.
ICCV 2015. https://doi.org/10.1109/ICCV.2015.62
"""

import numpy as np

from pipeline.photographs.picture import Values

_SIDE = 8
"""Of the patches; what is in pictures takes few of their dimensions, and noise takes all."""

_MOST = 20_000
"""Patches to look at."""


def estimate_sigma(values: Values) -> float:
    """Return the standard deviation of the noise of a picture, on the scale of 0 to 255.

    The picture's own content spans the first dimensions of its patches. The least of the others
    are those whose mean does not exceed their median; their mean is the variance of the noise.

    Args:
        values: uint8 or uint16 ``(H, W, C)``.

    Returns:
        The mean over the channels; 0 for a picture smaller than one patch.
    """
    height, width, channels = values.shape
    rows, columns = height - _SIDE + 1, width - _SIDE + 1
    if rows < 1 or columns < 1:
        return 0.0
    step = max(1, int(np.sqrt(rows * columns / _MOST)))
    sigmas = [_of_channel(values[..., channel], step) for channel in range(channels)]
    return float(np.mean(sigmas))


def _of_channel(channel: Values, step: int) -> float:
    windows = np.lib.stride_tricks.sliding_window_view(channel, (_SIDE, _SIDE))[::step, ::step]
    patches = windows.reshape(-1, _SIDE * _SIDE) * (255 / np.iinfo(channel.dtype).max)
    if len(patches) < 2:
        return 0.0
    variances = np.linalg.eigvalsh(np.cov(patches, rowvar=False))[::-1]
    for first in range(len(variances)):
        rest = variances[first:]
        if rest.mean() <= np.median(rest):
            return float(np.sqrt(max(0.0, rest.mean())))
    return float(np.sqrt(max(0.0, variances[-1])))
