"""Searching with images for texts, and with texts for images."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pipeline.recognition.learning.gathering import Samples
from pipeline.recognition.learning.recognising import represent
from pipeline.recognition.scoring.class_scores import Measure, average_precisions


def search(
    network: nn.Module,
    samples: Samples,
    positions: NDArray[np.int64],
    labels: NDArray[np.integer],
) -> dict[Measure, NDArray[np.float64]]:
    """Return the average precision of each query, in both directions, ``(N,)`` each.

    Args:
        network: For pairs of features.
        samples: All there are.
        positions: Of the pairs that are searched, each with all of them.
        labels: Of these, ``(N,)``.
    """
    images, texts = represent(network, samples, positions)
    return {
        "map_image_to_text": average_precisions(images, texts, labels, labels),
        "map_text_to_image": average_precisions(texts, images, labels, labels),
    }
