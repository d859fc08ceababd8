"""What the tracker gets of an evaluation: written to a journal, since loading MLflow takes long."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.arrays.pixels import Array
from pipeline.images.files import write_png
from pipeline.running.journal import Journal, lost_with_a_warning
from pipeline.running.launches import current_launch
from pipeline.running.provenance import provenance
from pipeline.running.runs import EXPERIMENT_TAG, SPEED, Run, flattened, new_event


def log_evaluation(
    experiment: str,
    weights: str,
    means: Mapping[str, Any],
    pictures: Mapping[str, Array],
    tables: Sequence[Path],
) -> None:
    """Keep scores for the run of the weights that were measured.

    Args:
        experiment: Name of the experiment.
        weights: Checksum of the weights, which finds the run.
        means: Mean scores, nested by data set, degradation and protocol.
        pictures: ``(H, W, C)`` in [0, 1] by name.
        tables: Files to keep with the run.

    Raises:
        ValueError: A PSNR or SSIM does not say how it was measured.
    """
    scores = new_event("metrics", step=0, metrics=dict(flattened(means, "/")))
    with lost_with_a_warning(), Journal(_run_of(experiment, weights)) as journal:
        journal.write(scores)
        for name, picture in pictures.items():
            with lost_with_a_warning(), journal.new_file(f"{name}.png", "pictures") as path:
                write_png(path, picture)
        for table in tables:
            with lost_with_a_warning():
                journal.write(new_event("file", path=str(table), folder="scores"))
        journal.write(new_event("end", state="FINISHED"))


def log_speed(experiment: str, weights: str, seconds_per_megapixel: float) -> None:
    """Keep how long it took to restore the test images, for the run of the weights.

    Args:
        experiment: Name of the experiment.
        weights: Checksum of the weights, which finds the run.
        seconds_per_megapixel: Time for a million restored pixels, with reading and writing.
    """
    took = new_event("metrics", step=0, metrics={SPEED: seconds_per_megapixel})
    with lost_with_a_warning(), Journal(_run_of(experiment, weights)) as journal:
        journal.write(took)
        journal.write(new_event("end", state="FINISHED"))


def _run_of(experiment: str, weights: str) -> Run:
    stand = provenance(Path())
    tags = {EXPERIMENT_TAG: experiment, "restore.weights": weights, **stand}
    return Run(experiment, tags, current_launch(stand), find="restore.weights")
