"""Stage ``baseline``: measure a benchmark as it is, and restored by its classical methods."""

from pathlib import Path

from pipeline.arrays.tables import write_table
from pipeline.images.benchmarks import BenchmarkImage, images_of
from pipeline.measuring.classical import restore
from pipeline.measuring.perceiving import perceive
from pipeline.measuring.perceptual_table import CLEAN, LOOKS, Perceived
from pipeline.measuring.score_table import INPUT, SCORES, Score, rows_of
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.running.workers import each
from pipeline.settings.params import Baseline


def baseline(*, benchmark: Path, out: Path) -> None:
    """Write the scores of the degraded images, and of every classical method of a benchmark.

    Args:
        benchmark: Clean and degraded images, from stage ``degrade_test``.
        out: Folder to make: ``scores.csv``, one row an image, method and protocol;
            ``perceptual.csv``, one row an image, method and perceptual measure that a trial asks
            for. ``input``, for the degraded image, and names of methods stand in for experiment
            and model; so does ``clean`` where a measure has no reference.
    """
    todo: list[tuple[BenchmarkImage, Baseline | None]] = [
        (image, method)
        for image in images_of(benchmark)
        for method in (None, *image.trial.baselines)
    ]
    rows: list[Score] = []
    looks: list[Perceived] = []
    for scores, seen in each(_rows, todo):
        rows += scores
        looks += seen
    with new_folder(out) as folder:
        write_table(folder / SCORES, Score, rows)
        write_table(folder / LOOKS, Perceived, looks)


def _rows(todo: tuple[BenchmarkImage, Baseline | None]) -> tuple[list[Score], list[Perceived]]:
    image, method = todo
    clean = image.clean()
    if method is None:
        degraded = image.interpolated()
        seen = [*perceive(image, clean, CLEAN), *perceive(image, degraded, INPUT)]
        return list(rows_of(image, degraded, INPUT, INPUT)), seen
    height, width = clean.shape[:2]
    restored = restore(method, image.degraded(), image.level, (height, width))
    return list(rows_of(image, restored, method, method)), list(perceive(image, restored, method))


if __name__ == "__main__":
    run_stage(baseline)
