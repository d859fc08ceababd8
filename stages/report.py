"""Stage ``report``: put all results on one page and in one table."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from pipeline.arrays.stage_outputs import StageNotRunError, require_output
from pipeline.degradations.levels import Level, levels
from pipeline.images.benchmarks import TRIALS, BenchmarkImage, images_of, read_trials
from pipeline.literature.counterparts import without_counterpart
from pipeline.literature.draws import Draw, read_draws
from pipeline.literature.papers import Paper, read_papers
from pipeline.literature.published import Published, joined, read_published
from pipeline.literature.published_recognition import read_published_recognition
from pipeline.measuring.perceptual_table import LOOKS
from pipeline.measuring.protocols import first_places, named_places
from pipeline.measuring.score_table import SCORES, Inputs, Place
from pipeline.report.answers import Answer, answer
from pipeline.report.checklist import Check, check_gap
from pipeline.report.comparisons import compare_all, write_comparisons
from pipeline.report.crops import MOST_PICTURED, Crop, ImageKey, choose_crops
from pipeline.report.curves import draw_curve, read_curve
from pipeline.report.downstream import write_downstream
from pipeline.report.leaderboard import by_place
from pipeline.report.markdown import as_markdown
from pipeline.report.model_cards import read_card
from pipeline.report.network_table import tabulate_networks, write_networks
from pipeline.report.overlaps import Overlap, read_overlaps
from pipeline.report.page import Entry, Findings, Report, find_warnings, render_page
from pipeline.report.perceptual import (
    PerceptualBlock,
    compare_looks,
    read_perceived,
    write_perceptual,
)
from pipeline.report.recogniser_results import Entries, read_run
from pipeline.report.recognition import Recognised, compare_recognisers, write_recognition
from pipeline.report.reconstructions import Restoring, read_restoring, read_taken_in
from pipeline.report.repetitions import find_repetitions, merge_repetitions, write_repetitions
from pipeline.report.results import (
    Measurement,
    Result,
    merge_baselines,
    order,
    read_baselines,
    read_measurements,
    summarise,
    summarise_baselines,
    write_results,
)
from pipeline.report.same_crops import RestoredImages, SameCrops, compare_crops
from pipeline.report.siblings import OnTrial, effect_of_colour
from pipeline.report.strength_figure import draw_strengths, read_cards
from pipeline.report.unmeasured import LeftOut, Unmeasured, read_measured
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.running.tracking import deliver
from pipeline.settings.outside import Outside
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
from pipeline.settings.programs import Program
from pipeline.settings.tasks import Task

_log = logging.getLogger(__name__)


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
    programs: Mapping[str, Program],
    outside: Mapping[str, Outside],
    benchmarks: Mapping[str, list[Trial]],
    accepted_overlaps: Sequence[AcceptedOverlap],
    tasks: Mapping[str, Task],
    inputs: Mapping[str, Input],
    restored_inputs: Mapping[str, RestoredInput],
    recognition: Mapping[str, Recognition],
) -> None:
    """Write the page ``index.html``, its tables as CSV, and the best of it as ``results.md``.

    Files of experiments and benchmarks that the params do not name are left out: they are what
    earlier params left behind. What the params name and no stage has measured yet is left out
    too, and the page says so.

    Args:
        evaluated: Folder of the experiments' measurements, ``EXPERIMENT/scores.csv`` and
            ``EXPERIMENT/perceptual.csv``, and of what recognisers answered, ``RECOGNISER/``.
        baselines: Folder of the classical methods' measurements, ``BENCHMARK/scores.csv`` and
            ``BENCHMARK/perceptual.csv``.
        restored: Folder of restored images, ``EXPERIMENT/DATA_SET/LEVEL/IMAGE.png``.
        benchmark_images: Folder of the test images, one folder a benchmark.
        curves: Folder of what the trainings logged, ``EXPERIMENT.csv`` and ``RECOGNISER.csv``.
        models: Folder of the weights, whose cards are read, ``EXPERIMENT/card.json`` and
            ``RECOGNISER/card.json``.
        overlaps: Folder of what training and test images share, ``PAIRS.csv``.
        literature: Folder of published numbers, and of how their systems were trained and measured.
        out: Folder to make.
        experiments: What is reported, in this order.
        imported: Networks with published weights, reported after them.
        applied: Weights of all these, applied in another way, reported after them.
        programs: Networks that run by themselves, reported after these.
        outside: What was restored elsewhere, reported last.
        benchmarks: What all of them were tested on.
        accepted_overlaps: Data sets that may share scenes, and why.
        tasks: What recognisers learn.
        inputs: Degraded samples of these.
        restored_inputs: The same, restored.
        recognition: The recognisers, reported in this order.

    Raises:
        FileNotFoundError: A folder that a stage wrote lacks a file; the message names the stage.
        ValueError: A file holds something else than its stage writes.
    """
    numbers = joined(read_published(literature / "published.csv"))
    entries: dict[str, Entry] = {**experiments, **imported, **applied, **programs, **outside}
    folders = _Folders(evaluated, baselines, restored, benchmark_images, curves, models, overlaps)

    def read(name: str) -> tuple[list[Measurement], Report]:
        rows = _measured(name, entries[name], folders)
        trials = benchmarks[entries[name].test_on]
        if _asks_for_looks(trials):
            require_output(folders.evaluated / name / LOOKS, _evaluation(name, entries[name]))
        return rows, _report(name, entries[name], rows, trials, folders, accepted_overlaps)

    found, unmeasured = read_measured(entries, read)
    classical, without_classical = read_measured(
        benchmarks, lambda name: _classical(name, benchmarks[name], folders), ask="baseline@{}"
    )
    systems = {name: entry.compare_with for name, entry in entries.items()}
    networks = [row for rows, _ in found.values() for row in rows]
    results = sorted(
        [
            *summarise(networks, numbers, systems),
            *summarise_baselines(merge_baselines(classical), numbers),
        ],
        key=order,
    )
    reports = [shown for _, shown in found.values()]
    repetition_of = find_repetitions(
        {name: entry for name, entry in experiments.items() if name in found}
    )
    leading = named_places(chain.from_iterable(benchmarks.values()))
    headline = first_places(chain.from_iterable(benchmarks.values()))
    entries_of_recognition = Entries(
        tasks=tasks,
        inputs=inputs,
        restored_inputs=restored_inputs,
        recognition=recognition,
    )
    recognised, unrecognised = _recognised(
        entries_of_recognition, folders, literature / "published_recognition.csv"
    )
    left_out = LeftOut(
        kinds={
            "networks": unmeasured,
            "recognisers": unrecognised,
            "classical methods on": without_classical,
        }
    )
    if left_out.command:
        _log.warning("%s", left_out)
    for warned in find_warnings(reports, recognised):
        _log.warning("%s: %s", warned.name, warned.warning)
    uncompared = {
        name: said
        for name, entry in entries.items()
        if name in found and entry.compare_with is not None
        if (said := without_counterpart(entry.compare_with, _places(found[name][0]), numbers))
    }
    known, draws = read_papers(literature / "papers.toml"), read_draws(literature / "draws.csv")
    table = tabulate_networks(
        {one.name: one.card for one in reports if one.card and not one.is_applied},
        systems,
        results,
        headline,
        known,
    )
    looks = _looks(
        {name: trials for name, trials in benchmarks.items() if name in classical},
        {name: entries[name] for name in found},
        folders,
    )
    merged = by_place(merge_repetitions(results, repetition_of))
    answers = answer(merged, headline, table)
    pictured = (
        found.keys() if len(found) <= MOST_PICTURED else {one.best.runs[0] for one in answers}
    )
    words = {
        level.label: level.words
        for trials in benchmarks.values()
        for trial in trials
        for level in levels(trial.degradation)
    }
    page = render_page(
        [
            replace(shown, crops=_crops(name, entries[name], rows, shown.trials, folders))
            if name in pictured
            else shown
            for name, (rows, shown) in found.items()
        ],
        Findings(
            results=results,
            networks=table,
            degradations=words,
            leading=leading,
            headline=headline,
            answers=answers,
            same_crops=list(_same_crops(answers, merged, entries, folders)),
            strengths=draw_strengths(
                merged, headline, read_cards(folders.benchmark_images / name for name in classical)
            ),
            looks=looks,
            references=numbers.values(),
            repetition_of=repetition_of,
            check=_checklist(reports, benchmarks, results, known, draws),
            draws=draws,
            uncompared=uncompared,
            recognition=recognised,
            left_out=left_out,
        ),
    )
    with new_folder(out) as folder:
        write_networks(folder / "networks.csv", table)
        write_results(folder / "results.csv", results, repetition_of)
        write_repetitions(folder / "repetitions.csv", results, repetition_of)
        write_comparisons(folder / "comparisons.csv", compare_all(merged))
        write_recognition(folder / "recognition.csv", recognised)
        write_downstream(folder / "downstream.csv", recognised.downstream if recognised else ())
        if looks:
            write_perceptual(folder / "perceptual.csv", looks)
        (folder / "index.html").write_text(page, encoding="utf-8")
        summary = as_markdown(merged, answers, words, looks)
        (folder / "results.md").write_text(summary, encoding="utf-8")


def _places(rows: Iterable[Measurement]) -> Collection[Place]:
    """Return where rows were measured, in their order."""
    return dict.fromkeys(row.place for row in rows)


@dataclass(frozen=True)
class _Folders:
    evaluated: Path
    baselines: Path
    restored: Path
    benchmark_images: Path
    curves: Path
    models: Path
    overlaps: Path


def _recognised(
    entries: Entries, folders: _Folders, published: Path
) -> tuple[Recognised | None, list[Unmeasured]]:
    """Return what recognisers reached, None where none has, and what is not measured yet."""
    runs, unmeasured = read_measured(
        entries.recognition,
        lambda name: read_run(name, entries, folders.evaluated, folders.models, folders.curves),
    )
    if not runs:
        return None, unmeasured
    ran = {name: entry for name, entry in entries.recognition.items() if name in runs}
    numbers = read_published_recognition(published)
    entries = replace(entries, recognition=ran)
    return compare_recognisers(entries, list(runs.values()), numbers), unmeasured


def _checklist(
    reports: Sequence[Report],
    benchmarks: Mapping[str, list[Trial]],
    results: Sequence[Result],
    papers: Mapping[str, Paper],
    draws: Mapping[tuple[str, str], Draw],
) -> Callable[[Result, Published], list[Check]]:
    """Return what compares a result with the published one of the same system."""
    shown = {report.name: report for report in reports}

    def report_of(result: Result) -> Report | None:
        return None if result.is_baseline else shown[result.experiment]

    def tested_on(result: Result) -> tuple[Trial, Level]:
        report = report_of(result)
        benchmark = [report.trials] if report else _benchmarks_of(result, benchmarks)
        return next(
            (trial, level)
            for trials in benchmark
            for trial in trials
            for level in levels(trial.degradation)
            if (trial.dataset, level.label) == (result.data_set, result.degradation)
        )

    def tested(result: Result) -> OnTrial:
        report = report_of(result)
        method: tuple[str, ...] = (result.experiment.partition("@")[0],)
        if report and report.card and isinstance(report.restoring, Restoring):
            method = (report.card["weights_sha256"], report.restoring.way)
        return OnTrial(result=result, trial=tested_on(result)[0], method=method)

    everything = [tested(result) for result in results]

    def check(result: Result, published: Published) -> list[Check]:
        report = report_of(result)
        trial, level = tested_on(result)
        paper = papers.get(published.system)
        return check_gap(
            trial=trial,
            level=level,
            protocol=result.protocol,
            published=published,
            paper=paper,
            card=report.card if report else None,
            draw=draws.get((result.data_set, result.degradation)),
            colour_effect=effect_of_colour(tested(result), everything, paper),
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
    kinds: dict[type, str] = {
        Experiment: "",
        Imported: "_imported",
        Applied: "_applied",
        Program: "_programs",
        Outside: "_outside",
    }
    return f"{kinds[type(entry)]}@{name}"


def _evaluation(name: str, entry: Entry) -> str:
    return f"evaluate{_suffix(name, entry)}"


def _measured(name: str, entry: Entry, folders: _Folders) -> list[Measurement]:
    path, stage = folders.evaluated / name / SCORES, _evaluation(name, entry)
    inputs, _ = _baselines(entry.test_on, folders)
    rows = read_measurements(path, stage, inputs)
    if {row.experiment for row in rows} != {name}:
        raise ValueError(
            f"{path}: expected rows of the experiment '{name}' and no others; "
            f"run 'dvc repro --force {stage}'"
        )
    return rows


def _baselines(benchmark: str, folders: _Folders) -> tuple[Inputs, list[Measurement]]:
    return read_baselines(folders.baselines / benchmark / SCORES, f"baseline@{benchmark}")


def _classical(name: str, trials: Sequence[Trial], folders: _Folders) -> list[Measurement]:
    """Return what the classical methods of a benchmark reached."""
    stage = f"baseline@{name}"
    _, rows = _baselines(name, folders)
    if _asks_for_looks(trials):
        require_output(folders.baselines / name / LOOKS, stage)
    _check_test_images(name, trials, folders, rows, stage)
    return rows


def _asks_for_looks(trials: Iterable[Trial]) -> bool:
    return any(trial.perceptual for trial in trials)


def _same_crops(
    answers: Iterable[Answer],
    groups: Mapping[Place, Sequence[Result]],
    entries: Mapping[str, Entry],
    folders: _Folders,
) -> Iterator[SameCrops]:
    """Yield the same crops of the networks of each test, by the protocol that it leads with."""
    for one in answers:
        results = [result for result in groups[one.best.place] if not result.is_baseline]
        images = _by_key(folders.benchmark_images / entries[one.best.runs[0]].test_on)
        restored = {
            result.experiment: RestoredImages(
                folders.restored / result.runs[0],
                _suffix(result.runs[0], entries[result.runs[0]]),
            )
            for result in results
        }
        found = compare_crops(results, images, restored)
        if found is not None:
            yield found


def _looks(
    benchmarks: Mapping[str, Sequence[Trial]], entries: Mapping[str, Entry], folders: _Folders
) -> list[PerceptualBlock]:
    """Return the perceptual measures of the benchmarks that ask for any."""
    blocks: list[PerceptualBlock] = []
    for benchmark, trials in benchmarks.items():
        if not _asks_for_looks(trials):
            continue
        path = folders.baselines / benchmark / LOOKS
        networks = chain.from_iterable(
            read_perceived(folders.evaluated / name / LOOKS, _evaluation(name, entry))
            for name, entry in entries.items()
            if entry.test_on == benchmark
        )
        blocks += compare_looks(benchmark, read_perceived(path, f"baseline@{benchmark}"), networks)
    return blocks


def _check_test_images(
    benchmark: str,
    trials: Sequence[Trial],
    folders: _Folders,
    rows: Iterable[Measurement],
    stage: str,
) -> None:
    """Check that the images of a benchmark are there, those that ``stage`` measured among them.

    Raises:
        StageNotRunError: The images are not there, or are those that the benchmark had before the
            params changed.
    """
    folder, maker = folders.benchmark_images / benchmark, f"degrade_test@{benchmark}"
    require_output(folder / TRIALS, maker)
    if read_trials(folder) != list(trials):
        raise StageNotRunError(f"{folder}: has other trials; run 'dvc repro {maker}'", maker)
    images = _by_key(folder)
    for row in rows:
        if (row.data_set, row.degradation, row.image) not in images:
            raise StageNotRunError(
                f"image '{row.image}' of {row.data_set}, {row.degradation} was measured for "
                f"'{row.experiment}' but is not among the test images; run 'dvc repro {stage}'",
                stage,
            )


def _crops(
    name: str,
    entry: Entry,
    rows: Iterable[Measurement],
    trials: Iterable[Trial],
    folders: _Folders,
) -> list[Crop]:
    """Return the crops of an entry, of images that were found to be its benchmark's."""
    leading = first_places(trials)
    return choose_crops(
        [row for row in rows if row.place in leading],
        _by_key(folders.benchmark_images / entry.test_on),
        folders.restored / name,
        _suffix(name, entry),
    )


