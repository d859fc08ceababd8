"""What a training learns: losses by hand, and the scores that people watch."""

from typing import get_args

import pytest
import torch

from pipeline.settings.params import Adam, Constant, NoClip, Recipe
from pipeline.settings.tasks import DscmrLoss
from pipeline.training.objectives import LOSSES, Restoration

RESTORED = torch.tensor([1.0, 2.0, 0.0, 0.0]).reshape(2, 1, 1, 2)
CLEAN = torch.tensor([0.0, 0.0, 0.0, 4.0]).reshape(2, 1, 1, 2)


def test_every_loss_of_the_params_is_known() -> None:
    (named,) = (
        set(get_args(part))
        for part in get_args(Recipe.model_fields["loss"].annotation)
        if get_args(part)
    )

    assert {*LOSSES, "cross_entropy"} == named


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        ("mse", (1 + 4 + 16) / 4),
        ("l1", (1 + 2 + 4) / 4),
        ("half_sse", 0.5 * (1 + 4 + 16) / 2),
    ],
)
def test_losses_by_hand(loss: str, value: float) -> None:
    assert LOSSES[loss](RESTORED, CLEAN).item() == pytest.approx(value)


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_of_equal_images_is_zero(loss: str) -> None:
    assert LOSSES[loss](CLEAN, CLEAN.clone()).item() == 0


def recipe(loss: object) -> Recipe:
    return Recipe.model_validate(
        {
            "steps": 1,
            "batch": 1,
            "loss": loss,
            "optimiser": Adam(kind="adam", betas=[0.9, 0.999], weight_decay=0.0),
            "learning_rate": 1e-3,
            "schedule": Constant(kind="constant"),
            "clip": NoClip(kind="none"),
            "precision": "float32",
            "compile": "never",
            "augment": False,
            "log_every": 1,
            "checkpoint_every": 1,
        }
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_restoring_measures_the_loss_and_the_squares_of_a_batch(loss: str) -> None:
    found, squares = Restoration(recipe(loss))(RESTORED, CLEAN)

    assert found.item() == LOSSES[loss](RESTORED, CLEAN).item()
    assert squares.item() == pytest.approx((1 + 4 + 16) / 4)


def test_the_score_of_restoring_is_psnr_in_decibels() -> None:
    objective = Restoration(recipe("mse"))

    assert objective.score(0.01) == pytest.approx(20.0)
    assert objective.shown(objective.score(0.01)) == "20.00 dB"
    assert objective.score(0.0) == pytest.approx(120.0)


@pytest.mark.parametrize(
    "loss",
    ["cross_entropy", DscmrLoss(kind="dscmr", label=1.0, discrimination=0.001, invariance=0.1)],
)
def test_restoring_refuses_losses_of_recognition(loss: object) -> None:
    with pytest.raises(ValueError, match="expected a loss for networks that restore, one of mse"):
        Restoration(recipe(loss))


def test_restoring_refuses_what_is_no_image() -> None:
    with pytest.raises(TypeError, match="expected restored patches, came a tuple"):
        Restoration(recipe("mse"))((RESTORED,), CLEAN)
