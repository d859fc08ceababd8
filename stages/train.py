"""Stage ``train``: train the network of one experiment."""

from pipeline.running.stage_runner import prepare_to_compute, run_stage

if __name__ == "__main__":
    prepare_to_compute()

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from torch import nn

import pipeline.arrays
import pipeline.machine
import pipeline.models.parts
import pipeline.training
from pipeline.arrays.curve_points import RestoringPoint
from pipeline.arrays.file_checksum import sha256_of_folder
from pipeline.arrays.randomness import seed_of
from pipeline.arrays.tables import write_table
from pipeline.arrays.training_set import TrainingSet
from pipeline.machine.devices import pick_device
from pipeline.machine.processor import computed_on, processor
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.running.outputs import new_file
from pipeline.running.process import usable_threads
from pipeline.running.training_record import training_run
from pipeline.settings.params import RANDOM, Recipe, Resources
from pipeline.training.checkpoints import CheckpointFile, digest_of, digest_of_code
from pipeline.training.choosing import choose_way
from pipeline.training.loop import (
    CurvePoint,
    Training,
    TrainingDivergedError,
    TrainingStoppedError,
)
from pipeline.training.network_cost import multiply_adds
from pipeline.training.pairs import Pairs
from pipeline.training.running import run_to_end
from pipeline.training.shared_batch import SharedBatch, shared_batch
from pipeline.training.start import take_over
from pipeline.training.step import Way
from pipeline.training.trained_files import write_weights


def train(
    *,
    experiment: str,
    model: Model,
    recipe: Recipe,
    training_set: Path,
    guarded: Path,  # noqa: ARG001 -- only its existence matters: no test image is trained on
    start: Path,
    checkpoints: Path,
    out: Path,
    curve: Path,
    seed: int,
    resources: Resources,
) -> None:
    """Write trained weights, their model card and the training curve.

    Interrupted at any moment and started again, it goes on from its last checkpoint and ends
    with the same weights, byte for byte on the same machine.

    Args:
        experiment: Name of the experiment; initial weights and batches depend on it.
        model: Architecture and size.
        recipe: How to optimise.
        training_set: The pairs, from stage ``degrade``.
        guarded: What the stage ``guard`` wrote.
        start: Folder of the weights that the training begins with, from another experiment; a
            folder without any where they are random.
        checkpoints: Folder for the state of the unfinished training, outside of DVC's outputs.
        out: Folder to make: ``weights.safetensors`` and ``card.json``.
        curve: CSV to write: step, loss, PSNR of the training patches, learning rate.
        seed: Seed of the params.
        resources: CPU threads to compute with, and the processes that share each batch, of which
            the first one writes all of this.

    Raises:
        TrainingStoppedError: SIGTERM or Ctrl-C came; the checkpoint is written.
        TrainingDivergedError: The loss or a weight is infinite or not a number.
        BusyTrainingError: Another process trains this experiment.
        OtherProcessEndedError: Another process of this training is not there any more.
        ValueError: There are fewer patches than one batch, or samples in a batch than processes;
            or the weights to start from are those of another network.
    """
    device = pick_device(resources.threads)
    with shared_batch(resources.train.processes, recipe.batch, device) as shared:
        network = build_model(model, seed_of(seed, experiment, "weights"))
        begun = take_over(network, start / "weights.safetensors") if start.name != RANDOM else None
        network = network.to(device)
        data = TrainingSet(training_set)
        batches = Pairs(
            clean=data.bank.clean,
            degraded=data.degraded,
            noise=data.noise,
            key=(seed, experiment),
            batch=recipe.batch,
            augment=recipe.augment,
            device=device,
            noise_map=model.takes_noise_map,
        )
        way = _chosen_way(network, batches, recipe, shared)
        # What a number of processes changes are last bits, so that a checkpoint outlasts it.
        threads = usable_threads(resources.threads)
        computed: dict[str, Any] = {
            **computed_on(device, threads),
            "precision": way.precision.value,
            "compiled": way.compiled,
        }
        causes = {
            "experiment": experiment,
            "model": {"class": type(model).__name__, **model.model_dump()},
            "pairs": data.name,
            "degradation": data.degradation,
            "recipe": recipe.model_dump(),
            "start": None if begun is None else {"experiment": start.name, **begun},
            "seed": seed,
            "computed": computed,
        }
        digest = sha256_of_folder(training_set)
        decides = {"data": digest, "code": _code(type(network)), "processor": processor(threads)}
        checkpoint = CheckpointFile(checkpoints, digest_of({**causes, **decides}))

        def begin() -> Training:
            return Training(network, batches, recipe, way=way, checkpoint=checkpoint, shared=shared)

        if shared is not None:
            shared.check_alike(digest_of({**causes, **decides, "processor": None}))
            causes["computed"] = {**computed, "processes": shared.processes}
            if not shared.is_first:
                _follow(begin(), experiment, shared)
                return
        with checkpoint.owned(), _told_together(shared):
            training = begin()
            inputs = {data.name: (training_set, digest)}
            with training_run(experiment, causes, inputs, TrainingStoppedError) as run:
                run_to_end(
                    training, experiment, lambda point: run.log_point(point.step, _values(point))
                )
                card = {
                    **causes,
                    "data": {data.name: digest},
                    "trained_on": _trained_on(data),
                    "receptive_field": model.receptive_field,
                    "multiply_adds_256": multiply_adds(model),
                }
                weights = write_weights(training, card, out)
                with new_file(curve) as file:
                    write_table(file, RestoringPoint, map(_row, training.curve))
                run.finish(weights, out, curve)
            training.checkpoint.remove()


