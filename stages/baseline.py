"""Stage ``baseline``: restore and measure a benchmark with its classical methods."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.benchmarks import images_of
from pipeline.classical import restore
from pipeline.outputs import new_file
from pipeline.params import Trial
from pipeline.scores import rows_of, write_rows
from pipeline.stage_runner import run_stage


def baseline(*, trials: Sequence[Trial], benchmark: Path, out: Path) -> None:
    """Write the scores of every classical method that a benchmark names.

    Args:
        trials: The parts of the benchmark, each with its methods.
        benchmark: Clean and degraded images.
        out: CSV to write, one row an image, method and protocol; method names stand in for
            experiment and model.
    """
    rows = [
        row
        for image in images_of(benchmark, trials)
        for method in image.trial.baselines
        for row in rows_of(image, restore(method, image.degraded(), image.level), method, method)
    ]
    with new_file(out) as file:
        write_rows(file, rows)


if __name__ == "__main__":
    run_stage(baseline)
