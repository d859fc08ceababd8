"""Stage ``evaluate``: measure what one experiment restored."""

import json
from itertools import chain
from pathlib import Path

import numpy as np

from pipeline.arrays.pixels import Array
from pipeline.arrays.stage_outputs import read_json
from pipeline.arrays.tables import read_table, write_table
from pipeline.images.benchmarks import BenchmarkImage, images_of, read_trials, restored_path
from pipeline.measuring.perceiving import perceive
from pipeline.measuring.perceptual_table import KEY, LOOKS, Perceived, perceptual_means
from pipeline.measuring.protocols import first_places
from pipeline.measuring.score_table import (
    SCORES,
    Score,
    inputs_of,
    mean_scores,
    rows_of,
    summarise_scores,
)
from pipeline.running.evaluation_record import log_evaluation
from pipeline.running.outputs import new_file, new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.running.workers import each


def evaluate(
    *,
    experiment: str,
    benchmark: Path,
    restored: Path,
    baselines: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Write the scores of every restored image, and their means for ``dvc metrics``.

    Args:
        experiment: Name of the experiment.
        benchmark: Clean and degraded images, from stage ``degrade_test``.
        restored: Restored images, from stage ``reconstruct``, with the name of the model and the
            checksum of the weights: the tracker's run of the same weights gets the scores.
        baselines: Scores of the degraded images, from stage ``baseline``.
        out: Folder to make: ``scores.csv``, one row an image and protocol; ``perceptual.csv``, one
            row an image and perceptual measure that a trial asks for.
        metrics: JSON to write, a few means by short names: those of the first test, by the
            protocol that its trial leads with, and the mean gain over all tests.

    Raises:
        ValueError: The benchmark is empty.
    """
    images = list(images_of(benchmark))
    if not images:
        raise ValueError(f"{benchmark}: expected test images, came none")

    facts = read_json(restored / "tiling.json")

    def score(image: BenchmarkImage) -> tuple[list[Score], list[Perceived]]:
        output = np.load(restored_path(restored, image))
        scores = list(rows_of(image, output, experiment, facts["model"]))
        return scores, list(perceive(image, output, experiment))

    scored, seen = zip(*each(score, images), strict=True)
    rows, looks = list(chain.from_iterable(scored)), list(chain.from_iterable(seen))
    inputs = inputs_of(read_table(baselines / SCORES, Score, f"baseline@{baselines.name}"))
    means = mean_scores(rows, inputs)
    perceived = perceptual_means(looks)
    places = first_places(read_trials(benchmark))
    summary = summarise_scores(means, places) | perceived.get(places[0][:2], {})
    for (data_set, degradation), values in perceived.items():
        means[data_set][degradation][KEY] = values
    with new_folder(out) as folder:
        write_table(folder / SCORES, Score, rows)
        write_table(folder / LOOKS, Perceived, looks)
    with new_file(metrics) as file:
        file.write_text(json.dumps(summary, indent=2) + "\n")
    pictures = {"-".join(image.place.parts): image for image in reversed(images)}
    log_evaluation(
        experiment,
        facts["weights_sha256"],
        means,
        {name: _side_by_side(image, restored) for name, image in pictures.items()},
        [out / SCORES, out / LOOKS] if looks else [out / SCORES],
    )


def _side_by_side(image: BenchmarkImage, restored: Path) -> Array:
    """Return degraded, restored and clean image in one row, ``(H, 3 * W, C)`` in [0, 1]."""
    output: Array = np.load(restored_path(restored, image))
    return np.concatenate([image.interpolated(), output, image.clean()], axis=1).clip(0, 1)


if __name__ == "__main__":
    run_stage(evaluate)
