"""What networks that recognise learn: losses by hand and from their formulae, and scores."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.machine.precision import Precision
from pipeline.models.recogniser_parts.recogniser_building import TaskFacts, build_recogniser
from pipeline.recognition.learning.recogniser_objectives import (
    Classification,
    CrossModal,
    build_objective,
)
from pipeline.settings.tasks import DscmrLoss
from pipeline.training.step import NoSmallerStepError, Step, Way
from tests.recognition_data import DSCMR_LOSS, MODELS, recipe_of

pytestmark = pytest.mark.usefixtures("one_thread")

Floats = NDArray[np.float64]

LABELS = torch.tensor([0, 2, 1, 0, 2])


def weights(label: float = 0, discrimination: float = 0, invariance: float = 0) -> DscmrLoss:
    return DscmrLoss(
        kind="dscmr",
        label=float(label),
        discrimination=float(discrimination),
        invariance=float(invariance),
    )


def output() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return representations and scores of five pairs of three classes."""
    rng = torch.Generator().manual_seed(0)
    image, text = (torch.randn(5, 4, generator=rng) for _ in range(2))
    image_scores, text_scores = (torch.randn(5, 3, generator=rng) for _ in range(2))
    return image, text, image_scores, text_scores


# ------------------------------------------------------------------------ classification


def test_cross_entropy_and_accuracy_by_hand() -> None:
    scores = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.5, 0.25, 0.25]]))
    labels = torch.tensor([0, 2, 1])

    loss, right = Classification()(scores, labels)

    assert loss.item() == pytest.approx(-np.log([0.7, 0.6, 0.25]).mean())
    assert right.item() == pytest.approx(2 / 3)
    assert not right.requires_grad


def test_scores_of_any_size_are_the_same_where_their_differences_are() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0]])

    losses = [Classification()(scores + shift, LABELS[:1])[0].item() for shift in (0, 1000)]

    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_the_score_is_the_share_recognised() -> None:
    objective = Classification()

    assert objective.score(0.25) == 0.25
    assert objective.shown(0.256) == "25.6 %"


def test_classification_refuses_what_is_no_scores() -> None:
    with pytest.raises(TypeError, match="expected scores of classes, came a tuple"):
        Classification()(output(), LABELS)


# --------------------------------------------------------------------------------- DSCMR


def as_numpy(*tensors: Tensor) -> list[Floats]:
    return [one.numpy().astype(np.float64) for one in tensors]


def lengths(rows: Floats) -> Floats:
    result: Floats = np.sqrt((rows**2).sum(axis=1))
    return result


def j1(image_scores: Floats, text_scores: Floats, labels: NDArray[np.int64]) -> float:
    wanted = np.eye(3)[labels]
    return float(lengths(image_scores - wanted).mean() + lengths(text_scores - wanted).mean())


def j2(image: Floats, text: Floats, labels: NDArray[np.int64]) -> float:
    total = 0.0
    for one, other in ((image, image), (image, text), (text, text)):
        for row, label in zip(one, labels, strict=True):
            for column, other_label in zip(other, labels, strict=True):
                cosine = row @ column / np.sqrt(row @ row) / np.sqrt(column @ column)
                same = 1 / (1 + np.exp(-cosine / 2))
                likelihood = same if label == other_label else 1 - same
                total -= np.log(likelihood) / len(labels) ** 2
    return total


def j3(image: Floats, text: Floats) -> float:
    return float(lengths(image - text).mean())


@pytest.mark.parametrize(
    ("label", "discrimination", "invariance"),
    [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0.001, 0.1), (0.5, 2, 3), (0, 2, 3), (0.5, 0, 3)],
)
def test_losses_of_dscmr_are_those_of_the_formulae(
    label: float, discrimination: float, invariance: float
) -> None:
    image, text, image_scores, text_scores = as_numpy(*output())
    labels = LABELS.numpy()

    loss, _ = CrossModal(weights(label, discrimination, invariance))(output(), LABELS)

    expected = label * j1(image_scores, text_scores, labels)
    expected += discrimination * j2(image, text, labels)
    expected += invariance * j3(image, text)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_a_weight_of_0_removes_its_term_even_where_it_is_infinite() -> None:
    image, text, image_scores, text_scores = output()
    infinite = torch.full((5, 4), torch.inf)

    without_label, _ = CrossModal(weights(0, 1, 1))(
        (image, text, infinite[:, :3], text_scores), LABELS
    )
    label_alone, _ = CrossModal(weights(1))((infinite, text, image_scores, text_scores), LABELS)

    assert torch.isfinite(without_label)
    assert torch.isfinite(label_alone)


