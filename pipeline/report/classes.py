"""What became of single classes: the per-class table, and the classification maps of a cube."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np

from pipeline.arrays.stage_outputs import require_output
from pipeline.images.files import image_size
from pipeline.recognition.scoring.class_scores import ClassScore, Confusion
from pipeline.recognition.scoring.palette import colour_of
from pipeline.report.recogniser_results import Entries, Recogniser

MOST_MAPS = 6
"""Shown of one recogniser, so that the page stays light."""

MOST_CLASSES = 100
"""Of a task whose classes are listed one by one."""

_SHOWN_SIDE = 300
"""Pixels on the page that the longer side of a map should have, about."""


@dataclass(frozen=True)
class ClassRow:
    """One class, and what it was taken for most often when it was not recognised.

    Args:
        score: Support, recall and precision, over all runs.
        colour: In the maps, as CSS writes it.
        mistaken: Name of that class; None where there were no mistakes.
        times: How often.
    """

    score: ClassScore
    colour: str
    mistaken: str | None
    times: int


@dataclass(frozen=True)
class Picture:
    """A classification map as a PNG inside a ``data:`` URI.

    Args:
        title: What it shows.
        uri: The file itself, one pixel a pixel.
        width: On the page, a multiple of its own.
        height: On the page, likewise.
    """

    title: str
    uri: str
    width: int
    height: int


def tabulate_classes(recogniser: Recogniser) -> list[ClassRow]:
    """Return a row for each class, on the input that the recogniser was trained on.

    Args:
        recogniser: Of a kind of task that has classes; a retrieval has none, and neither has a
            task of more than ``MOST_CLASSES``.
    """
    if recogniser.kind == "features":
        return []
    found = [run.confusion(recogniser.settings.train_on) for run in recogniser.runs]
    classes = found[0].classes
    if len(classes) > MOST_CLASSES:
        return []
    counts = reduce(np.add, (confusion.counts for confusion in found))
    total = Confusion(classes, counts)
    wrong = counts - np.diag(np.diagonal(counts))
    return [
        ClassRow(
            score=score,
            colour="#{:02x}{:02x}{:02x}".format(*colour_of(number)),
            mistaken=classes[int(wrong[number].argmax())] if wrong[number].any() else None,
            times=int(wrong[number].max()),
        )
        for number, score in enumerate(total.by_class)
    ]


def read_maps(recogniser: Recogniser, entries: Entries) -> list[Picture]:
    """Return the true map of a cube and those that the recogniser made, of its first run.

    Args:
        recogniser: Trained on the clean input: the first maps of all inputs are shown; trained on
            another one: its map alone.
        entries: Of the params.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: A file is no picture.
    """
    if recogniser.kind != "cube":
        return []
    settings, run = recogniser.settings, recogniser.first
    inputs: Sequence[str] = [settings.train_on]
    if recogniser.is_of_clean:
        inputs = entries.inputs_of(settings.task)[:MOST_MAPS]
    stage = f"recognise@{run.name}"
    files = {"true classes": "truth"} | {
        "clean" if name == settings.task else name: f"map_{name}" for name in inputs
    }
    return [_picture(title, run.folder / f"{file}.png", stage) for title, file in files.items()]


def _picture(title: str, path: Path, stage: str) -> Picture:
    require_output(path, stage)
    height, width = image_size(path)
    larger = max(1, round(_SHOWN_SIDE / max(height, width)))
    text = base64.b64encode(path.read_bytes()).decode()
    return Picture(title, f"data:image/png;base64,{text}", larger * width, larger * height)
