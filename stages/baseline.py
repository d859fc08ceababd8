"""Stage ``baseline``: measure a benchmark as it is, and restored by its classical methods."""

from itertools import chain
from pathlib import Path

from pipeline.arrays.tables import write_table
from pipeline.images.benchmarks import BenchmarkImage, images_of
from pipeline.measuring.classical import restore
from pipeline.measuring.score_table import INPUT, Score, rows_of
from pipeline.running.outputs import new_file
from pipeline.running.stage_runner import run_stage
from pipeline.running.workers import each
from pipeline.settings.params import Baseline


def baseline(*, benchmark: Path, out: Path) -> None:
    """Write the scores of the degraded images, and of every classical method of a benchmark.

    Args:
        benchmark: Clean and degraded images, from stage ``degrade_test``.
        out: CSV to write, one row an image, method and protocol; ``input``, for the degraded
            image, and names of methods stand in for experiment and model.
    """
    todo: list[tuple[BenchmarkImage, Baseline | None]] = [
        (image, method)
        for image in images_of(benchmark)
        for method in (None, *image.trial.baselines)
    ]
    rows = chain.from_iterable(each(_rows, todo))
    with new_file(out) as file:
        write_table(file, Score, rows)


def _rows(todo: tuple[BenchmarkImage, Baseline | None]) -> list[Score]:
    image, method = todo
    if method is None:
        return list(rows_of(image, image.interpolated(), INPUT, INPUT))
    height, width = image.clean().shape[:2]
    restored = restore(method, image.degraded(), image.level, (height, width))
    return list(rows_of(image, restored, method, method))


if __name__ == "__main__":
    run_stage(baseline)