def test_without_any_term_there_is_nothing_to_lower() -> None:
    loss, _ = CrossModal(weights())(output(), LABELS)

    assert loss.item() == 0


def test_accuracy_of_pairs_is_that_of_images_and_texts_together() -> None:
    image, text, _, _ = output()
    image_scores = torch.nn.functional.one_hot(LABELS, 3).float()  # five right
    text_scores = torch.nn.functional.one_hot(torch.zeros_like(LABELS), 3).float()  # two right

    _, right = CrossModal(weights(1))((image, text, image_scores, text_scores), LABELS)

    assert right.item() == pytest.approx((5 / 5 + 2 / 5) / 2)
    assert not right.requires_grad


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradients_are_finite_where_images_and_texts_are_equal(value: float) -> None:
    image, text = (torch.full((5, 4), value, requires_grad=True) for _ in range(2))
    wanted = torch.nn.functional.one_hot(LABELS, 3).float()
    scores = [wanted.clone().requires_grad_() for _ in range(2)]

    loss, _ = CrossModal(weights(1, 1, 1))((image, text, *scores), LABELS)
    loss.backward()  # type: ignore[no-untyped-call]

    for one in (image, text, *scores):
        assert one.grad is not None
        assert torch.isfinite(one.grad).all()


def test_dscmr_refuses_what_is_no_pairs() -> None:
    with pytest.raises(TypeError, match="expected images and texts, came a Tensor"):
        CrossModal(weights(1))(output()[0], LABELS)


# -------------------------------------------------------------------------------- choice


@pytest.mark.parametrize(
    ("loss", "kind"), [("cross_entropy", Classification), (DSCMR_LOSS, CrossModal)]
)
def test_the_recipe_says_what_is_learnt(loss: Any, kind: type) -> None:
    assert isinstance(build_objective(recipe_of(MODELS["dscmr"], loss=loss)), kind)


def test_losses_of_restoration_are_refused() -> None:
    with pytest.raises(ValueError, match=r"networks that recognise, .*came mse"):
        build_objective(recipe_of(MODELS["dscmr"], loss="mse"))


def test_a_batch_of_pairs_does_not_go_in_parts() -> None:
    network = build_recogniser(MODELS["dscmr"], TaskFacts(3, 9, 5), seed=0)
    recipe = recipe_of(MODELS["dscmr"])
    way = Way(Precision.FLOAT32, compiled=False)

    with pytest.raises(NoSmallerStepError, match="and the loss needs all of a batch at once"):
        Step(network, recipe, way, build_objective(recipe)).shrink()


def test_a_batch_that_is_classified_goes_in_parts_to_the_same_step() -> None:
    recipe = recipe_of(MODELS["hybridsn"], optimiser=SGD)
    whole, parts = (
        Step(
            torch.nn.Linear(4, 3), recipe, Way(Precision.FLOAT32, compiled=False), Classification()
        )
        for _ in range(2)
    )
    parts.network.load_state_dict(whole.network.state_dict())
    samples, labels = torch.randn(4, 4), LABELS[:4]

    assert parts.shrink() == "the batch of 4 goes in parts of 2"
    for step in (whole, parts):
        step.take(samples, labels, 0.1)

    assert torch.allclose(whole.network.weight, parts.network.weight, atol=1e-6)  # type: ignore[arg-type]
    assert torch.allclose(whole.sums, parts.sums)


SGD = {"kind": "sgd", "momentum": 0.0, "weight_decay": 0.0}
