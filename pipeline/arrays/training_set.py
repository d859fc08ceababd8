"""A training set on disk: a patch bank, its degraded partners, and the noise still to be drawn.

``stages/degrade.py`` writes it and ``stages/train.py`` reads it. The folder is a patch bank
(``patches.py``), and beside the files of the bank it holds

- ``degraded.npy``: ``(V * N, side, side, C)``, uint8 or float16 in [0, 1], the N patches of the
  bank once a version; left out where noise alone is to be removed; large ones are in shards;
- ``card.csv``: what was drawn for each image and version;
- ``pairs.json``: names of the pairs and of their bank, the settings of the degradation, and of
  each version the noise that training draws anew at every step.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.arrays.patches import PatchBank
from pipeline.arrays.shards import Rows, array_files, open_array
from pipeline.arrays.stage_outputs import read_json


@dataclass(frozen=True)
class Between:
    """A value drawn evenly from ``low`` to ``high``."""

    low: float
    high: float


Values = float | tuple[float, ...] | Between
"""One value for all patches, several of which each patch gets one, or a range."""


@dataclass(frozen=True)
class DrawnNoise:
    """Noise that is drawn anew at every step of the training.

    Args:
        sigma_8bit: Of Gaussian noise, on the scale of 0 to 255; 0 for none.
        peak: Photons that a white pixel is expected to count; 0 where none are counted.
        rounded: Whether the noisy patch is clipped and rounded to 8 bits.
    """

    sigma_8bit: Values
    peak: Values
    rounded: bool


class TrainingSet:
    """A training set on disk.

    Args:
        folder: Where ``stages/degrade.py`` wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.bank = PatchBank(folder)
        self.degraded: Rows | None = open_array(folder, "degraded")
        facts = read_json(folder / "pairs.json")
        self.name: str = facts["name"]
        self.bank_name: str = facts["bank"]
        self.degradation: dict[str, Any] = facts["degradation"]
        self.noise = [None if one is None else _read_noise(one) for one in facts["noise"]]


def begin_training_set(
    folder: Path,
    bank: PatchBank,
    name: str,
    degradation: Mapping[str, Any],
    noise: Sequence[DrawnNoise | None],
) -> None:
    """Write what a training set has beside its degraded patches and their cards.

    The clean patches take no second place on disk, where the file system knows links.

    Args:
        folder: Folder of the training set.
        bank: What it is made of.
        name: Name of the pairs.
        degradation: Settings, as JSON can hold them.
        noise: Of each version of the patches what is drawn at every step; None for nothing.

    Raises:
        OSError: They cannot be written.
    """
    for file in (*array_files(bank.folder, "clean"), bank.folder / "images.csv"):
        _link(file, folder / file.name)
    facts = {
        "name": name,
        "bank": bank.folder.name,
        "degradation": degradation,
        "noise": [None if one is None else asdict(one) for one in noise],
    }
    (folder / "pairs.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system, or one without links
        if source.is_symlink():  # into DVC's cache, where what it points to never changes
            target.symlink_to(source.resolve())
        else:
            shutil.copyfile(source, target)


def _read_noise(fields: Mapping[str, Any]) -> DrawnNoise:
    return DrawnNoise(
        sigma_8bit=_read_values(fields["sigma_8bit"]),
        peak=_read_values(fields["peak"]),
        rounded=fields["rounded"],
    )


def _read_values(value: Any) -> Values:  # noqa: ANN401 -- JSON
    if isinstance(value, dict):
        return Between(**value)
    return tuple(value) if isinstance(value, list) else float(value)
