"""How far another draw of the test noise moves the mean PSNR of a denoiser.

``python -m tests.bench.draws SETS`` prints the rows of ``pipeline/literature/draws.csv``; ``SETS``
is a folder with the published image sets, one folder a set. The networks are those that ship.

``spread`` is for noise that is drawn anew for each image, as here: images are independent then, and
the variance of their mean follows from those of single images, over four draws of each; of the sets
of 68 images every fourth is restored. ``spread_shared`` is for noise that starts from the same seed
for each image, as in the tests of DnCNN and of the code after it: images of one size have the same
noise then, and their scores vary together. How much so is told by crops, which many draws are
cheap for.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array
from pipeline.arrays.randomness import generator
from pipeline.images.colours import in_colour
from pipeline.images.files import SUFFIXES, read_image
from pipeline.measuring.metrics import measure
from pipeline.models.runet.settings import RUNet
from pipeline.photographs.weights_by_name import SHIPPED
from pipeline.settings.params import Colour, Protocol
from pipeline.tiling.trained_network import load_network

SETS: dict[str, tuple[Colour, Protocol, str]] = {
    "set12": ("gray", "gray-uint8", "gray_noise"),
    "bsd68": ("gray", "gray-uint8", "gray_noise"),
    "cbsd68": ("rgb", "rgb-uint8", "colour_noise"),
}
SIGMAS = (15, 25, 50)
EVERY = {"bsd68": 4, "cbsd68": 4}
"""Of which sets not all images are restored, but one of so many."""

CROP, CROP_DRAWS, CROP_SIGMA = 96, 16, 25
"""Side of the crops that tell how scores vary together, in pixels; draws of their noise, and its
standard deviation, on which it is taken not to depend."""

CELL = 4
"""Pixels a side that the network takes at once."""


def main(sets: Path, names: list[str], draws: int) -> None:
    """Print the table.

    Args:
        sets: Folder with one folder a set.
        names: Which sets.
        draws: Of the noise of whole images.
    """
    write = sys.stdout.write
    write("data_set,degradation,spread,spread_shared\n")
    for data_set in names:
        colour, protocol, weights = SETS[data_set]
        network = _network(weights)
        whole = list(_images(sets / data_set, colour))
        images = whole[:: EVERY.get(data_set, 1)]
        crops = [image[:CROP, :CROP] for image in images]
        sizes = [image.shape for image in whole]
        alike = correlation(_scores(network, crops, CROP_SIGMA, protocol, CROP_DRAWS, shared=True))
        for sigma in SIGMAS:
            alone = _scores(network, images, sigma, protocol, draws, shared=False)
            apart = spread(alone, len(whole))
            together = apart * np.sqrt(1 + partners(sizes) * alike)
            write(f"{data_set},gaussian_{sigma},{apart:.4f},{together:.4f}\n")
            sys.stdout.flush()


def spread(scores: NDArray[np.float64], images: int) -> float:
    """Return the standard deviation of the mean over so many independent images."""
    return float(np.sqrt(scores.var(axis=0, ddof=1).mean() / images))


def correlation(scores: NDArray[np.float64]) -> float:
    """Return how the scores of two images vary together over the draws, from 0 to 1."""
    images = scores.shape[1]
    variance = scores.var(axis=0, ddof=1).mean()
    of_mean = scores.mean(axis=1).var(ddof=1)
    covariance = (images * of_mean - variance) / (images - 1)
    return float(max(0.0, covariance / variance))


def partners(sizes: Sequence[tuple[int, ...]]) -> float:
    """Return how many other images of the same size an image has, in the mean."""
    return float(np.mean([sizes.count(size) - 1 for size in sizes]))


def _network(weights: str) -> torch.nn.Module:
    model = json.loads((SHIPPED / weights / "card.json").read_text(encoding="utf-8"))["model"]
    settings = RUNet.model_validate({key: model[key] for key in model if key != "class"})
    return load_network(settings, SHIPPED / weights)


def _images(folder: Path, colour: Colour) -> Iterator[Array]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            yield in_colour(read_image(path), colour)


def _scores(
    network: torch.nn.Module,
    images: list[Array],
    sigma: float,
    protocol: Protocol,
    draws: int,
    *,
    shared: bool,
) -> NDArray[np.float64]:
    """Return the PSNR of each draw and image, ``(draws, images)``, in decibels."""
    scores = np.empty((draws, len(images)))
    for draw in range(draws):
        for number, clean in enumerate(images):
            rng = generator("draws", draw, 0 if shared else number)
            noise = rng.standard_normal(clean.shape, np.float32) * np.float32(sigma / 255)
            restored = _restored(network, clean + noise)
            scores[draw, number] = measure(protocol, clean, restored).psnr
    return scores


def _restored(network: torch.nn.Module, noisy: Array) -> Array:
    height, width = noisy.shape[:2]
    padded = np.pad(noisy, ((0, -height % CELL), (0, -width % CELL), (0, 0)), mode="reflect")
    with torch.inference_mode():
        batch = torch.from_numpy(padded).permute(2, 0, 1)[None]
        result = network(batch.contiguous(memory_format=torch.channels_last))
    restored: Array = result[0].permute(1, 2, 0).numpy()[:height, :width]
    return np.ascontiguousarray(restored)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, help="folder with the published image sets")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS))
    options = parser.parse_args()
    main(options.sets, options.only, options.draws)
