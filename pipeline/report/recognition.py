"""The part of the report about recognition: is a restored image worth more?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.arrays.tables import write_table
from pipeline.literature.published_recognition import (
    PublishedRecognition,
    data_of,
    find_published,
    ignored_classes,
    is_same_test,
    protocol_of,
)
from pipeline.report.classes import ClassRow, Picture, read_maps, tabulate_classes
from pipeline.report.cross_validation import CrossValidated, cross_validate
from pipeline.report.downstream import Downstream, Fraction, Verdict, compare_inputs, judge
from pipeline.report.gains import Gains, draw_gains
from pipeline.report.recogniser_results import (
    SHOWN,
    Entries,
    Recogniser,
    Run,
    Score,
    merge_runs,
)
from pipeline.report.recognition_words import describe_protocol_name
from pipeline.report.repetitions import find_repetitions
from pipeline.report.results import Decibels, bounds
from pipeline.settings.tasks import Task


@dataclass(frozen=True, kw_only=True)
class RecognitionRow:
    """A row of ``recognition.csv``: what one training reached on one input."""

    recogniser: str
    model: str
    task: str
    train_on: str
    recipe: str
    keep: str
    parameters: int
    multiply_adds: int | None
    steps: int
    input: str
    degradation: str | None
    restored_by: str | None
    psnr: Decibels | None
    samples: int
    measure: str
    value: Fraction | None
    low: Fraction | None
    high: Fraction | None
    aa: Fraction | None
    kappa: Fraction | None
    map_image_to_text: Fraction | None
    map_text_to_image: Fraction | None
    published: Fraction | None
    repetition_of: str | None


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What the literature has to a score.

    Args:
        number: The published one.
        gap: Measured minus published; None where they are not of the same test.
        about: Which other test it is of; empty for the same.
    """

    number: PublishedRecognition
    gap: float | None
    about: str


@dataclass(frozen=True, kw_only=True)
class RecogniserRow:
    """A line of the table of recognisers, on the clean input of the task.

    Args:
        recogniser: All its runs.
        scores: One each of what is shown of its kind of task.
        reference: What was published; None if nothing was.
        classes: Its classes one by one.
        maps: Classification maps of a cube.
    """

    recogniser: Recogniser
    scores: tuple[Score, ...]
    reference: Reference | None
    classes: Sequence[ClassRow]
    maps: Sequence[Picture]


@dataclass(frozen=True, kw_only=True)
class TaskRows:
    """A task and all that learnt it.

    Args:
        name: Of the task.
        settings: Of the task.
        protocol: Which samples train and which are tested on, in one word.
        data: Name of the data.
        classes: How many.
        samples: How many are tested on.
        rows: One a recogniser.
    """

    name: str
    settings: Task
    protocol: str
    data: str
    classes: int
    samples: int
    rows: tuple[RecogniserRow, ...]


@dataclass(frozen=True, kw_only=True)
class FoldRow:
    """A line of a table of cross-validation."""

    found: CrossValidated
    reference: Reference | None


@dataclass(frozen=True, kw_only=True)
class FoldRows:
    """Data that was divided into folds, and all that learnt it.

    Args:
        tasks: Names of the tasks, one a fold.
        data: Name of the data.
        classes: How many.
        samples: How many are tested on in all folds.
        rows: One a recogniser.
    """

    tasks: tuple[str, ...]
    data: str
    classes: int
    samples: int
    rows: tuple[FoldRow, ...]


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """All that the page shows about recognition.

    Args:
        tasks: In the order of the params; those that nothing learnt are left out.
        folds: What several folds reached together.
        downstream: What restoring brings.
        verdict: The same in three numbers.
        gains: The figure; none where no restored input was recognised.
        runs: One a training.
        repetition_of: Recognisers that repeat another one, and which.
        published: Numbers of the literature.
    """

    tasks: tuple[TaskRows, ...]
    folds: tuple[FoldRows, ...]
    downstream: Sequence[Downstream]
    verdict: Verdict
    gains: Gains | None
    runs: Sequence[Run]
    repetition_of: Mapping[str, str]
    published: Sequence[PublishedRecognition]

    @property
    def in_folds(self) -> set[str]:
        """Names of the recognisers that are shown as folds of a cross-validation."""
        return {fold.name for folds in self.folds for row in folds.rows for fold in row.found.folds}

    @property
    def single_tasks(self) -> list[TaskRows]:
        """Tasks with a table of their own: not all that learnt them is shown as folds."""
        shown = self.in_folds
        return [
            task for task in self.tasks if not {row.recogniser.name for row in task.rows} <= shown
        ]

    @property
    def sources(self) -> list[str]:
        """Where the published numbers that are shown stand."""
        references = [row.reference for task in self.tasks for row in task.rows]
        references += [row.reference for folds in self.folds for row in folds.rows]
        return list(dict.fromkeys(one.number.source for one in references if one is not None))


