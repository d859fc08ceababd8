"""Trainings of networks that recognise: validation, the best weights, and resuming."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from pipeline.machine.precision import Precision
from pipeline.recognition.labelled.samples import Part
from pipeline.recognition.learning.gathering import open_samples
from pipeline.recognition.learning.labelled_batches import LabelledBatches
from pipeline.recognition.learning.recogniser_objectives import build_objective
from pipeline.recognition.learning.recognising import predict
from pipeline.recognition.learning.retrieval import search
from pipeline.settings.architectures import RECOGNISERS
from pipeline.settings.params import Recipe
from pipeline.training.checkpoints import CheckpointFile, digest_of
from pipeline.training.loop import Training, TrainingStoppedError
from pipeline.training.step import Way
from tests.recognition_data import CPU, MODELS, TASKS, network_of, recipe_of

pytestmark = pytest.mark.usefixtures("one_thread")

Validate = Callable[[nn.Module], float]


def training(
    folder: Path,
    arch: str = "mobilenet_v1",
    recipe: Recipe | None = None,
    validate: Validate | None = None,
    *,
    keep_best: bool = False,
) -> Training:
    settings = MODELS[arch]
    recipe = recipe or recipe_of(settings)
    data = TASKS[settings.takes]()
    network = network_of(settings, data)
    samples = open_samples(data, settings, network, CPU)
    return Training(
        network,
        LabelledBatches(samples, data, (0, "e"), recipe.batch, recipe.augment, CPU),
        recipe,
        way=Way(Precision.FLOAT32, compiled=False),
        checkpoint=CheckpointFile(folder, digest_of({"arch": arch})),
        objective=build_objective(recipe),
        validate=validate,
        keep_best=keep_best,
    )


def recognises(arch: str) -> Validate:
    """Return what scores a network on the validation part of its task."""
    settings = MODELS[arch]
    data = TASKS[settings.takes]()
    samples = open_samples(data, settings, network_of(settings, data), CPU)
    positions = data.positions(Part.VALIDATION)
    labels = data.labels.ravel()[positions]

    def score(network: nn.Module) -> float:
        if settings.takes == "features":
            found = search(network, samples, positions, labels)
            return float(np.mean([one.mean() for one in found.values()]))
        return float(np.mean(predict(network, samples, positions) == labels))

    return score


def run(
    started: Training,
    stop_after: int | None = None,
    on_step: Callable[[int], None] = lambda _: None,
) -> Training:
    started.run(on_step, lambda _: None, lambda: started.step == stop_after)
    return started


def state_of(network: nn.Module) -> str:
    """Return a checksum of all weights and statistics."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