def _chosen_way(
    network: nn.Module, batches: Pairs, recipe: Recipe, shared: SharedBatch | None
) -> Way:
    """Return how to compute, of several processes what the first one chooses."""
    way = choose_way(network, batches, recipe) if shared is None or shared.is_first else None
    chosen = way if shared is None else shared.of_first(way)
    if chosen is None:
        raise ValueError("expected a way to compute from the first process, came none")
    return chosen


@contextmanager
def _told_together(shared: SharedBatch | None) -> Iterator[None]:
    """Let what all processes know end them together: torchrun ends the others with the first."""
    try:
        yield
    except (TrainingStoppedError, TrainingDivergedError):
        if shared is not None:
            shared.wait()
        raise


def _follow(training: Training, experiment: str, shared: SharedBatch) -> None:
    """Train along with the first process, which alone writes and says what comes of it."""
    try:
        with _told_together(shared):
            run_to_end(training, experiment, lambda _: None)
    except (TrainingStoppedError, TrainingDivergedError):
        sys.exit(1)


def _trained_on(data: TrainingSet) -> dict[str, Any]:
    """Return what was trained on, to be compared with the training sets of papers."""
    bank = data.bank
    return {
        "bank": data.bank_name,
        # Images that were cut at several scales are there as NAME, NAME@0.9, ..., in a row.
        "images": sum(1 for _ in groupby(one.name.partition("@")[0] for one in bank.images)),
        "patches": len(bank),
        "patch_size": bank.clean.shape[1],
    }


def _values(point: CurvePoint) -> dict[str, float]:
    return {
        "train/loss": point.loss,
        "train-patches-float/psnr": point.score,
        "train/learning_rate": point.learning_rate,
    }


def _row(point: CurvePoint) -> RestoringPoint:
    return RestoringPoint(
        step=point.step,
        loss=point.loss,
        psnr_train_patches=point.score,
        learning_rate=point.learning_rate,
    )


def _code(network: type[nn.Module]) -> str:
    """Return a checksum of the code that a checkpoint belongs to."""
    return digest_of_code(
        train,
        network,
        pipeline.arrays,
        pipeline.machine,
        pipeline.models.parts,
        pipeline.training,
    )


if __name__ == "__main__":
    run_stage(train)
