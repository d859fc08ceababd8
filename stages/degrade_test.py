"""Stage ``degrade_test``: write the clean and the degraded images of one benchmark."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.arrays.pixels import Array
from pipeline.arrays.randomness import generator
from pipeline.arrays.tables import write_mappings
from pipeline.degradations.levels import Level, levels
from pipeline.degradations.settings import RealPairs
from pipeline.degrading.synthesis import degrade, fitting_crop
from pipeline.images.benchmarks import BenchmarkImage, smallest_side, write_images, write_trials
from pipeline.images.colours import in_colour, rgb_to_luma
from pipeline.images.files import read_image
from pipeline.images.raw_images import RawImage, list_images
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.running.workers import each
from pipeline.settings.params import Trial


def degrade_test(*, trials: Sequence[Trial], raw: Path, out: Path, seed: int) -> None:
    """Write whole clean images and their degraded versions, for every trial and level.

    What is drawn depends on seed, data set, image and level alone: the same image has the same
    noise in every benchmark, and no two images have the same.

    Args:
        trials: The parts of the benchmark.
        raw: Folder of all downloaded data sets.
        out: Folder to make; ``pipeline/images/benchmarks.py`` describes it. ``card.csv`` in it has
            one row an image and level with what was drawn.
        seed: Seed of the params.

    Raises:
        ValueError: Real pairs are asked of a data set that has none.
        ImageError: An image cannot be read.
    """
    cards: list[dict[str, Any]] = []
    with new_folder(out) as folder:
        for trial in trials:
            write = partial(_write_levels, trial=trial, folder=folder, seed=seed)
            cards += chain.from_iterable(each(write, list_images(raw / trial.dataset)))
        write_mappings(folder / "card.csv", cards)
        write_trials(folder, trials)


def _write_levels(image: RawImage, trial: Trial, folder: Path, seed: int) -> list[dict[str, Any]]:
    """Write one image at every level, and return the cards."""
    clean = _in_trial_colour(read_image(image.clean), trial)
    cards = []
    for level in levels(trial.degradation):
        card = _write_pair(BenchmarkImage(trial, level, image.name, folder), image, clean, seed)
        cards.append({"data_set": trial.dataset, "image": image.name, **card})
    return cards


def _write_pair(
    written: BenchmarkImage, image: RawImage, clean: Array, seed: int
) -> dict[str, Any]:
    trial, level = written.trial, written.level
    clean = fitting_crop(clean, level)
    _check_size(clean, image, trial, level)
    if isinstance(level.settings, RealPairs):
        degraded, card = _partner(image, trial), {}
    else:
        rng = generator(seed, trial.dataset, image.name, level.label)
        result = degrade(clean, level, rng)
        degraded, card = result.image, result.card
    if trial.colour == "y_of_rgb":
        clean, degraded = _float_luma(clean), _float_luma(degraded)
    write_images(written, clean, degraded)
    return {"label": level.label, **card}


def _in_trial_colour(image: Array, trial: Trial) -> Array:
    """Return the image in the colour that it is degraded in."""
    return image if trial.colour == "y_of_rgb" else in_colour(image, trial.colour)


def _float_luma(image: Array) -> Array:
    # A gray file is taken for luma already, as everywhere.
    return rgb_to_luma(image).astype(image.dtype)[..., None] if image.shape[-1] == 3 else image


def _check_size(clean: Array, image: RawImage, trial: Trial, level: Level) -> None:
    needed = smallest_side(trial, level)
    if min(clean.shape[:2]) < needed:
        height, width = clean.shape[:2]
        raise ValueError(
            f"data set '{trial.dataset}': test image '{image.name}' has {height}x{width} pixels; "
            f"measuring {level.label} needs at least {needed} a side: leave the image out"
        )


def _partner(image: RawImage, trial: Trial) -> Array:
    if image.degraded is None:
        raise ValueError(
            f"data set '{trial.dataset}': image '{image.name}' has no degraded partner; the "
            "degradation 'paired' needs a data set of real pairs"
        )
    return _in_trial_colour(read_image(image.degraded), trial)


if __name__ == "__main__":
    run_stage(degrade_test)