class Scripted:
    """Gives scores that were written before, and remembers the networks that got them."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = scores
        self.states: list[str] = []
        self.in_training: list[bool] = []

    def __call__(self, network: nn.Module) -> float:
        self.in_training += [module.training for module in network.modules()]
        self.states.append(state_of(network))
        return self.scores[len(self.states) - 1]


# ---------------------------------------------------------------------------- validation


def test_validation_is_asked_at_each_point_in_evaluation_mode(tmp_path: Path) -> None:
    validate = Scripted([0.1, 0.3, 0.2, 0.4])

    done = run(
        training(tmp_path, recipe=recipe_of(MODELS["mobilenet_v1"], steps=7), validate=validate)
    )

    assert [point.step for point in done.curve] == [2, 4, 6, 7]
    assert [point.validation for point in done.curve] == validate.scores
    assert validate.in_training
    assert not any(validate.in_training)


def test_training_goes_on_in_training_mode(tmp_path: Path) -> None:
    started = training(tmp_path, validate=recognises("mobilenet_v1"))
    modes: list[bool] = []

    run(started, on_step=lambda _: modes.extend(one.training for one in started.network.modules()))

    assert modes
    assert all(modes)


@pytest.mark.parametrize("arch", MODELS)
def test_validation_does_not_change_the_result(tmp_path: Path, arch: str) -> None:
    without = run(training(tmp_path / "one", arch))
    with_it = run(training(tmp_path / "other", arch, validate=recognises(arch)))

    assert state_of(without.network) == state_of(with_it.network)
    assert [point.validation for point in without.curve] == [None, None, None]


def test_curve_has_the_share_of_the_training_samples_that_was_recognised(tmp_path: Path) -> None:
    recipe = recipe_of(MODELS["mobilenet_v1"], batch=12, log_every=1)

    done = run(training(tmp_path, recipe=recipe))

    twelfths = [12 * point.score for point in done.curve]
    assert twelfths == pytest.approx([round(one) for one in twelfths], abs=1e-5)
    assert all(0 <= one <= 12 for one in twelfths)


@pytest.mark.parametrize("arch", MODELS)
def test_networks_learn(tmp_path: Path, arch: str) -> None:
    recipe = recipe_of(MODELS[arch], steps=60, log_every=15, augment=False)

    curve = run(training(tmp_path, arch, recipe)).curve

    assert curve[-1].loss < 0.75 * curve[0].loss
    assert curve[-1].score > 0.7


# ---------------------------------------------------------------------- the best weights


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([0.2, 0.9, 0.5, 0.1], 1),
        ([0.2, 0.9, 0.9, 0.9], 1),
        ([0.0, 0.0, 0.0, 0.0], 0),
        ([0.1, 0.2, 0.3, 0.4], 3),
        ([0.9, 0.2, 0.8, 0.9], 0),
    ],
)
def test_weights_of_the_first_of_the_best_points_are_kept(
    tmp_path: Path, scores: list[float], best: int
) -> None:
    validate = Scripted(scores)
    recipe = recipe_of(MODELS["mobilenet_v1"], steps=8)

    done = run(training(tmp_path, recipe=recipe, validate=validate, keep_best=True))

    assert len(set(validate.states)) == 4
    assert state_of(done.network) == validate.states[best]


def test_last_weights_are_kept_where_the_best_are_not_asked_for(tmp_path: Path) -> None:
    validate = Scripted([0.9, 0.5, 0.1])

    done = run(training(tmp_path, validate=validate))

    assert state_of(done.network) == validate.states[-1]


def test_keeping_the_best_changes_no_point_of_the_curve(tmp_path: Path) -> None:
    last, best = (
        run(training(tmp_path / name, validate=Scripted([0.9, 0.5, 0.1]), keep_best=name == "best"))
        for name in ("last", "best")
    )

    assert last.curve == best.curve
    assert state_of(last.network) != state_of(best.network)


def test_nothing_is_best_without_a_validation(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="something to validate on where the best weights"):
        training(tmp_path, keep_best=True)


# ------------------------------------------------------------------------------ resuming


@pytest.mark.parametrize("keep_best", [False, True], ids=["last", "best"])
@pytest.mark.parametrize("arch", RECOGNISERS)
def test_training_that_was_stopped_at_every_step_ends_with_the_same_weights_and_curve(
    tmp_path: Path, arch: str, keep_best: bool
) -> None:
    validate = recognises(arch)
    undisturbed = run(training(tmp_path / "one", arch, validate=validate, keep_best=keep_best))

    for stop_after in range(6):
        stopped = training(tmp_path / "other", arch, validate=validate, keep_best=keep_best)
        with pytest.raises(TrainingStoppedError, match=f"after {stop_after} of 6 steps"):
            run(stopped, stop_after)
    resumed = run(training(tmp_path / "other", arch, validate=validate, keep_best=keep_best))

    assert state_of(resumed.network) == state_of(undisturbed.network)
    assert resumed.curve == undisturbed.curve


@pytest.mark.parametrize("step", range(1, 7))
@pytest.mark.parametrize("arch", ["mobilenet_v2", "hybridsn"])
def test_training_that_crashed_at_any_step_ends_with_the_same_weights(
    tmp_path: Path, arch: str, step: int
) -> None:
    def crash(done: int) -> None:
        if done == step:
            raise ConnectionError

    def fresh(name: str) -> Training:
        return training(tmp_path / name, arch, validate=recognises(arch), keep_best=True)

    undisturbed = run(fresh("one"))

    with pytest.raises(ConnectionError):
        run(fresh("other"), on_step=crash)
    resumed = fresh("other")
    begun_at = resumed.step
    run(resumed)

    assert begun_at == (0 if step <= 3 else 3)
    assert state_of(resumed.network) == state_of(undisturbed.network)
    assert resumed.curve == undisturbed.curve


@pytest.mark.parametrize("stop_after", [4, 5])
def test_best_weights_from_before_an_interruption_are_kept(tmp_path: Path, stop_after: int) -> None:
    first, second = Scripted([0.9, 0.5]), Scripted([0.5])
    with pytest.raises(TrainingStoppedError):
        run(training(tmp_path, validate=first, keep_best=True), stop_after)

    resumed = run(training(tmp_path, validate=second, keep_best=True))

    assert state_of(resumed.network) == first.states[0]
    assert [point.validation for point in resumed.curve] == [0.9, 0.5, 0.5]


def test_small_networks_of_the_tests_are_all_there_are() -> None:
    assert set(MODELS) == set(RECOGNISERS)
    dropping: dict[str, Any] = {
        arch: getattr(settings, "dropout", 0) for arch, settings in MODELS.items()
    }
    assert [arch for arch, share in dropping.items() if share] == ["mobilenet_v2", "hybridsn"]
