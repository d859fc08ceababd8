"""Labelled data: what a recognition task is learnt from and tested on, as a folder holds it.

A folder has ``values.npy``, ``labels.npy``, ``parts.npy``, ``labelled.json`` (what the arrays are)
and ``card.json`` (where the values come from: clean, degraded how, restored by whom).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array, Bytes
from pipeline.arrays.stage_outputs import read_json
from pipeline.settings.tasks import Kind

UNLABELLED = -1
"""Label of what belongs to no class."""


class Part(IntEnum):
    """What a sample is for."""

    NONE = 0
    TRAIN = 1
    VALIDATION = 2
    TEST = 3


@dataclass(frozen=True)
class Labelled:
    """Samples with labels.

    Args:
        kind: What the values are.
        classes: Names of the classes; a label is a position in them.
        values: Images ``(N, H, W, C)``, uint8 or float32 in [0, 1] up to noise; a cube
            ``(H, W, B)``, float32, of which [0, 1] is the range of the clean scene; or pairs of
            features ``(N, D)``, float32, those of the image first.
        labels: ``(N,)``, or ``(H, W)`` of a cube, int16; ``UNLABELLED`` where there is none.
        parts: The same shape, uint8, values of ``Part``; only labelled samples are in a part.
        image_features: Of pairs of features, how many of the D belong to the image; else 0.
        shift: By how many pixels an image may be moved.
        mirror: Whether an image may be mirrored.
    """

    kind: Kind
    classes: tuple[str, ...]
    values: Array | Bytes
    labels: NDArray[np.int16]
    parts: NDArray[np.uint8]
    image_features: int = 0
    shift: int = 0
    mirror: bool = False

    @property
    def samples(self) -> int:
        """How many samples, or pixels, have a label."""
        return int(np.count_nonzero(self.labels != UNLABELLED))

    def positions(self, part: Part) -> NDArray[np.int64]:
        """Return the positions of a part in the flattened labels, in rising order."""
        return np.flatnonzero(self.parts == part)

    def with_values(self, values: Array) -> Self:
        """Return the same samples with other values, such as degraded ones."""
        return replace(self, values=values)


def write_labelled(folder: Path, labelled: Labelled, card: Mapping[str, Any]) -> None:
    """Write labelled data into a folder that exists.

    Args:
        folder: Where to write.
        labelled: The data.
        card: Where the values come from.
    """
    np.save(folder / "values.npy", labelled.values)
    np.save(folder / "labels.npy", labelled.labels)
    np.save(folder / "parts.npy", labelled.parts)
    facts = {
        "kind": labelled.kind,
        "classes": list(labelled.classes),
        "image_features": labelled.image_features,
        "shift": labelled.shift,
        "mirror": labelled.mirror,
    }
    (folder / "labelled.json").write_text(json.dumps(facts, indent=2) + "\n")
    (folder / "card.json").write_text(json.dumps(dict(card), indent=2) + "\n")


def read_labelled(folder: Path) -> Labelled:
    """Read what ``write_labelled`` wrote; the values are memory-mapped, and never written back.

    Raises:
        OSError: The folder has no labelled data.
    """
    facts = read_json(folder / "labelled.json")
    return Labelled(
        kind=facts["kind"],
        classes=tuple(facts["classes"]),
        values=np.load(folder / "values.npy", mmap_mode="c"),
        labels=np.load(folder / "labels.npy"),
        parts=np.load(folder / "parts.npy"),
        image_features=facts["image_features"],
        shift=facts["shift"],
        mirror=facts["mirror"],
    )


def read_card(folder: Path) -> dict[str, Any]:
    """Return where the values of a folder of labelled data come from."""
    card: dict[str, Any] = read_json(folder / "card.json")
    return card
