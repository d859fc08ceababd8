"""What recognisers reached: read from their folders, one a training, or the runs of one together.

Trainings that differ in nothing but their names are runs of one recogniser with other random
numbers: their values are averaged sample by sample.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.stage_outputs import StageNotRunError
from pipeline.measuring.statistics import Difference, Interval, mean, spread
from pipeline.recognition.scoring.answers import Answers, Inputs, read_inputs, read_samples
from pipeline.recognition.scoring.class_scores import Confusion, count_confusion
from pipeline.recognition.scoring.intervals import (
    precision_difference,
    precision_interval,
    share_difference,
    share_interval,
)
from pipeline.report.curves import Chart
from pipeline.report.model_cards import read_card
from pipeline.report.recogniser_curves import draw_recogniser_curve
from pipeline.settings.params import Input, Recognition, RestoredInput
from pipeline.settings.tasks import Kind, Task

Shown = Literal["accuracy", "aa", "kappa", "map_image_to_text", "map_text_to_image", "map"]
"""What the page shows, as ``pipeline/literature/published_recognition.py`` names it."""

LEADING: Mapping[Kind, Shown] = {"images": "accuracy", "cube": "accuracy", "features": "map"}
"""What recognisers of a kind of task are compared by."""

SHOWN: Mapping[Kind, tuple[Shown, ...]] = {
    "images": ("accuracy",),
    "cube": ("accuracy", "aa", "kappa"),
    "features": ("map_image_to_text", "map_text_to_image", "map"),
}
"""All that is shown of each kind, in this order."""

_ANSWERED: Mapping[Shown, tuple[str, ...]] = {
    "accuracy": ("accuracy",),
    "map_image_to_text": ("map_image_to_text",),
    "map_text_to_image": ("map_text_to_image",),
    "map": ("map_image_to_text", "map_text_to_image"),
}
"""Measures of ``samples.csv`` whose mean, sample by sample, is what is shown."""

OF_CLASSES: Mapping[Shown, Callable[[Confusion], float | None]] = {
    "aa": lambda confusion: confusion.average_accuracy,
    "kappa": lambda confusion: confusion.kappa,
}
"""What is shown of all samples together."""

CARD_KEYS = ("multiply_adds", "steps", "split", "recipe", "validation")
"""What the card of a recogniser has besides that of every card."""


@dataclass(frozen=True, kw_only=True)
class Entries:
    """The entries of ``params.yaml`` that recognition is made of."""

    tasks: Mapping[str, Task]
    inputs: Mapping[str, Input]
    restored_inputs: Mapping[str, RestoredInput]
    recognition: Mapping[str, Recognition]

    def degraded(self, task: str) -> list[str]:
        """Return the degraded inputs of a task, in the order of the params."""
        return [name for name, entry in self.inputs.items() if entry.task == task]

    def restored(self, degraded: str) -> list[str]:
        """Return the inputs that were restored from a degraded one."""
        return [name for name, entry in self.restored_inputs.items() if entry.input == degraded]

    def inputs_of(self, task: str) -> list[str]:
        """Return the clean input, and each degraded one with what was restored from it."""
        degraded = self.degraded(task)
        return [task, *(name for one in degraded for name in (one, *self.restored(one)))]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training, and what it made of every input of its task.

    Args:
        name: Of the entry.
        settings: Its entry.
        task: What it learnt.
        card: What stands beside its weights.
        inputs: What was recognised.
        answers: By input and measure, of the inputs that the params name.
        charts: Its training.
        folder: Of its evaluation, with the maps of a cube.
    """

    name: str
    settings: Recognition
    task: Task
    card: Mapping[str, Any]
    inputs: Inputs
    answers: Mapping[tuple[str, str], Answers]
    charts: Sequence[Chart]
    folder: Path

    def values(self, name: str, measure: Shown) -> NDArray[np.float64]:
        """Return ``(N,)`` values of a measure on an input, one a test sample."""
        parts = [self.answers[name, part].values for part in _ANSWERED[measure]]
        return parts[0] if len(parts) == 1 else np.mean(parts, axis=0)

    def confusion(self, name: str) -> Confusion:
        """Return how often each class of an input was taken for each."""
        answers = self.answers[name, "accuracy"]
        return count_confusion(answers.labels, answers.predicted, self.inputs.classes)


