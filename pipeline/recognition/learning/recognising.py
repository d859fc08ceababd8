"""Networks at work on samples that they do not learn from now, in evaluation mode."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.arrays.pixels import Array
from pipeline.recognition.labelled.samples import Labelled
from pipeline.recognition.learning.gathering import Images, Samples

_VALUES = 1 << 22
"""Numbers of all samples together that go through the network at once."""


def predict(
    network: nn.Module, samples: Samples, positions: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the most likely class of each sample, ``(N,)``.

    Args:
        network: On the device of the samples; it is put into evaluation mode.
        samples: All there are.
        positions: Of those to recognise.
    """
    found = [np.zeros(0, np.int64)]
    with torch.inference_mode():
        network.eval()
        found += [
            network(samples.at(part)).argmax(dim=1).cpu().numpy()
            for part in _parts(samples, positions)
        ]
    return np.concatenate(found)


def represent(
    network: nn.Module, samples: Samples, positions: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Return the representations of the images and of the texts of pairs, ``(N, common)`` each.

    Args:
        network: For pairs of features, as above.
        samples: All there are.
        positions: Of those to represent; one at least.
    """
    with torch.inference_mode():
        network.eval()
        found = [network(samples.at(part))[:2] for part in _parts(samples, positions)]
    images, texts = (torch.cat(parts).float().cpu().numpy() for parts in zip(*found, strict=True))
    return images, texts


def describe_images(network: nn.Module, images: Labelled, device: torch.device) -> Array:
    """Return what the classifier of a network takes from each image, ``(N, F)``.

    Args:
        network: A recogniser of images on ``device``, with a method ``features``; it is put into
            evaluation mode.
        images: One at least.
        device: Where the network is.
    """
    features: Callable[[Tensor], Tensor] = network.features  # type: ignore[assignment]
    samples, positions = Images(images, device), np.arange(len(images.values))
    with torch.inference_mode():
        network.eval()
        found = [features(samples.at(part)).float().cpu() for part in _parts(samples, positions)]
    return torch.cat(found).numpy()


def _parts(samples: Samples, positions: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    together = max(1, _VALUES // int(np.prod(samples.shape)))
    for first in range(0, len(positions), together):
        yield positions[first : first + together]
