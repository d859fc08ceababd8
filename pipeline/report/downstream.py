"""The downstream table: what degrading costs a recogniser, and what restoring brings back."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.measuring.statistics import Difference, Interval
from pipeline.report.comparisons import WITHIN_NOISE
from pipeline.report.recogniser_results import Entries, Recogniser, Score, Shown
from pipeline.report.results import fixed

COLUMNS = (
    "task",
    "model",
    "recipe",
    "keep",
    "measure",
    "samples",
    "degraded",
    "degradation",
    "psnr_degraded",
    "restored",
    "restored_by",
    "psnr_restored",
    "psnr_gain",
    "clean",
    "clean_low",
    "clean_high",
    "on_degraded",
    "on_degraded_low",
    "on_degraded_high",
    "on_restored",
    "on_restored_low",
    "on_restored_high",
    "gain",
    "gain_low",
    "gain_high",
    "within_noise",
    "trained_on_degraded",
    "trained_on_degraded_low",
    "trained_on_degraded_high",
    "trained_on_restored",
    "trained_on_restored_low",
    "trained_on_restored_high",
)
"""Of ``downstream.csv``, in this order; scores are fractions."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One degraded or restored input.

    Args:
        name: Of the input.
        by: Experiment that restored it; None of a degraded input.
        psnr: Of the input, in decibels; None where it has none.
        psnr_gain: By how many decibels it is better than the degraded one; None likewise.
        score: Of the recogniser that was trained on clean samples; None if there is none.
        change: Of that score, against the clean input for a degraded one, and against the degraded
            input for a restored one.
        own: Score of the recogniser that was trained on this input; None if there is none.
    """

    name: str
    by: str | None
    psnr: float | None
    psnr_gain: float | None
    score: Score | None
    change: Difference | None
    own: Score | None


@dataclass(frozen=True, kw_only=True)
class Degraded:
    """A degraded input, and what was restored from it.

    Args:
        label: Of its degradation.
        row: Of the degraded input.
        restored: One row each.
    """

    label: str
    row: Row
    restored: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Downstream:
    """What one kind of recogniser makes of all inputs of a task.

    Args:
        task: Name of the task.
        model: Architecture and name of the network.
        recipe: How it was trained.
        keep: Which of its weights were kept.
        measure: What the scores are.
        samples: How many were tested.
        clean: Score of the recogniser that was trained on clean samples, on these.
        degraded: One entry each.
    """

    task: str
    model: str
    recipe: str
    keep: str
    measure: Shown
    samples: int
    clean: Score | None
    degraded: tuple[Degraded, ...]

    @property
    def title(self) -> str:
        """What tells it from the others on a page."""
        return f"{self.model} on {self.task}"


def compare_inputs(recognisers: Iterable[Recogniser], entries: Entries) -> list[Downstream]:
    """Return a table for each task with degraded inputs and each kind of recogniser.

    Args:
        recognisers: All of them.
        entries: Of the params.
    """
    groups: dict[tuple[str, ...], dict[str, Recogniser]] = {}
    for one in recognisers:
        settings = one.settings
        key = (settings.task, settings.arch, settings.model, settings.recipe, settings.keep)
        groups.setdefault(key, {})[settings.train_on] = one
    order = list(entries.tasks)
    kinds = sorted(groups.items(), key=lambda kind: order.index(kind[0][0]))
    return [_table(kind, entries) for _, kind in kinds if entries.degraded(_task(kind))]


def _task(kind: Mapping[str, Recogniser]) -> str:
    return next(iter(kind.values())).settings.task


def _table(kind: Mapping[str, Recogniser], entries: Entries) -> Downstream:
    """Return the table of one kind of recogniser, by what it was trained on."""
    any_one, task = next(iter(kind.values())), _task(kind)
    cards = any_one.first.inputs.cards

    def row(name: str, against: str) -> Row:
        psnr, before = cards[name]["psnr"], cards[name]["psnr_input"]
        own, clean = kind.get(name), kind.get(task)
        return Row(
            name=name,
            by=cards[name]["restored_by"],
            psnr=psnr,
            psnr_gain=None if psnr is None or before is None else psnr - before,
            score=clean.score(name) if clean else None,
            change=clean.difference(name, against) if clean else None,
            own=own.score(name) if own else None,
        )

    clean = kind.get(task)
    return Downstream(
        task=task,
        model=any_one.model,
        recipe=any_one.settings.recipe,
        keep=any_one.settings.keep,
        measure=any_one.score(task).measure,
        samples=any_one.samples,
        clean=clean.score(task) if clean else None,
        degraded=tuple(
            Degraded(
                label=cards[name]["degradation"] or name,
                row=row(name, task),
                restored=tuple(row(restored, name) for restored in entries.restored(name)),
            )
            for name in entries.degraded(task)
        ),
    )


def group_by_task(tables: Iterable[Downstream]) -> list[tuple[str, list[Downstream]]]:
    """Return the tables of each task, in their order."""
    groups: dict[str, list[Downstream]] = {}
    for table in tables:
        groups.setdefault(table.task, []).append(table)
    return list(groups.items())


@dataclass(frozen=True)
class Verdict:
    """How often restoring helped recognisers that were trained on clean samples.

    Args:
        better: Restored inputs that are recognised better than the degraded one, beyond noise.
        worse: Those that are recognised worse.
        unclear: Those where other test samples could turn the sign.
    """

    better: int
    worse: int
    unclear: int


def judge(tables: Iterable[Downstream]) -> Verdict:
    """Count what restoring brought, over all tables."""
    changes = [
        row.change
        for table in tables
        for degraded in table.degraded
        for row in degraded.restored
        if row.change is not None
    ]
    clear = [change for change in changes if change.within_noise is False]
    better = sum(change.mean > 0 for change in clear)
    return Verdict(better, len(clear) - better, len(changes) - len(clear))


def write_downstream(path: Path, tables: Iterable[Downstream]) -> None:
    """Write ``downstream.csv``: a row for each degraded input and what was restored from it.

    Args:
        path: File to write; a header alone without tables.
        tables: As returned by ``compare_inputs``.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for table in tables:
            for degraded in table.degraded:
                rows: Sequence[Row | None] = degraded.restored or (None,)
                writer.writerows([*_cells(table, degraded, row)] for row in rows)


def _cells(table: Downstream, degraded: Degraded, restored: Row | None) -> Iterator[str]:
    yield from (table.task, table.model, table.recipe, table.keep)
    yield from (table.measure, str(table.samples), degraded.row.name, degraded.label)
    yield fixed(degraded.row.psnr, 4)
    if restored is None:
        yield from ("",) * 4
    else:
        yield from (restored.name, restored.by or "")
        yield from (fixed(restored.psnr, 4), fixed(restored.psnr_gain, 4))
    yield from score_cells(table.clean)
    yield from score_cells(degraded.row.score)
    yield from score_cells(restored.score if restored else None)
    change = restored.change if restored else None
    yield fixed(change.mean if change else None, 5)
    yield from interval_cells(change.interval if change else None)
    yield WITHIN_NOISE[change.within_noise if change else None]
    yield from score_cells(degraded.row.own)
    yield from score_cells(restored.own if restored else None)


def score_cells(score: Score | None) -> tuple[str, str, str]:
    """Return a score and the bounds of its interval for a table, empty where there is none."""
    if score is None:
        return "", "", ""
    return fixed(score.value, 5), *interval_cells(score.interval)


def interval_cells(interval: Interval | None) -> tuple[str, str]:
    """Return the bounds of an interval of fractions for a table."""
    return ("", "") if interval is None else (fixed(interval.low, 5), fixed(interval.high, 5))
