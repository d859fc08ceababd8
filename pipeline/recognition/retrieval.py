"""Searching with images for texts, and with texts for images."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pipeline.recognition.gathering import Samples
from pipeline.recognition.recognising import represent
from pipeline.recognition.scores import average_precisions

IMAGE_TO_TEXT, TEXT_TO_IMAGE = "map_image_to_text", "map_text_to_image"
"""Names of the two directions."""


def search(
    network: nn.Module,
    samples: Samples,
    positions: NDArray[np.int64],
    labels: NDArray[np.integer],
) -> dict[str, NDArray[np.float64]]:
    """Return the average precision of each query, in both directions, ``(N,)`` each.

    Args:
        network: For pairs of features.
        samples: All there are.
        positions: Of the pairs that are searched, each with all of them.
        labels: Of these, ``(N,)``.
    """
    images, texts = represent(network, samples, positions)
    return {
        IMAGE_TO_TEXT: average_precisions(images, texts, labels, labels),
        TEXT_TO_IMAGE: average_precisions(texts, images, labels, labels),
    }
