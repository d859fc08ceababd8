"""Search the parameters of the classical denoisers, on training images only.

``python -m tests.bench.classical FOLDER`` prints what is best at each noise level and over all of
them, of a few images of ``FOLDER``, which should be training images (BSD400 decided the constants
of ``pipeline/measuring/classical.py``): a method tuned on the images that it is tested on would be
compared unfairly with networks that never saw them.
"""

import argparse
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from pipeline.arrays.pixels import Array
from pipeline.arrays.randomness import generator
from pipeline.images.colours import in_colour
from pipeline.images.files import SUFFIXES, read_image
from pipeline.measuring.classical import BayesShrink, NonLocalMeans, TotalVariation
from pipeline.measuring.metrics import measure
from pipeline.running.workers import each

SIGMAS = (15, 25, 50)

SHOWN = 5
"""Settings shown of each search, the best ones."""

Denoise = Callable[[Array, float], Any]

STRENGTHS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def grid(kind: Callable[..., Denoise], **values: Sequence[object]) -> list[Denoise]:
    """Return a method at every combination of the values of its parameters."""
    combinations = itertools.product(*values.values())
    return [kind(**dict(zip(values, each_one, strict=True))) for each_one in combinations]


SEARCHES: Mapping[str, list[Denoise]] = {
    "non-local means": grid(
        NonLocalMeans,
        patch=(3, 5, 7),
        distance=(5, 7, 9, 11),
        strength=STRENGTHS,
        even_weights=(True,),
    ),
    # Twenty times slower, so the distance is not searched again.
    "non-local means, Gaussian patches": grid(
        NonLocalMeans, patch=(3, 5, 7), distance=(7,), strength=STRENGTHS, even_weights=(False,)
    ),
    "wavelets": grid(
        BayesShrink,
        wavelet=("db1", "db2", "sym4", "bior2.2", "bior4.4"),
        levels=(2, 3, 4, 5),
        shifts=(1, 2, 4, 8, 16),
    ),
    "total variation": grid(
        TotalVariation,
        weight=(0.06, 0.065, 0.07, 0.075, 0.08, 0.09, 0.1, 0.12),
        power=(1.0, 1.2, 1.3, 1.4),
    ),
}


def noisy_images(folder: Path, count: int) -> Iterator[tuple[Array, Mapping[int, Array]]]:
    """Yield some images, evenly chosen, each with its noisy versions by level."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    for path in files[:: max(1, len(files) // count)][:count]:
        clean = in_colour(read_image(path), "gray")
        noisy = {}
        for sigma in SIGMAS:
            noise = generator(0, "tuning", path.stem, sigma).standard_normal(clean.shape)
            noisy[sigma] = clean + np.float32(sigma / 255) * noise.astype(np.float32)
        yield clean, noisy


def scores(images: Sequence[tuple[Array, Mapping[int, Array]]], denoise: Denoise) -> list[float]:
    """Return the mean PSNR of a method at each level."""
    return [
        fmean(
            measure(
                "gray-uint8",
                clean,
                np.asarray(denoise(noisy[sigma], sigma / 255), np.float32).reshape(clean.shape),
                1,
            ).psnr
            for clean, noisy in images
        )
        for sigma in SIGMAS
    ]


def main(folder: Path, count: int, wanted: Sequence[str]) -> None:
    """Print the best settings of every search."""
    warnings.filterwarnings("ignore", "Wavelet thresholding was designed")
    images = list(noisy_images(folder, count))
    write = sys.stdout.write
    write(f"{len(images)} images of {folder.name}, gray-uint8, PSNR at sigma {SIGMAS}\n")
    for name in wanted or SEARCHES:
        methods = SEARCHES[name]
        found = list(zip(methods, each(partial(scores, images), methods), strict=True))
        write(f"\n{name}: {len(methods)} settings\n")
        found.sort(key=lambda one: -fmean(one[1]))
        for method, psnrs in found[:SHOWN]:
            write(f"  {method!s:<75} {shown(psnrs)}  mean {fmean(psnrs):.3f}\n")
        for at, sigma in enumerate(SIGMAS):
            method, psnrs = max(found, key=lambda one: one[1][at])
            write(f"  at sigma {sigma} alone: {method!s:<57} {shown(psnrs)}\n")
        sys.stdout.flush()


def shown(psnrs: Sequence[float]) -> str:
    """Return the PSNR of each level, in columns."""
    return " ".join(f"{psnr:7.3f}" for psnr in psnrs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with training images")
    parser.add_argument("--images", type=int, default=8, help="how many of them, evenly chosen")
    parser.add_argument("--only", nargs="+", default=(), choices=SEARCHES, help="some searches")
    options = parser.parse_args()
    main(options.folder, options.images, options.only)
