"""Stage ``report``: put all results on one page and in one table."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.degradations.levels import levels
from pipeline.images.benchmarks import images_of
from pipeline.literature.papers import Paper, read_papers
from pipeline.literature.published import Published, joined, read_published
from pipeline.literature.published_recognition import read_published_recognition
from pipeline.report.checklist import Check, check_gap
from pipeline.report.comparisons import compare_all, write_comparisons
from pipeline.report.crops import choose_crops
from pipeline.report.curves import draw_curve, read_curve
from pipeline.report.downstream import write_downstream
from pipeline.report.leaderboard import by_place, leading_places
from pipeline.report.model_cards import read_card
from pipeline.report.network_table import tabulate_networks, write_networks
from pipeline.report.overlaps import Overlap, read_overlaps
from pipeline.report.page import Entry, Findings, Report, render_page
from pipeline.report.recogniser_results import Entries
from pipeline.report.recognition import Recognised, read_recognition, write_recognition
from pipeline.report.reconstructions import read_restoring
from pipeline.report.repetitions import find_repetitions, merge_repetitions, write_repetitions
from pipeline.report.results import (
    Measurement,
    Place,
    Result,
    merge_baselines,
    order,
    read_measurements,
    summarise,
    summarise_baselines,
    write_results,
)
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.running.tracking import deliver
from pipeline.settings.params import (
    AcceptedOverlap,
    Applied,
    Experiment,
    Imported,
    Input,
    Recognition,
    RestoredInput,
    Trial,
)
from pipeline.settings.tasks import Task


def report(
    *,
    evaluated: Path,
    baselines: Path,
    restored: Path,
    benchmark_images: Path,
    curves: Path,
    models: Path,
    overlaps: Path,
    literature: Path,
    out: Path,
    experiments: Mapping[str, Experiment],
    imported: Mapping[str, Imported],
    applied: Mapping[str, Applied],
    benchmarks: Mapping[str, list[Trial]],
    accepted_overlaps: Sequence[AcceptedOverlap],
    tasks: Mapping[str, Task],
    inputs: Mapping[str, Input],
    restored_inputs: Mapping[str, RestoredInput],
    recognition: Mapping[str, Recognition],
) -> None:
    """Write the page ``index.html``, and its tables as CSV.

    Files of experiments and benchmarks that the params do not name are left out: they are what
    earlier params left behind.

    Args:
        evaluated: Folder of the experiments' measurements, ``EXPERIMENT.csv``, and of what
            recognisers answered, ``RECOGNISER/``.
        baselines: Folder of the classical methods' measurements, ``BENCHMARK.csv``.
        restored: Folder of restored images, ``EXPERIMENT/DATA_SET/LEVEL/IMAGE.png``.
        benchmark_images: Folder of the test images, one folder a benchmark.
        curves: Folder of what the trainings logged, ``EXPERIMENT.csv`` and ``RECOGNISER.csv``.
        models: Folder of the weights, whose cards are read, ``EXPERIMENT/card.json`` and
            ``RECOGNISER/card.json``.
        overlaps: Folder of what training and test images share, ``EXPERIMENT.csv``.
        literature: Folder of published numbers, and of how their systems were trained and measured.
        out: Folder to make.
        experiments: What is reported, in this order.
        imported: Networks with published weights, reported after them.
        applied: Weights of all these, applied in another way, reported last.
        benchmarks: What all of them were tested on.
        accepted_overlaps: Data sets that may share scenes, and why.
        tasks: What recognisers learn.
        inputs: Degraded samples of these.
        restored_inputs: The same, restored.
        recognition: The recognisers, reported in this order.

    Raises:
        FileNotFoundError: A stage that this one needs has not run; the message names it.
        ValueError: A file holds something else than its stage writes.
    """
    numbers = joined(read_published(literature / "published.csv"))
    entries: dict[str, Entry] = {**experiments, **imported, **applied}
    measured = {name: _measured(evaluated, name, entry) for name, entry in entries.items()}
    classical = {
        name: read_measurements(baselines / f"{name}.csv", f"baseline@{name}")
        for name in benchmarks
    }
    systems = {name: entry.compare_with for name, entry in entries.items()}
    networks = [row for rows in measured.values() for row in rows]
    results = sorted(
        [
            *summarise(networks, numbers, systems),
            *summarise_baselines(merge_baselines(classical), numbers),
        ],
        key=order,
    )
    folders = _Folders(restored, benchmark_images, curves, models, overlaps)
    reports = [
        _report(name, entry, measured[name], benchmarks[entry.test_on], folders, accepted_overlaps)
        for name, entry in entries.items()
    ]
    repetition_of = find_repetitions(experiments)
    leading = leading_places(trial for trials in benchmarks.values() for trial in trials)
    entries_of_recognition = Entries(
        tasks=tasks,
        inputs=inputs,
        restored_inputs=restored_inputs,
        recognition=recognition,
    )
    recognised = _recognised(
        entries_of_recognition,
        folders,
        evaluated,
        literature / "published_recognition.csv",
    )
    known = read_papers(literature / "papers.toml")
    table = tabulate_networks(
        {report.name: report.card for report in reports if not report.is_applied},
        systems,
        results,
        _first_places(trial for trials in benchmarks.values() for trial in trials),
        known,
    )
    page = render_page(
        reports,
        Findings(
            results=results,
            networks=table,
            leading=leading,
            references=numbers.values(),
            repetition_of=repetition_of,
            check=_checklist(reports, benchmarks, known),
            recognition=recognised,
        ),
    )
    merged = by_place(merge_repetitions(results, repetition_of))
    with new_folder(out) as folder:
        write_networks(folder / "networks.csv", table)
        write_results(folder / "results.csv", results, repetition_of)
        write_repetitions(folder / "repetitions.csv", results, repetition_of)
        write_comparisons(folder / "comparisons.csv", compare_all(merged))
        write_recognition(folder / "recognition.csv", recognised)
        write_downstream(folder / "downstream.csv", recognised.downstream if recognised else ())
        (folder / "index.html").write_text(page, encoding="utf-8")


def _first_places(trials: Iterable[Trial]) -> Collection[Place]:
    """Return the places of the protocol that each trial leads with."""
    return leading_places(
        trial.model_copy(update={"protocols": trial.protocols[:1]}) for trial in trials
    )


@dataclass(frozen=True)
class _Folders:
    restored: Path
    benchmark_images: Path
    curves: Path
    models: Path
    overlaps: Path


def _recognised(
    entries: Entries, folders: _Folders, evaluated: Path, published: Path
) -> Recognised | None:
    """Return what recognisers reached, or None where the params name none."""
    if not entries.recognition:
        return None
    numbers = read_published_recognition(published)
    return read_recognition(entries, evaluated, folders.models, folders.curves, numbers)


def _checklist(
    reports: Sequence[Report],
    benchmarks: Mapping[str, list[Trial]],
    papers: Mapping[str, Paper],
) -> Callable[[Result, Published], list[Check]]:
    """Return what compares a result with the published one of the same system."""
    shown = {report.name: report for report in reports}

    def check(result: Result, published: Published) -> list[Check]:
        report = None if result.is_baseline else shown[result.experiment]
        tested_on = [report.trials] if report else _benchmarks_of(result, benchmarks)
        trial, level = next(
            (trial, level)
            for trials in tested_on
            for trial in trials
            for level in levels(trial.degradation)
            if (trial.dataset, level.label) == (result.data_set, result.degradation)
        )
        return check_gap(
            trial=trial,
            level=level,
            protocol=result.protocol,
            published=published,
            paper=papers.get(published.system),
            card=report.card if report else None,
        )

    return check


def _benchmarks_of(
    result: Result, benchmarks: Mapping[str, list[Trial]]
) -> Collection[Sequence[Trial]]:
    """Return where a classical method was measured, whose name may end in ``@BENCHMARK``."""
    benchmark = result.experiment.partition("@")[2]
    return [benchmarks[benchmark]] if benchmark else benchmarks.values()


def _suffix(name: str, entry: Entry) -> str:
    """Return the end of the names of an entry's stages, after ``evaluate`` for example."""
    kinds: dict[type, str] = {Experiment: "", Imported: "_imported", Applied: "_applied"}
    return f"{kinds[type(entry)]}@{name}"


