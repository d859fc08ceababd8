"""Stage ``learn``: train one network to recognise."""

from pipeline.running.stage_runner import prepare_to_compute, run_stage

if __name__ == "__main__":
    prepare_to_compute()

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

import pipeline.arrays
import pipeline.machine
import pipeline.models.parts
import pipeline.models.recogniser_parts
import pipeline.recognition.labelled
import pipeline.recognition.learning
import pipeline.recognition.scoring
import pipeline.training
from pipeline.arrays.curve_points import RecognisingPoint
from pipeline.arrays.file_checksum import sha256_of_folder
from pipeline.arrays.randomness import seed_of
from pipeline.arrays.tables import write_table
from pipeline.machine.devices import pick_device
from pipeline.machine.processor import computed_on, processor
from pipeline.models.recogniser_parts.recogniser_building import build_recogniser
from pipeline.models.recogniser_parts.settings import CubeRecogniser, Recogniser
from pipeline.recognition.labelled.samples import Labelled, Part, read_card, read_labelled
from pipeline.recognition.learning.gathering import Samples, open_samples
from pipeline.recognition.learning.labelled_batches import LabelledBatches
from pipeline.recognition.learning.recogniser_objectives import build_objective
from pipeline.recognition.learning.recognising import predict
from pipeline.recognition.learning.retrieval import search
from pipeline.recognition.learning.trained_recogniser import facts_of
from pipeline.running.outputs import new_file
from pipeline.running.training_record import training_run
from pipeline.settings.params import Recipe
from pipeline.training.checkpoints import CheckpointFile, digest_of, digest_of_code
from pipeline.training.choosing import choose_way
from pipeline.training.loop import CurvePoint, Training, TrainingStoppedError
from pipeline.training.network_cost import sample_multiply_adds
from pipeline.training.running import run_to_end
from pipeline.training.trained_files import write_weights


