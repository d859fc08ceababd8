"""Stage ``degrade_test``: write the clean and the degraded images of one benchmark."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cards import write_cards
from pipeline.degradations import degrade, fitting_crop
from pipeline.images import Array, in_colour, read_image, write_png
from pipeline.levels import Level, levels, scale_of
from pipeline.metrics import smallest_side
from pipeline.outputs import new_folder
from pipeline.params import RealPairs, Trial
from pipeline.randomness import generator
from pipeline.raw_images import RawImage, list_images
from pipeline.stage_runner import run_stage


def degrade_test(*, trials: Sequence[Trial], raw: Path, out: Path, seed: int) -> None:
    """Write whole clean images and their degraded versions, for every trial and level.

    What is drawn depends on seed, data set, image and level alone: the same image has the same
    noise in every benchmark, and no two images have the same.

    Args:
        trials: The parts of the benchmark.
        raw: Folder of all downloaded data sets.
        out: Folder to make; ``pipeline/benchmarks.py`` describes it. ``card.csv`` in it has one
            row an image and level with what was drawn.
        seed: Seed of the params.

    Raises:
        ValueError: Real pairs are asked of a data set that has none.
        ImageError: An image cannot be read.
    """
    cards: list[dict[str, Any]] = []
    with new_folder(out) as folder:
        for trial in trials:
            for image in list_images(raw / trial.dataset):
                clean = in_colour(read_image(image.clean), trial.colour)
                for level in levels(trial.degradation):
                    place = folder / trial.dataset / level.label
                    card = _write_pair(place, image, clean, trial, level, seed)
                    cards.append({"data_set": trial.dataset, "image": image.name, **card})
        write_cards(folder / "card.csv", cards)


def _write_pair(
    place: Path, image: RawImage, clean: Array, trial: Trial, level: Level, seed: int
) -> dict[str, Any]:
    clean = fitting_crop(clean, level)
    _check_size(clean, image, trial, level)
    if isinstance(level.settings, RealPairs):
        degraded, card = _partner(image, trial), {}
    else:
        rng = generator(seed, trial.dataset, image.name, level.label)
        result = degrade(clean, level, rng)
        degraded, card = result.image, result.card
    for kind in ("clean", "degraded"):
        (place / kind).mkdir(parents=True, exist_ok=True)
    write_png(place / "clean" / f"{image.name}.png", clean)
    np.save(place / "degraded" / f"{image.name}.npy", degraded)
    return {"label": level.label, **card}


def _check_size(clean: Array, image: RawImage, trial: Trial, level: Level) -> None:
    needed = max(smallest_side(protocol, scale_of(level)) for protocol in trial.protocols)
    if min(clean.shape[:2]) < needed:
        height, width = clean.shape[:2]
        raise ValueError(
            f"data set '{trial.dataset}': test image '{image.name}' has {height}x{width} pixels; "
            f"{', '.join(trial.protocols)} at {level.label} need at least {needed} a side: leave "
            "the image out"
        )


def _partner(image: RawImage, trial: Trial) -> Array:
    if image.degraded is None:
        raise ValueError(
            f"data set '{trial.dataset}': image '{image.name}' has no degraded partner; the "
            "degradation 'paired' needs a data set of real pairs"
        )
    return in_colour(read_image(image.degraded), trial.colour)


if __name__ == "__main__":
    run_stage(degrade_test)
