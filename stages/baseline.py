"""Stage ``baseline``: restore and measure a benchmark with its classical methods."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from pipeline.images.benchmarks import BenchmarkImage, images_of
from pipeline.measuring.classical import restore
from pipeline.measuring.score_table import Row, rows_of, write_rows
from pipeline.running.outputs import new_file
from pipeline.running.stage_runner import run_stage
from pipeline.running.workers import each
from pipeline.settings.params import Baseline, Trial


def baseline(*, trials: Sequence[Trial], benchmark: Path, out: Path) -> None:
    """Write the scores of every classical method that a benchmark names.

    Args:
        trials: The parts of the benchmark, each with its methods.
        benchmark: Clean and degraded images.
        out: CSV to write, one row an image, method and protocol; method names stand in for
            experiment and model.
    """
    todo = [
        (image, method)
        for image in images_of(benchmark, trials)
        for method in image.trial.baselines
    ]
    rows = chain.from_iterable(each(_rows, todo))
    with new_file(out) as file:
        write_rows(file, rows)


def _rows(todo: tuple[BenchmarkImage, Baseline]) -> list[Row]:
    image, method = todo
    height, width = image.clean().shape[:2]
    restored = restore(method, image.degraded(), image.level, (height, width))
    return list(rows_of(image, restored, method, method))


if __name__ == "__main__":
    run_stage(baseline)
