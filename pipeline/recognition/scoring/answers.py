"""What a recogniser made of every test sample, as the folder of its evaluation holds it.

``samples.csv`` has a row for each test sample and input; ``inputs.json`` says what was recognised
and where each input comes from.
"""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.recognition.scoring.class_scores import Measure
from pipeline.running.stage_tables import read_rows, require_output
from pipeline.settings.tasks import Kind

SAMPLES, INPUTS = "samples.csv", "inputs.json"
"""Names of the files."""

COLUMNS = ("input", "measure", "sample", "label", "predicted", "value")
"""Of ``samples.csv``, in this order."""

_MEASURES: Mapping[str, Measure] = {measure: measure for measure in get_args(Measure)}


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
    with (folder / SAMPLES).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in answers:
            # The shortest text that gives the same number again; whole numbers without a point.
            values = [repr(value).removesuffix(".0") for value in one.values.tolist()]
            about = zip(one.samples, one.labels, one.predicted, values, strict=True)
            writer.writerows((one.input, one.measure, *row) for row in about)


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
    rows = [values for _, values in read_rows(path, COLUMNS, stage)]
    if not rows:
        raise ValueError(f"{path}: expected at least one test sample, came none; {again}")
    try:
        return _columns(rows)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {again}") from error


def _columns(rows: Sequence[Sequence[str]]) -> list[Answers]:
    """Sort rows by input and measure; whole columns at once, for there may be 100,000 rows."""
    if set(map(len, rows)) != {len(COLUMNS)}:
        row = next(row for row in rows if len(row) != len(COLUMNS))
        raise ValueError(f"expected {len(COLUMNS)} values in a row, came {', '.join(row)}")
    groups: dict[tuple[str, str], list[Sequence[str]]] = {}
    for row in rows:
        groups.setdefault((row[0], row[1]), []).append(row)
    unknown = sorted({measure for _, measure in groups} - set(_MEASURES))
    if unknown:
        raise ValueError(f"expected measures {', '.join(_MEASURES)}; came '{', '.join(unknown)}'")
    shared: dict[object, Any] = {}
    return [
        _answers(name, _MEASURES[measure], group, shared)
        for (name, measure), group in groups.items()
    ]


def _answers(
    name: str, measure: Measure, rows: Sequence[Sequence[str]], shared: dict[object, Any]
) -> Answers:
    """Return the answers of one group of rows.

    Args:
        name: Of the input.
        measure: What the values are.
        rows: Of the file.
        shared: Texts and columns that were met before: most come again with every input, and would
            fill the memory of whoever reads many files.
    """
    _, _, samples, labels, predicted, texts = zip(*rows, strict=True)
    values = np.array(texts).astype(np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"expected values from 0 to 1, came others for input '{name}'")
    if len(set(samples)) != len(samples):
        raise ValueError(f"expected one row for a sample and measure, came two for input '{name}'")
    return Answers(
        input=name,
        measure=measure,
        samples=shared.setdefault(samples, samples),
        labels=shared.setdefault(labels, labels),
        predicted=tuple(shared.setdefault(text, text) for text in predicted),
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
    except (ValueError, KeyError, TypeError, AttributeError) as error:
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
