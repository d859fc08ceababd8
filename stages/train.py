"""Stage ``train``: train the network of one experiment."""

from pipeline.running.stage_runner import prepare_to_compute, run_stage

if __name__ == "__main__":
    prepare_to_compute()

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import pipeline.arrays
import pipeline.machine
import pipeline.models.parts
import pipeline.training
from pipeline.arrays.file_checksum import sha256_of_folder
from pipeline.arrays.patches import PatchBank
from pipeline.arrays.randomness import seed_of
from pipeline.degradations.levels import versions
from pipeline.degradations.settings import Degradation
from pipeline.machine.devices import pick_device
from pipeline.machine.precision import name_of
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.running.training_record import training_run
from pipeline.settings.params import RANDOM, Recipe
from pipeline.training.checkpoints import CheckpointFile, digest_of, digest_of_code
from pipeline.training.choosing import choose_way
from pipeline.training.loop import CurvePoint, Training, TrainingStoppedError
from pipeline.training.network_cost import multiply_adds
from pipeline.training.pairs import Pairs
from pipeline.training.running import run_to_end
from pipeline.training.start import take_over
from pipeline.training.trained_files import write_curve, write_weights

_COLUMNS = ("step", "loss", "psnr_train_patches", "learning_rate")


def train(
    *,
    experiment: str,
    model: Model,
    degradation: Degradation,
    recipe: Recipe,
    patches: Path,
    degraded: Path,
    guarded: Path,  # noqa: ARG001 -- only its existence matters: no test image is trained on
    start: Path,
    checkpoints: Path,
    out: Path,
    curve: Path,
    seed: int,
    threads: int,
) -> None:
    """Write trained weights, their model card and the training curve.

    Interrupted at any moment and started again, it goes on from its last checkpoint and ends
    with the same weights, byte for byte on the same machine.

    Args:
        experiment: Name of the experiment; initial weights and batches depend on it.
        model: Architecture and size.
        degradation: What the network learns to undo.
        recipe: How to optimise.
        patches: Patch bank of clean patches.
        degraded: Their degraded partners, from stage ``degrade``.
        guarded: What the stage ``guard`` wrote.
        start: Folder of the weights that the training begins with, from another experiment; a
            folder without any where they are random.
        checkpoints: Folder for the state of the unfinished training, outside of DVC's outputs.
        out: Folder to make: ``weights.safetensors`` and ``card.json``.
        curve: CSV to write: step, loss, PSNR of the training patches, learning rate.
        seed: Seed of the params.
        threads: CPU threads to compute with.

    Raises:
        TrainingStoppedError: SIGTERM or Ctrl-C came; the checkpoint is written.
        TrainingDivergedError: The loss is infinite or not a number.
        ValueError: There are fewer patches than one batch, or the weights to start from are those
            of another network.
    """
    device = pick_device(threads)
    network = build_model(model, seed_of(seed, experiment, "weights"))
    started = take_over(network, start / "weights.safetensors") if start.name != RANDOM else None
    network = network.to(device)
    bank = PatchBank(patches)
    every = versions(degradation)
    pairs = Pairs(
        clean=bank.clean,
        degraded=(
            np.load(degraded / "degraded.npy", mmap_mode="r")
            if any(version.stored for version in every)
            else None
        ),
        noise=[version.noise for version in every],
        key=(seed, experiment),
        batch=recipe.batch,
        augment=recipe.augment,
        device=device,
        noise_map=model.takes_noise_map,
    )
    way = choose_way(network, pairs, recipe)
    causes = {
        "experiment": experiment,
        "model": {"class": type(model).__name__, **model.model_dump()},
        "degradation": degradation.model_dump(),
        "recipe": recipe.model_dump(),
        "start": None if started is None else {"experiment": start.name, **started},
        "seed": seed,
        "threads": torch.get_num_threads(),
        "computed": {
            "device": device.type,
            "precision": name_of(way.precision),
            "compiled": way.compiled,
            "torch": torch.__version__,
        },
    }
    folders = {"clean": patches, "degraded": degraded}
    inputs = {name: (folder, sha256_of_folder(folder)) for name, folder in folders.items()}
    data = {name: digest for name, (_, digest) in inputs.items()}
    training = Training(
        network,
        pairs,
        recipe,
        way=way,
        checkpoint=CheckpointFile(
            checkpoints, digest_of({**causes, "data": data, "code": _code(type(network))})
        ),
    )
    with training_run(experiment, causes, inputs, TrainingStoppedError) as run:
        run_to_end(training, experiment, lambda point: run.log_point(point.step, _values(point)))
        card = {
            **causes,
            "data": data,
            "trained_on": _trained_on(bank),
            "receptive_field": model.receptive_field,
            "multiply_adds_256": multiply_adds(model),
        }
        weights = write_weights(training, card, out)
        write_curve(training, _COLUMNS, _row, curve)
        run.finish(weights, out, curve)
    training.checkpoint.remove()


def _trained_on(bank: PatchBank) -> dict[str, Any]:
    """Return what the bank was cut from, to be compared with the training sets of papers."""
    return {
        "bank": bank.folder.name,
        # Images that were cut at several scales are there as NAME, NAME@0.9, ...
        "images": len({image.name.partition("@")[0] for image in bank.images}),
        "patches": len(bank),
        "patch_size": bank.clean.shape[1],
    }


def _values(point: CurvePoint) -> dict[str, float]:
    return {
        "train/loss": point.loss,
        "train-patches-float/psnr": point.score,
        "train/learning_rate": point.learning_rate,
    }


def _row(point: CurvePoint) -> list[object]:
    return [
        point.step,
        f"{point.loss:.6g}",
        f"{point.score:.4f}",
        f"{point.learning_rate:.6g}",
    ]


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