@dataclass(frozen=True, kw_only=True)
class Score:
    """What was reached on one input.

    Args:
        measure: What it is.
        value: At most 1; None for a kappa that is not defined.
        interval: Over test samples; none where it is not known.
        samples: How many were tested.
        runs: How many trainings it is the mean of.
        spread: Standard deviation over these; none of one.
    """

    measure: Shown
    value: float | None
    interval: Interval | None
    samples: int
    runs: int
    spread: float | None


@dataclass(frozen=True, kw_only=True)
class Recogniser:
    """All runs of one recogniser."""

    runs: tuple[Run, ...]

    @property
    def first(self) -> Run:
        """The run that the others repeat."""
        return self.runs[0]

    @property
    def name(self) -> str:
        """Of the first run."""
        return self.first.name

    @property
    def settings(self) -> Recognition:
        """What the runs have in common."""
        return self.first.settings

    @property
    def kind(self) -> Kind:
        """Of the task."""
        return self.first.task.kind

    @property
    def model(self) -> str:
        """Architecture and name of the network."""
        return f"{self.settings.arch}.{self.settings.model}"

    @property
    def is_of_clean(self) -> bool:
        """Whether it was trained on clean samples."""
        return self.settings.train_on == self.settings.task

    @property
    def samples(self) -> int:
        """How many samples it was tested on."""
        return len(self.values(self.settings.task, LEADING[self.kind]))

    def values(self, name: str, measure: Shown) -> NDArray[np.float64]:
        """Return ``(N,)``, means over the runs, one a test sample of an input."""
        runs = [run.values(name, measure) for run in self.runs]
        return runs[0] if len(runs) == 1 else np.mean(runs, axis=0)

    def score(self, name: str, measure: Shown | None = None) -> Score:
        """Return what was reached on an input, by the leading measure or another one."""
        return score_of([(run, name) for run in self.runs], measure or LEADING[self.kind])

    def difference(self, one: str, other: str) -> Difference:
        """Return by how much one input is recognised better than another, sample by sample."""
        measure = LEADING[self.kind]
        compare = share_difference if measure == "accuracy" else precision_difference
        return compare(self.values(one, measure), self.values(other, measure))


def score_of(runs: Sequence[tuple[Run, str]], measure: Shown) -> Score:
    """Return the mean of what several runs reached on the same samples.

    Args:
        runs: Each with the name of its input.
        measure: What is wanted.
    """
    if measure in OF_CLASSES:
        confusions = [run.confusion(name) for run, name in runs]
        singles = [OF_CLASSES[measure](confusion) for confusion in confusions]
        known = [value for value in singles if value is not None]
        value = mean(known) if len(known) == len(singles) else None
        samples, interval = confusions[0].samples, None
    else:
        values = np.stack([run.values(name, measure) for run, name in runs])
        known = [mean(row) for row in values.tolist()]
        value, samples = mean(known), values.shape[1]
        interval = interval_of(measure, values.mean(axis=0))
    return Score(
        measure=measure,
        value=value,
        interval=interval,
        samples=samples,
        runs=len(runs),
        spread=spread(known),
    )


def interval_of(measure: Shown, values: NDArray[np.float64]) -> Interval | None:
    """Return the interval of a mean over test samples.

    Args:
        measure: What the values are.
        values: ``(N,)``.
    """
    if measure == "accuracy":
        return share_interval(float(values.sum()), len(values))
    return precision_interval(values)


