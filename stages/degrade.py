"""Stage ``degrade``: degrade the training images of one experiment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.cards import write_cards
from pipeline.degradations import degrade as degrade_image
from pipeline.images import from_8bit, to_8bit
from pipeline.levels import Level, levels
from pipeline.outputs import new_folder
from pipeline.params import Degradation, Gaussian, Jpeg, RealPairs
from pipeline.patches import PatchBank, cut
from pipeline.randomness import generator
from pipeline.stage_runner import run_stage


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
            versions = [
                _version(bank, level, draw, (seed, experiment), cards)
                for level in levels(degradation)
                for draw in range(level.draws)
            ]
            np.save(folder / "degraded.npy", np.concatenate(versions))
        write_cards(folder / "card.csv", cards)


def _partners(bank: PatchBank) -> NDArray[np.uint8]:
    if bank.degraded is None:
        raise ValueError(
            f"{bank.folder}: expected degraded partners of the clean patches, came none: the "
            "degradation 'paired' needs a data set of real pairs"
        )
    return bank.degraded


def _version(
    bank: PatchBank, level: Level, draw: int, key: tuple[int, str], cards: list[dict[str, Any]]
) -> NDArray[Any]:
    """Degrade all images of a bank once, and note in ``cards`` what was drawn."""
    pieces = list(_pieces(bank, level, draw, key, cards))
    return np.concatenate(pieces)


def _pieces(
    bank: PatchBank, level: Level, draw: int, key: tuple[int, str], cards: list[dict[str, Any]]
) -> Iterator[NDArray[Any]]:
    for image in bank.images:
        rng = generator(*key, level.label, draw, image.name)
        result = degrade_image(from_8bit(bank.clean_image(image)), level, rng)
        cards.append({"image": image.name, "label": level.label, "draw": draw, **result.card})
        # Bicubic interpolation gives values between the 8-bit ones, and overshoot: half
        # precision keeps them to a sixteenth of a gray level.
        is_8bit = isinstance(level.settings, Jpeg)
        stored = to_8bit(result.image) if is_8bit else result.image.astype(np.float16)
        yield cut(stored, image.grid)


if __name__ == "__main__":
    run_stage(degrade)