def _by_key(benchmark: Path) -> dict[ImageKey, BenchmarkImage]:
    return {
        (image.trial.dataset, image.level.label, image.name): image
        for image in images_of(benchmark)
    }


def _report(
    name: str,
    entry: Entry,
    rows: list[Measurement],
    trials: Sequence[Trial],
    folders: _Folders,
    accepted: Sequence[AcceptedOverlap],
) -> Report:
    suffix = _suffix(name, entry)
    _check_test_images(entry.test_on, trials, folders, rows, f"evaluate{suffix}")
    leading = first_places(trials)
    if not any(row.place in leading for row in rows):
        raise ValueError(
            f"expected measurements of {name} by {trials[0].protocols[0]}, came none; "
            f"run 'dvc repro --force evaluate{suffix}'"
        )
    tiling, stage = folders.restored / name / "tiling.json", f"reconstruct{suffix}"
    read = read_taken_in if isinstance(entry, Outside) else read_restoring
    shown = partial(
        Report,
        name=name,
        settings=entry,
        trials=trials,
        restoring=read(tiling, stage),
        crops=(),
    )

    def overlaps_of(pairs: str) -> dict[str, Overlap]:
        found = read_overlaps(folders.overlaps / f"{pairs}.csv", f"guard@{pairs}", accepted)
        tested = {trial.dataset for trial in trials}
        return {name: overlap for name, overlap in found.items() if name in tested}

    if isinstance(entry, Outside | Program):
        return shown(card=None, charts=(), overlaps={})
    if isinstance(entry, Applied):
        card = folders.models / entry.weights / "card.json"
        origin = read_card(card, f"reconstruct{suffix}")
        shared = {} if "imported" in origin else overlaps_of(origin["pairs"])
        return shown(card=origin, charts=(), overlaps=shared)
    card = folders.models / name / "card.json"
    if isinstance(entry, Imported):
        return shown(card=read_card(card, f"import_weights@{name}"), charts=(), overlaps={})
    return shown(
        card=read_card(card, f"train@{name}"),
        charts=draw_curve(read_curve(folders.curves / f"{name}.csv", f"train@{name}")),
        overlaps=overlaps_of(entry.train_on),
    )


if __name__ == "__main__":
    run_stage(report, afterwards=deliver)
