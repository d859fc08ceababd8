"""Stage ``degrade``: make a training set of a patch bank and a degradation."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.patches import BankImage, Grid, PatchBank, write_cut
from pipeline.arrays.pixels import from_8bit, to_8bit
from pipeline.arrays.randomness import generator
from pipeline.arrays.shards import ShardedFile
from pipeline.arrays.tables import write_mappings
from pipeline.arrays.training_set import begin_training_set
from pipeline.degradations.levels import Level, Version, in_8bit, levels, reduction_of, versions
from pipeline.degradations.settings import Degradation, Jpeg, RealPairs
from pipeline.degrading.drawn_noise import drawn_noise
from pipeline.degrading.synthesis import compress
from pipeline.degrading.synthesis import degrade as degrade_image
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.running.workers import each

_SMALL = 1 << 17
"""Pixels of images that several threads degrade no sooner than one (measured: they come to be
even at 481x321, and lose a third at 180x180)."""

_SOME = 1000
"""Images whose sizes say how large those of a bank are."""


def degrade(*, name: str, degradation: Degradation, patches: Path, out: Path, seed: int) -> None:
    """Write a training set: the patches of a bank and their degraded partners.

    Whole images are degraded and then cut at the positions of the clean patches, so that the
    8x8 grid of JPEG and the support of bicubic interpolation do not start anew at each patch.
    Noise that comes last is not stored: training draws it anew at every step.

    Args:
        name: Name of the training set; what is drawn depends on it.
        degradation: What to do; each of its versions gives one version of each patch.
        patches: The patch bank.
        out: Folder to make; ``pipeline/arrays/training_set.py`` describes it. Of a version that
            has nothing but noise the stored partners are the clean patches; where the result is
            ``low``, partners are smaller.
        seed: Seed of the params.

    Raises:
        ValueError: Real pairs are asked of a bank that has none, or the scale of small images
            does not divide the patches.
    """
    bank = PatchBank(patches)
    every = versions(degradation)
    drawn = [
        {"label": level.label, "drawn": "at every step"}
        for version in every
        if version.noise and version.stored is None
        for level in levels(version.noise)
    ]
    with new_folder(out) as folder:
        noise = [drawn_noise(version.noise) if version.noise else None for version in every]
        begin_training_set(folder, bank, name, degradation.model_dump(), noise)
        stored = any(version.stored for version in every)
        with closing(_write_versions(bank, every, folder, (seed, name))) as written:
            write_mappings(folder / "card.csv", chain(written if stored else (), drawn))


def _write_versions(
    bank: PatchBank, every: Sequence[Version], folder: Path, key: tuple[int, str]
) -> Generator[dict[str, Any]]:
    """Write every version of every image, cut at the positions of the bank; yield their cards."""
    reduction = _whole_reduction(every, bank)
    side = bank.clean.shape[1] // reduction
    # Interpolation and blur give values between the 8-bit ones, and overshoot: half precision
    # keeps them to a sixteenth of a gray level.
    dtype = np.dtype(np.uint8 if in_8bit(every) else np.float16)
    file = ShardedFile(folder, "degraded", (side, side, bank.clean.shape[3]), dtype)
    todo = (
        _Part(image, version.stored, version.draw, first=number * len(bank) + image.first)
        for number, version in enumerate(every)
        for image in bank.images
    )
    write = partial(_write_part, bank=bank, file=file, reduction=reduction, key=key)
    with closing(each(write, todo, most=1 if _are_small(bank) else None)) as cards:
        yield from (card for card in cards if card)
    file.finish(len(every) * len(bank))


def _are_small(bank: PatchBank) -> bool:
    """Tell whether several threads would degrade the images of a bank no sooner than one."""
    pixels = [image.height * image.width for image in islice(bank.images, _SOME)]
    return sum(pixels) / len(pixels) < _SMALL


def _whole_reduction(every: Sequence[Version], bank: PatchBank) -> int:
    """Return how many times smaller than the clean patches their partners are."""
    found = {reduction_of(version.stored) if version.stored else 1 for version in every}
    grid = next(iter(bank.images)).grid
    if len(found) > 1 or any(one % 1 or grid.size % one or grid.stride % one for one in found):
        raise ValueError(
            f"{bank.folder}: expected one scale that divides patches of {grid.size} pixels at a "
            f"stride of {grid.stride}, came {', '.join(f'{one:g}' for one in sorted(found))}"
        )
    return int(found.pop())


@dataclass(frozen=True)
class _Part:
    """One version of one image; ``first`` is the position of its first patch."""

    image: BankImage
    level: Level | None
    draw: int
    first: int


def _write_part(
    part: _Part, bank: PatchBank, file: ShardedFile, reduction: int, key: tuple[int, str]
) -> dict[str, Any]:
    """Write one version of one image, and return its card; clean ones have none."""
    whole, card = _degraded(part, bank, key)
    stored: NDArray[Any]
    if file.dtype == np.uint8:
        stored = whole if whole.dtype == np.uint8 else to_8bit(whole)
    else:
        stored = (from_8bit(whole) if whole.dtype == np.uint8 else whole).astype(np.float16)
    with file.writer() as write:
        write_cut(write, part.first, stored, _reduced(part.image.grid, reduction, stored))
    if part.level is None:
        return {}
    return {"image": part.image.name, "label": part.level.label, **card}


def _degraded(
    part: _Part, bank: PatchBank, key: tuple[int, str]
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return a degraded image, in 8 bits or in float32, and its card."""
    level = part.level
    if level is None:
        return bank.clean_image(part.image), {}
    if isinstance(level.settings, RealPairs):
        return bank.degraded_image(part.image), {}
    rng = generator(*key, level.label, part.draw, part.image.name)
    clean = bank.clean_image(part.image)
    if isinstance(level.settings, Jpeg):
        values, card = compress(clean, level.settings, rng)
        return values, {"draw": part.draw, **card}
    result = degrade_image(from_8bit(clean), level, rng)
    return result.image, {"draw": part.draw, **result.card}


def _reduced(grid: Grid, reduction: int, image: NDArray[Any]) -> Grid:
    """Return the same positions in an image that is smaller by ``reduction``."""
    if reduction == 1:
        return grid
    height, width = (side // reduction for side in grid.covered)
    if image.shape[:2] != (height, width):
        raise ValueError(f"expected a small image of {height}x{width}, came {image.shape[:2]}")
    return Grid(height, width, grid.size // reduction, grid.stride // reduction)


if __name__ == "__main__":
    run_stage(degrade)
