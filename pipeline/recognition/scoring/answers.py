"""What a recogniser made of every test sample, as the folder of its evaluation holds it.

``samples.csv`` has a row for each test sample and input; ``inputs.json`` says what was recognised
and where each input comes from.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.stage_outputs import require_output
from pipeline.arrays.tables import read_table, write_table
from pipeline.recognition.scoring.class_scores import Measure
from pipeline.settings.tasks import Kind

SAMPLES, INPUTS = "samples.csv", "inputs.json"
"""Names of the files."""


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A row of ``samples.csv``: what a recogniser made of one test sample, as ``Answers`` say."""

    input: str
    measure: Measure
    sample: str
    label: str
    predicted: str | None
    value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What a recogniser made of the test samples of one input.

    Args:
        input: Name of the input.
        measure: What the values are.
        samples: ``(N,)``, what tells the samples apart, such as their positions; they are the same
            for every input of a task.
        labels: ``(N,)``, names of the true classes.
        predicted: ``(N,)``, names of the predicted ones; empty for a retrieval.
        values: ``(N,)`` in [0, 1].
    """

    input: str
    measure: Measure
    samples: Sequence[str]
    labels: Sequence[str]
    predicted: Sequence[str]
    values: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What was recognised.

    Args:
        kind: Of the task.
        classes: Their names.
        cards: Where the values of each input come from, by its name.
    """

    kind: Kind
    classes: tuple[str, ...]
    cards: Mapping[str, Mapping[str, Any]]


def classified(
    input_name: str, samples: Iterable[object], labels: Sequence[str], predicted: Sequence[str]
) -> Answers:
    """Return the answers of a classifier.

    Args:
        input_name: Name of the input.
        samples: What tells the samples apart, such as their positions.
        labels: Names of the true classes, in the same order.
        predicted: Names of the predicted classes, likewise.
    """
    right = [true == taken for true, taken in zip(labels, predicted, strict=True)]
    return Answers(
        input=input_name,
        measure="accuracy",
        samples=tuple(map(str, samples)),
        labels=tuple(labels),
        predicted=tuple(predicted),
        values=np.array(right, np.float64),
    )


def retrieved(
    input_name: str,
    measure: Measure,
    samples: Iterable[object],
    labels: Sequence[str],
    precisions: NDArray[np.float64],
) -> Answers:
    """Return the answers of a retrieval.

    Args:
        input_name: Name of the input.
        measure: Which of image and text is the query.
        samples: What tells the queries apart, such as their positions.
        labels: Names of their classes, in the same order.
        precisions: ``(N,)`` in [0, 1], average precision of each, likewise.
    """
    return Answers(
        input=input_name,
        measure=measure,
        samples=tuple(map(str, samples)),
        labels=tuple(labels),
        predicted=("",) * len(labels),
        values=precisions,
    )


def write_samples(folder: Path, answers: Iterable[Answers]) -> None:
    """Write ``samples.csv`` into a folder that exists.

    Args:
        folder: Where to write.
        answers: To each input.
    """
    write_table(folder / SAMPLES, SampleRow, chain.from_iterable(map(_rows, answers)))


def _rows(answers: Answers) -> Iterator[SampleRow]:
    about = zip(
        answers.samples, answers.labels, answers.predicted, answers.values.tolist(), strict=True
    )
    for sample, label, predicted, value in about:
        yield SampleRow(answers.input, answers.measure, sample, label, predicted or None, value)


def read_samples(folder: Path, stage: str) -> list[Answers]:
    """Read ``samples.csv``, in the order of the file.

    Args:
        folder: That has the file.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The file is not what the stage writes.
    """
    path, again = folder / SAMPLES, f"run 'dvc repro --force {stage}'"
    groups: dict[tuple[str, Measure], list[SampleRow]] = {}
    for row in read_table(path, SampleRow, stage):
        groups.setdefault((row.input, row.measure), []).append(row)
    if not groups:
        raise ValueError(f"{path}: expected at least one test sample, came none; {again}")
    shared: dict[object, Any] = {}
    try:
        return [_answers(*key, rows, shared) for key, rows in groups.items()]
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {again}") from error


def _answers(
    name: str, measure: Measure, rows: Sequence[SampleRow], shared: dict[object, Any]
) -> Answers:
    """Return the answers of one group of rows.

    Args:
        name: Of the input.
        measure: What the values are.
        rows: Of the file.
        shared: Texts and columns that were met before: most come again with every input, and would
            fill the memory of whoever reads many files.
    """
    samples = tuple(row.sample for row in rows)
    labels = tuple(row.label for row in rows)
    values = np.array([row.value for row in rows], np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"expected values from 0 to 1, came others for input '{name}'")
    if len(set(samples)) != len(samples):
        raise ValueError(f"expected one row for a sample and measure, came two for input '{name}'")
    return Answers(
        input=name,
        measure=measure,
        samples=shared.setdefault(samples, samples),
        labels=shared.setdefault(labels, labels),
        predicted=tuple(shared.setdefault(row.predicted, row.predicted or "") for row in rows),
        values=values,
    )


def write_inputs(folder: Path, inputs: Inputs) -> None:
    """Write ``inputs.json`` into a folder that exists."""
    facts = {"kind": inputs.kind, "classes": list(inputs.classes), "inputs": dict(inputs.cards)}
    (folder / INPUTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read_inputs(folder: Path, stage: str) -> Inputs:
    """Read ``inputs.json``.

    Args:
        folder: That has the file.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The file is not what the stage writes.
    """
    path = folder / INPUTS
    require_output(path, stage)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        cards = {name: _card(card) for name, card in facts["inputs"].items()}
        kind = facts["kind"]
        if kind not in get_args(Kind):
            raise ValueError(f"unknown kind '{kind}'")
        return Inputs(kind=kind, classes=tuple(map(str, facts["classes"])), cards=cards)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected kind, classes and inputs with their cards, came something else "
            f"({error!r}); run 'dvc repro --force {stage}'"
        ) from error


_CARD = ("from", "degradation", "restored_by", "psnr", "psnr_input")
"""Keys of the card of an input that the report reads."""


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(card)
    for key in _CARD:
        found[key]
    for key in ("psnr", "psnr_input"):
        value = found[key]
        if value is not None and not math.isfinite(value):
            raise ValueError(f"expected a finite {key} or none, came {value}")
    return found