def _measured(evaluated: Path, name: str, entry: Entry) -> list[Measurement]:
    path, stage = evaluated / f"{name}.csv", f"evaluate{_suffix(name, entry)}"
    rows = read_measurements(path, stage)
    if {row.experiment for row in rows} != {name}:
        raise ValueError(
            f"{path}: expected rows of the experiment '{name}' and no others; "
            f"run 'dvc repro --force {stage}'"
        )
    return rows


def _report(
    name: str,
    entry: Entry,
    rows: list[Measurement],
    trials: Sequence[Trial],
    folders: _Folders,
    accepted: Sequence[AcceptedOverlap],
) -> Report:
    suffix = _suffix(name, entry)
    images = {
        (image.trial.dataset, image.level.label, image.name): image
        for image in images_of(folders.benchmark_images / entry.test_on, trials)
    }
    leading = _first_places(trials)
    pictured = [row for row in rows if row.place in leading]
    if not pictured:
        raise ValueError(
            f"expected measurements of {name} by {trials[0].protocols[0]}, came none; "
            f"run 'dvc repro --force evaluate{suffix}'"
        )
    shown = partial(
        Report,
        name=name,
        settings=entry,
        trials=trials,
        restoring=read_restoring(folders.restored / name / "tiling.json", f"reconstruct{suffix}"),
        crops=choose_crops(pictured, images, folders.restored / name, suffix),
    )

    def overlaps_of(experiment: str) -> dict[str, Overlap]:
        path = folders.overlaps / f"{experiment}.csv"
        return read_overlaps(path, f"guard@{experiment}", accepted)

    if isinstance(entry, Applied):
        card = folders.models / entry.weights / "card.json"
        origin = read_card(card, f"reconstruct{suffix}")
        shared = {} if "imported" in origin else overlaps_of(entry.weights)
        return shown(card=origin, charts=(), overlaps=shared)
    card = folders.models / name / "card.json"
    if isinstance(entry, Imported):
        return shown(card=read_card(card, f"import_weights@{name}"), charts=(), overlaps={})
    return shown(
        card=read_card(card, f"train@{name}"),
        charts=draw_curve(read_curve(folders.curves / f"{name}.csv", f"train@{name}")),
        overlaps=overlaps_of(name),
    )


if __name__ == "__main__":
    run_stage(report, afterwards=deliver)
