"""The downstream table: what degrading costs a recogniser, and what restoring brings back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pipeline.arrays.tables import Number, write_table
from pipeline.measuring.statistics import Difference
from pipeline.report.recogniser_results import Entries, Recogniser, Score, Shown
from pipeline.report.results import Decibels, bounds

Fraction = Annotated[float, Number(".5f")]
"""A score in a table, or the difference of two."""


@dataclass(frozen=True, kw_only=True)
class DownstreamRow:
    """A row of ``downstream.csv``: a degraded input, and one that was restored from it."""

    task: str
    model: str
    recipe: str
    keep: str
    measure: str
    samples: int
    degraded: str
    degradation: str
    psnr_degraded: Decibels | None
    restored: str | None
    restored_by: str | None
    psnr_restored: Decibels | None
    psnr_gain: Decibels | None
    clean: Fraction | None
    clean_low: Fraction | None
    clean_high: Fraction | None
    on_degraded: Fraction | None
    on_degraded_low: Fraction | None
    on_degraded_high: Fraction | None
    on_restored: Fraction | None
    on_restored_low: Fraction | None
    on_restored_high: Fraction | None
    gain: Fraction | None
    gain_low: Fraction | None
    gain_high: Fraction | None
    within_noise: bool | None
    trained_on_degraded: Fraction | None
    trained_on_degraded_low: Fraction | None
    trained_on_degraded_high: Fraction | None
    trained_on_restored: Fraction | None
    trained_on_restored_low: Fraction | None
    trained_on_restored_high: Fraction | None


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
        words: The label in words.
        row: Of the degraded input.
        restored: One row each.
    """

    label: str
    words: str
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
                words=cards[name]["degradation_in_words"] or name,
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
    rows = (
        _row(table, degraded, restored)
        for table in tables
        for degraded in table.degraded
        for restored in degraded.restored or (None,)
    )
    write_table(path, DownstreamRow, rows)


def _row(table: Downstream, degraded: Degraded, restored: Row | None) -> DownstreamRow:
    change = restored.change if restored else None
    gain_low, gain_high = bounds(change.interval if change else None)
    return DownstreamRow(
        task=table.task,
        model=table.model,
        recipe=table.recipe,
        keep=table.keep,
        measure=table.measure,
        samples=table.samples,
        degraded=degraded.row.name,
        degradation=degraded.label,
        psnr_degraded=degraded.row.psnr,
        restored=restored.name if restored else None,
        restored_by=restored.by if restored else None,
        psnr_restored=restored.psnr if restored else None,
        psnr_gain=restored.psnr_gain if restored else None,
        **_cells("clean", table.clean),
        **_cells("on_degraded", degraded.row.score),
        **_cells("on_restored", restored.score if restored else None),
        gain=change.mean if change else None,
        gain_low=gain_low,
        gain_high=gain_high,
        within_noise=change.within_noise if change else None,
        **_cells("trained_on_degraded", degraded.row.own),
        **_cells("trained_on_restored", restored.own if restored else None),
    )


def _cells(name: str, score: Score | None) -> dict[str, Any]:
    """Return a score and the bounds of its interval, by the names of their columns."""
    low, high = bounds(score.interval if score else None)
    return {name: score.value if score else None, f"{name}_low": low, f"{name}_high": high}
