"""What restoring in a format shorter than float32 costs, measured on a tile."""

from pathlib import Path

import numpy as np

from pipeline.tiling.restorer import Restorer
from pipeline.tiling.rows import NpyRows


def precision_loss(
    degraded: Path, restorer: Restorer, sigma_8bit: float | None = None
) -> dict[str, float]:
    """Compare the tile in the middle of an image with the same in float32.

    Args:
        degraded: ``.npy`` file, float32 ``(H, W, C)`` in [0, 1] up to noise.
        restorer: The network in its format.
        sigma_8bit: The level of the noise, for a network that is told.

    Returns:
        On the scale of 0 to 255: ``max_8bit``, ``mean_8bit`` and ``rms_8bit`` of the absolute
        differences. An rms of r takes from an image with a root mean square error of e, where
        both are independent, ``10 log10(1 + (r / e)^2)`` decibels.
    """
    rows = NpyRows(degraded)
    tall, wide = (min(side, max(restorer.tile, restorer.least_side)) for side in rows.shape[:2])
    top, left = (rows.shape[0] - tall) // 2, (rows.shape[1] - wide) // 2
    piece = rows.read(top, top + tall)[:, left : left + wide]
    short = restorer.restore(piece, sigma_8bit)
    exact = restorer.in_float32().restore(piece, sigma_8bit)
    differences = 255 * np.abs(short.astype(np.float64) - exact)
    return {
        "max_8bit": round(float(differences.max()), 4),
        "mean_8bit": round(float(differences.mean()), 4),
        "rms_8bit": round(float(np.sqrt(np.mean(differences**2))), 4),
    }
