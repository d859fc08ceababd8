"""Stage ``degrade``: degrade the training images of one experiment."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.array_file import ArrayFile
from pipeline.cards import write_cards
from pipeline.degradation_settings import Bicubic, Degradation, Gaussian, Jpeg, RealPairs
from pipeline.degradations import compress
from pipeline.degradations import degrade as degrade_image
from pipeline.images import from_8bit
from pipeline.levels import Level, levels
from pipeline.outputs import new_folder
from pipeline.patches import BankImage, PatchBank, write_cut
from pipeline.randomness import generator
from pipeline.stage_runner import run_stage
from pipeline.workers import each

_SMALL = 1 << 17
"""Pixels of images that several threads degrade no sooner than one (measured: they come to be
even at 481x321, and lose a third at 180x180)."""


def degrade(
    *, experiment: str, degradation: Degradation, patches: Path, out: Path, seed: int
) -> None:
    """Write the degraded partners of the patches of a bank.

    Whole images are degraded and then cut at the positions of the clean patches, so that the
    8x8 grid of JPEG and the support of bicubic interpolation do not start anew at each patch.
    Gaussian noise is not stored: training draws it anew at every step, and only its card is
    written.

    Args:
        experiment: Name of the experiment; what is drawn depends on it.
        degradation: What to do; a list of levels gives one version of each patch a level.
        patches: The patch bank.
        out: Folder to make: ``degraded.npy``, ``(V * N, size, size, C)``, uint8 or float16 in
            [0, 1], the N patches of the bank once a version; and ``card.csv``, one row an image
            and version with what was drawn.
        seed: Seed of the params.

    Raises:
        ValueError: Real pairs are asked of a bank that has none.
    """
    bank = PatchBank(patches)
    cards: list[dict[str, Any]] = []
    with new_folder(out) as folder:
        if isinstance(degradation, Gaussian):
            cards += [
                {"label": level.label, "drawn": "at every step"} for level in levels(degradation)
            ]
        elif isinstance(degradation, RealPairs):
            np.save(folder / "degraded.npy", _partners(bank))
            cards += [{"image": image.name, "label": "paired"} for image in bank.images]
        else:
            cards += _write_versions(bank, degradation, folder / "degraded.npy", (seed, experiment))
        write_cards(folder / "card.csv", cards)


def _partners(bank: PatchBank) -> NDArray[np.uint8]:
    if bank.degraded is None:
        raise ValueError(
            f"{bank.folder}: expected degraded partners of the clean patches, came none: the "
            "degradation 'paired' needs a data set of real pairs"
        )
    return bank.degraded


def _write_versions(
    bank: PatchBank, degradation: Bicubic | Jpeg, path: Path, key: tuple[int, str]
) -> list[dict[str, Any]]:
    """Write every version of every image, cut at the positions of the bank; return their cards."""
    # Bicubic interpolation gives values between the 8-bit ones, and overshoot: half
    # precision keeps them to a sixteenth of a gray level.
    dtype = np.dtype(np.uint8 if isinstance(degradation, Jpeg) else np.float16)
    file = ArrayFile(path, bank.clean.shape[1:], dtype)
    versions = [(level, draw) for level in levels(degradation) for draw in range(level.draws)]
    todo = [
        _Version(image, level, draw, first=number * len(bank) + image.first)
        for number, (level, draw) in enumerate(versions)
        for image in bank.images
    ]
    write = partial(_write_version, bank=bank, file=file, key=key)
    pixels = sum(image.height * image.width for image in bank.images) / len(bank.images)
    cards = list(each(write, todo, most=1 if pixels < _SMALL else None))
    file.finish(len(versions) * len(bank))
    return cards


@dataclass(frozen=True)
class _Version:
    """One degraded version of one image; ``first`` is the position of its first patch."""

    image: BankImage
    level: Level
    draw: int
    first: int


def _write_version(
    version: _Version, bank: PatchBank, file: ArrayFile, key: tuple[int, str]
) -> dict[str, Any]:
    image, level = version.image, version.level
    rng = generator(*key, level.label, version.draw, image.name)
    clean = bank.clean_image(image)
    stored: NDArray[Any]
    if isinstance(level.settings, Jpeg):
        stored, card = compress(clean, level.settings, rng)
    else:
        result = degrade_image(from_8bit(clean), level, rng)
        stored, card = result.image.astype(np.float16), result.card
    with file.writer() as write:
        write_cut(write, version.first, stored, image.grid)
    return {"image": image.name, "label": level.label, "draw": version.draw, **card}


if __name__ == "__main__":
    run_stage(degrade)
