"""How far a training is, in a small file for whoever shows it while it goes on.

The tracker gets the same later, and keeps it; this file is gone when the stage has ended.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

PROGRESS_VARIABLE = "RESTORE_PROGRESS"
"""Tells a stage into which file it may write how far it is."""

_IN_WORDS = {
    "train-patches-float/psnr": "PSNR {:.2f} dB of the training patches",
    "train/score": "score {:.3f} of the training samples",
    "validation/score": "{:.3f} of the validation part",
    "train/loss": "loss {:.3g}",
}


@dataclass(frozen=True)
class Progress:
    """How far a training is, at a point of its curve."""

    step: int
    """Steps done."""
    steps: int
    """Steps of the recipe."""
    values: Mapping[str, float]
    """Of that point, by the names that the tracker has for them."""

    @property
    def percent(self) -> float:
        """Part of the steps that is done, from 0 to 100."""
        return 100 * self.step / self.steps

    @property
    def in_words(self) -> str:
        """The step, and what a person who watches wants to know of the point."""
        shown = [
            words.format(self.values[key]) for key, words in _IN_WORDS.items() if key in self.values
        ]
        return ", ".join([f"step {self.step} of {self.steps}", *shown])


def note_progress(progress: Progress) -> None:
    """Write a progress into the file that the environment names, if it names one."""
    named = os.environ.get(PROGRESS_VARIABLE)
    if named is None:
        return
    with suppress(OSError):  # it is for people who watch, and no result depends on it
        Path(named).parent.mkdir(parents=True, exist_ok=True)
        Path(named).write_text(json.dumps(asdict(progress)), encoding="utf-8")


def read_progress(path: Path) -> Progress | None:
    """Return what was written last, None if nothing was or it is not whole at this moment."""
    with suppress(OSError, ValueError, TypeError):
        return Progress(**json.loads(path.read_text(encoding="utf-8")))
    return None