def read_runs(entries: Entries, evaluated: Path, models: Path, curves: Path) -> list[Run]:
    """Read all that the params name, in their order.

    Args:
        entries: Of the params.
        evaluated: Folder with a folder for each recogniser.
        models: Folder of the weights, whose cards are read.
        curves: Folder of what the trainings logged.

    Raises:
        StageNotRunError: A stage has not run; the message names it.
        ValueError: A file holds something else than its stage writes.
    """
    return [read_run(name, entries, evaluated, models, curves) for name in entries.recognition]


def read_run(name: str, entries: Entries, evaluated: Path, models: Path, curves: Path) -> Run:
    """Read one training, and what it made of every input of its task.

    Args:
        name: Of the recogniser.
        entries: Of the params.
        evaluated: Folder with a folder for each recogniser.
        models: Folder of the weights, whose cards are read.
        curves: Folder of what the trainings logged.

    Raises:
        StageNotRunError: A stage has not run, or before an input was added; the message names it.
        ValueError: A file holds something else than its stage writes.
    """
    folder, model, curve = evaluated / name, models / name, curves / f"{name}.csv"
    settings = entries.recognition[name]
    task = entries.tasks[settings.task]
    card = read_card(model / "card.json", f"learn@{name}")
    missing = [key for key in CARD_KEYS if key not in card]
    if missing:
        raise ValueError(
            f"{model / 'card.json'}: expected the card of a recogniser, which has "
            f"{', '.join(missing)}; run 'dvc repro --force learn@{name}'"
        )
    stage = f"recognise@{name}"
    found: dict[tuple[str, str], Answers] = {
        (one.input, one.measure): one for one in read_samples(folder, stage)
    }
    inputs = read_inputs(folder, stage)
    wanted = entries.inputs_of(settings.task)
    new = [one for one in wanted if one not in inputs.cards]
    if new and inputs.kind == task.kind:
        raise StageNotRunError(
            f"{folder}: nothing of input '{new[0]}' yet; run 'dvc repro {stage}'", stage
        )
    answers = {
        (one, measure): _answers(found, one, measure, folder, stage)
        for one in wanted
        for measure in _ANSWERED[LEADING[task.kind]]
    }
    if inputs.kind != task.kind:
        raise ValueError(
            f"{folder}: expected a task of kind {task.kind} with inputs {', '.join(wanted)}; came "
            f"kind {inputs.kind} and {', '.join(inputs.cards)}; run 'dvc repro --force {stage}'"
        )
    return Run(
        name=name,
        settings=settings,
        task=task,
        card=card,
        inputs=inputs,
        answers=answers,
        charts=draw_recogniser_curve(curve, f"learn@{name}", task.kind),
        folder=folder,
    )


def _answers(
    found: Mapping[tuple[str, str], Answers], name: str, measure: str, folder: Path, stage: str
) -> Answers:
    """Return the answers to an input, which are about the same samples as all others."""
    again = f"run 'dvc repro --force {stage}'"
    if (name, measure) not in found:
        raise ValueError(
            f"{folder}: expected answers to input '{name}' by {measure}, came none; {again}"
        )
    first = next(iter(found.values()))
    answers = found[name, measure]
    if answers.samples != first.samples or answers.labels != first.labels:
        raise ValueError(
            f"{folder}: expected the same samples and labels of every input, came others of "
            f"'{name}' than of '{first.input}'; {again}"
        )
    return answers


def merge_runs(runs: Iterable[Run], repetition_of: Mapping[str, str]) -> list[Recogniser]:
    """Put the runs of one recogniser together.

    Args:
        runs: As read.
        repetition_of: What ``find_repetitions`` returned.

    Raises:
        ValueError: Two runs were tested on different samples.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(repetition_of.get(run.name, run.name), []).append(run)
    for first, *others in groups.values():
        for run in others:
            for key, answers in run.answers.items():
                if answers.samples != first.answers[key].samples:
                    raise ValueError(
                        f"{run.folder}: expected the same test samples as of {first.name}, whose "
                        f"repetition it is; run 'dvc repro --force recognise@{run.name}'"
                    )
    return [Recogniser(runs=tuple(group)) for group in groups.values()]