def learn(
    *,
    recogniser: str,
    model: Recogniser,
    recipe: Recipe,
    keep: str,
    labelled: Path,
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
        recogniser: Name of the experiment; initial weights and batches depend on it.
        model: Architecture and size.
        recipe: How to optimise.
        keep: ``last`` or ``best`` weights, those of the highest score on the validation part.
        labelled: Folder of the samples to learn from.
        checkpoints: Folder for the state of the unfinished training, outside of DVC's outputs.
        out: Folder to make: ``weights.safetensors`` and ``card.json``.
        curve: CSV to write: step, loss, score of the training samples and of the validation part,
            learning rate; the score is the accuracy, for pairs on the validation part the mean
            average precision.
        seed: Seed of the params.
        threads: CPU threads to compute with.

    Raises:
        TrainingStoppedError: SIGTERM or Ctrl-C came; the checkpoint is written.
        TrainingDivergedError: The loss or a weight is infinite or not a number.
        BusyTrainingError: Another process trains this experiment.
        ValueError: There are fewer training samples than one batch, the best weights are wanted
            without a validation part, or network, loss and samples do not fit together.
    """
    device = pick_device(threads)
    data = read_labelled(labelled)
    facts = facts_of(data)
    network = build_recogniser(model, facts, seed_of(seed, recogniser, "weights"))
    if isinstance(model, CubeRecogniser):
        _fit_projection(network, model, data)
    network = network.to(device)
    samples = open_samples(data, model, network, device)
    batches = LabelledBatches(
        samples, data, (seed, recogniser), recipe.batch, recipe.augment, device
    )
    objective = build_objective(recipe)
    validate = _validation(samples, data)
    way = choose_way(network, batches, recipe, objective)
    causes = {
        "recogniser": recogniser,
        "model": {"class": type(model).__name__, **model.model_dump()},
        "recipe": recipe.model_dump(),
        "kept": keep,
        "seed": seed,
        "computed": {
            **computed_on(device),
            "precision": way.precision.value,
            "compiled": way.compiled,
        },
    }
    digest = sha256_of_folder(labelled)
    decides = {"data": digest, "code": _code(type(network)), "processor": processor()}
    checkpoint = CheckpointFile(checkpoints, digest_of({**causes, **decides}))
    with checkpoint.owned():
        training = Training(
            network,
            batches,
            recipe,
            way=way,
            checkpoint=checkpoint,
            objective=objective,
            validate=validate,
            keep_best=keep == "best",
        )
        inputs = {"labelled": (labelled, digest)}
        with training_run(recogniser, causes, inputs, TrainingStoppedError) as run:
            run_to_end(
                training,
                recogniser,
                lambda point: run.log_point(point.step, _values(point)),
                unit="samples",
            )
            card = {
                **causes,
                "data": {"labelled": digest},
                "task": read_card(labelled)["task"],
                "train_on": labelled.name,
                "validation": _kept_score(training.curve, keep),
                "split": {
                    "train": len(data.positions(Part.TRAIN)),
                    "validation": len(data.positions(Part.VALIDATION)),
                    "test": len(data.positions(Part.TEST)),
                    "unused": data.samples - int(np.count_nonzero(data.parts)),
                },
                "classes": len(data.classes),
                "multiply_adds": sample_multiply_adds(
                    lambda: build_recogniser(model, facts, seed=0), samples.shape
                ),
            }
            weights = write_weights(training, card, out)
            with new_file(curve) as file:
                write_table(file, RecognisingPoint, map(_row, training.curve))
            run.finish(weights, out, curve)
        training.checkpoint.remove()


def _fit_projection(network: nn.Module, model: CubeRecogniser, data: Labelled) -> None:
    """Find the principal components of a cube, from all its pixels or the training ones."""
    pixels = np.asarray(data.values).reshape(-1, data.values.shape[-1])
    if model.fit_on == "train":
        pixels = pixels[data.positions(Part.TRAIN)]
    fit: Callable[[torch.Tensor], None] = network.fit  # type: ignore[assignment]
    fit(torch.from_numpy(np.ascontiguousarray(pixels)))


def _validation(samples: Samples, data: Labelled) -> Callable[[nn.Module], float] | None:
    """Return what scores a network on the validation part, if there is one."""
    positions = data.positions(Part.VALIDATION)
    if not len(positions):
        return None
    labels = data.labels.ravel()[positions]

    def score(network: nn.Module) -> float:
        if data.kind == "features":
            found = search(network, samples, positions, labels)
            return float(np.mean([precisions.mean() for precisions in found.values()]))
        return float(np.mean(predict(network, samples, positions) == labels))

    return score


def _kept_score(curve: Sequence[CurvePoint], keep: str) -> float | None:
    """Return what the kept weights scored on the validation part, if there is one."""
    scores = [point.validation for point in curve if point.validation is not None]
    return None if not scores else max(scores) if keep == "best" else scores[-1]


def _values(point: CurvePoint) -> dict[str, float]:
    values = {
        "train/loss": point.loss,
        "train/score": point.score,
        "train/learning_rate": point.learning_rate,
    }
    return values if point.validation is None else {**values, "validation/score": point.validation}


def _row(point: CurvePoint) -> RecognisingPoint:
    return RecognisingPoint(
        step=point.step,
        loss=point.loss,
        accuracy_train=point.score,
        accuracy_validation=point.validation,
        learning_rate=point.learning_rate,
    )


def _code(network: type[nn.Module]) -> str:
    """Return a checksum of the code that a checkpoint belongs to."""
    return digest_of_code(
        learn,
        network,
        pipeline.arrays,
        pipeline.machine,
        pipeline.models.parts,
        pipeline.models.recogniser_parts,
        pipeline.recognition.labelled,
        pipeline.recognition.learning,
        pipeline.recognition.scoring,
        pipeline.training,
    )


if __name__ == "__main__":
    run_stage(learn)
