"""Stage ``report``: put all results on one page and in one table."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.benchmarks import images_of
from pipeline.outputs import new_folder
from pipeline.params import Experiment, Trial
from pipeline.report.crops import choose_crops
from pipeline.report.curves import draw_curve, read_curve
from pipeline.report.page import Report, render_page
from pipeline.report.published import read_published
from pipeline.report.results import (
    Measurement,
    merge_baselines,
    order,
    read_measurements,
    summarise,
    write_results,
)
from pipeline.stage_runner import run_stage


def report(
    *,
    evaluated: Path,
    baselines: Path,
    restored: Path,
    benchmark_images: Path,
    curves: Path,
    published: Path,
    out: Path,
    experiments: Mapping[str, Experiment],
    benchmarks: Mapping[str, list[Trial]],
) -> None:
    """Write ``results.csv`` and ``index.html``.

    Files of experiments and benchmarks that the params do not name are left out: they are what
    earlier params left behind.

    Args:
        evaluated: Folder of the experiments' measurements, ``EXPERIMENT.csv``.
        baselines: Folder of the classical methods' measurements, ``BENCHMARK.csv``.
        restored: Folder of restored images, ``EXPERIMENT/DATA_SET/LEVEL/IMAGE.png``.
        benchmark_images: Folder of the test images, one folder a benchmark.
        curves: Folder of what the trainings logged, ``EXPERIMENT.csv``.
        published: Numbers of the literature.
        out: Folder to make.
        experiments: What is reported, in this order.
        benchmarks: What it was tested on.

    Raises:
        FileNotFoundError: A stage that this one needs has not run; the message names it.
        ValueError: A file holds something else than its stage writes.
    """
    literature = read_published(published)
    measured = {name: _measured(evaluated, name) for name in experiments}
    classical = {
        name: read_measurements(baselines / f"{name}.csv", f"baseline@{name}")
        for name in benchmarks
    }
    networks = [row for rows in measured.values() for row in rows]
    results = sorted(
        [
            *summarise(networks, literature, are_baselines=False),
            *summarise(merge_baselines(classical), literature, are_baselines=True),
        ],
        key=order,
    )
    reports = [
        _report(name, settings, measured[name], restored, benchmark_images, curves, benchmarks)
        for name, settings in experiments.items()
    ]
    page = render_page(reports, results, literature.values())
    with new_folder(out) as folder:
        write_results(folder / "results.csv", results)
        (folder / "index.html").write_text(page, encoding="utf-8")


def _measured(evaluated: Path, experiment: str) -> list[Measurement]:
    path, stage = evaluated / f"{experiment}.csv", f"evaluate@{experiment}"
    rows = read_measurements(path, stage)
    if {row.experiment for row in rows} != {experiment}:
        raise ValueError(
            f"{path}: expected rows of the experiment '{experiment}' and no others; "
            f"run 'dvc repro --force {stage}'"
        )
    return rows


def _report(
    name: str,
    settings: Experiment,
    rows: list[Measurement],
    restored: Path,
    benchmark_images: Path,
    curves: Path,
    benchmarks: Mapping[str, list[Trial]],
) -> Report:
    trials = benchmarks[settings.test_on]
    images = {
        (image.trial.dataset, image.level.label, image.name): image
        for image in images_of(benchmark_images / settings.test_on, trials)
    }
    return Report(
        name=name,
        settings=settings,
        trials=trials,
        charts=draw_curve(read_curve(curves / f"{name}.csv", f"train@{name}")),
        crops=choose_crops(rows, images, restored / name, name),
    )


if __name__ == "__main__":
    run_stage(report)
