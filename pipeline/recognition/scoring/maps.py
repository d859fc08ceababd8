"""Maps of a scene's classes: the true ones, and what a network takes each pixel for."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.recognition.labelled.samples import UNLABELLED, Labelled
from pipeline.recognition.scoring.palette import paint


def draw_truth(scene: Labelled) -> Array:
    """Return the true classes of a scene as a picture, ``(H, W, 3)`` in [0, 1]."""
    return from_8bit(paint(scene.labels))


def draw_predicted(
    scene: Labelled, predict: Callable[[NDArray[np.int64]], NDArray[np.int64]]
) -> Array:
    """Return what a network takes each labelled pixel for, in the colours of ``draw_truth``.

    Pixels of all parts are drawn, those that trained too; scores are of the test part alone.

    Args:
        scene: Its labels say which pixels are drawn.
        predict: Returns the classes of pixels by their positions.
    """
    positions = np.flatnonzero(scene.labels != UNLABELLED)
    labels = np.full(scene.labels.size, UNLABELLED, np.int64)
    labels[positions] = predict(positions)
    return from_8bit(paint(labels.reshape(scene.labels.shape)))