def compare_recognisers(
    entries: Entries, runs: Sequence[Run], published: Sequence[PublishedRecognition]
) -> Recognised:
    """Compare what recognisers reached.

    Args:
        entries: Of the params; the recognisers are those that ran.
        runs: One each, in their order.
        published: Numbers of the literature.

    Raises:
        FileNotFoundError: A map is not there.
        ValueError: A file holds something else than its stage writes.
    """
    repetition_of = find_repetitions(entries.recognition)
    recognisers = merge_runs(runs, repetition_of)
    downstream = compare_inputs(recognisers, entries)
    return Recognised(
        tasks=tuple(_tasks(recognisers, entries, published)),
        folds=tuple(_folds(cross_validate(recognisers), published)),
        downstream=downstream,
        verdict=judge(downstream),
        gains=draw_gains(downstream),
        runs=runs,
        repetition_of=repetition_of,
        published=published,
    )


def _tasks(
    recognisers: Sequence[Recogniser], entries: Entries, published: Sequence[PublishedRecognition]
) -> Iterator[TaskRows]:
    for name, task in entries.tasks.items():
        own = [one for one in recognisers if one.settings.task == name]
        if own:
            yield TaskRows(
                name=name,
                settings=task,
                protocol=protocol_of(task),
                data=data_of(task),
                classes=len(own[0].first.inputs.classes),
                samples=own[0].samples,
                rows=tuple(_row(one, entries, published) for one in own),
            )


def _folds(
    found: Sequence[CrossValidated], published: Sequence[PublishedRecognition]
) -> Iterator[FoldRows]:
    groups: dict[tuple[str, ...], list[CrossValidated]] = {}
    for one in found:
        groups.setdefault(one.tasks, []).append(one)
    for tasks, rows in groups.items():
        first = rows[0]
        yield FoldRows(
            tasks=tasks,
            data=data_of(first.first.first.task),
            classes=len(first.first.first.inputs.classes),
            samples=first.scores[0].samples,
            rows=tuple(
                FoldRow(found=one, reference=_reference(one.first, one.scores[-1], published))
                for one in rows
            ),
        )


def _row(
    recogniser: Recogniser, entries: Entries, published: Iterable[PublishedRecognition]
) -> RecogniserRow:
    task = recogniser.settings.task
    leading = recogniser.score(task)
    return RecogniserRow(
        recogniser=recogniser,
        scores=tuple(recogniser.score(task, measure) for measure in SHOWN[recogniser.kind]),
        reference=_reference(recogniser, leading, published),
        classes=tabulate_classes(recogniser),
        maps=read_maps(recogniser, entries),
    )


def _reference(
    recogniser: Recogniser, score: Score, published: Iterable[PublishedRecognition]
) -> Reference | None:
    """Return what was published of a recogniser; nobody published one of restored samples."""
    task = recogniser.first.task
    systems = [run.settings.compare_with for run in recogniser.runs]
    system = next((one for one in systems if one is not None), None)
    number = find_published(published, system, score.measure, task)
    if number is None or not recogniser.is_of_clean:
        return None
    gap = None
    if is_same_test(number, task) and score.value is not None:
        gap = score.value - number.value
    return Reference(number=number, gap=gap, about=_difference(number, task))


def _difference(number: PublishedRecognition, task: Task) -> str:
    """Return which other test a published number is of; empty for the same."""
    if (number.task, number.protocol) != (data_of(task), protocol_of(task)):
        return f"{number.task}, {describe_protocol_name(number.protocol)}"
    return "with the classes that are left out here" if ignored_classes(task) else ""


def write_recognition(path: Path, found: Recognised | None) -> None:
    """Write ``recognition.csv``: a row for each recogniser and input.

    Args:
        path: File to write; a header alone where nothing was recognised.
        found: What was.
    """
    write_table(path, RecognitionRow, [] if found is None else _table_rows(found))


def _table_rows(found: Recognised) -> Iterator[RecognitionRow]:
    for run in found.runs:
        for name in dict.fromkeys(name for name, _ in run.answers):
            yield _table_row(run, name, found)


def _table_row(run: Run, name: str, found: Recognised) -> RecognitionRow:
    single, card, facts = Recogniser(runs=(run,)), run.card, run.inputs.cards[name]
    score = single.score(name)
    low, high = bounds(score.interval)
    shown = {one: single.score(name, one).value for one in SHOWN[single.kind]}
    reference = _reference(single, score, found.published) if name == run.settings.task else None
    return RecognitionRow(
        recogniser=run.name,
        model=single.model,
        task=run.settings.task,
        train_on=run.settings.train_on,
        recipe=run.settings.recipe,
        keep=run.settings.keep,
        parameters=card["parameters"],
        multiply_adds=card["multiply_adds"],
        steps=card["steps"],
        input=name,
        degradation=facts["degradation"],
        restored_by=facts["restored_by"],
        psnr=facts["psnr"],
        samples=score.samples,
        measure=score.measure,
        value=score.value,
        low=low,
        high=high,
        aa=shown.get("aa"),
        kappa=shown.get("kappa"),
        map_image_to_text=shown.get("map_image_to_text"),
        map_text_to_image=shown.get("map_text_to_image"),
        published=reference.number.value if reference and reference.gap is not None else None,
        repetition_of=found.repetition_of.get(run.name),
    )
