import math
from typing import Any, get_args

import pytest
import torch
from torch import nn

from pipeline.settings.params import (
    Adam,
    Clip,
    Constant,
    Cosine,
    Linear,
    MultiStep,
    Muon,
    NoClip,
    NormClip,
    Optimiser,
    Recipe,
    Schedule,
    Sgd,
    ValueOverRateClip,
)
from pipeline.training.optimisation import build_optimiser, clip_gradients, learning_rate

pytestmark = pytest.mark.usefixtures("one_thread")


def recipe(schedule: Schedule, steps: int = 100, rate: float = 0.5) -> Recipe:
    return Recipe(
        steps=steps,
        batch=1,
        loss="mse",
        optimiser=Adam(kind="adam", betas=[0.9, 0.999], weight_decay=0.0),
        learning_rate=rate,
        schedule=schedule,
        clip=NoClip(kind="none"),
        precision="float32",
        compile="never",
        augment=False,
        log_every=1,
        checkpoint_every=1,
    )


def kinds(union: Any) -> tuple[type, ...]:
    """Return the classes of a discriminated union."""
    return get_args(get_args(union)[0])


def network_with_gradients(*values: float) -> nn.Module:
    """Return a network with one weight matrix and one bias, which have these gradients."""
    network = nn.Linear(len(values) - 1, 1)
    network.weight.grad = torch.tensor([values[:-1]])
    network.bias.grad = torch.tensor([values[-1]])
    return network


def gradients(network: nn.Module) -> list[float]:
    return [
        v for p in network.parameters() if p.grad is not None for v in p.grad.flatten().tolist()
    ]


# -------------------------------------------------------------------------- schedules


EVERY_SCHEDULE: list[Schedule] = [
    Constant(kind="constant"),
    MultiStep(kind="multistep", steps=[30, 60], factor=0.1),
    Cosine(kind="cosine", warmup=10, final=0.01),
    Linear(kind="linear", warmup=10, final=0.01),
]


def test_every_schedule_of_the_params_is_known() -> None:
    assert {type(schedule) for schedule in EVERY_SCHEDULE} == set(kinds(Schedule))


@pytest.mark.parametrize("schedule", EVERY_SCHEDULE)
@pytest.mark.parametrize("steps", [1, 2, 10, 11, 12, 100])
def test_rate_is_positive_and_never_above_the_given_one(schedule: Schedule, steps: int) -> None:
    rates = [learning_rate(recipe(schedule, steps), step) for step in range(steps)]

    assert all(0 < rate <= 0.5 for rate in rates)


def test_constant_rate_stays() -> None:
    chosen = recipe(Constant(kind="constant"))

    assert {learning_rate(chosen, step) for step in range(100)} == {0.5}


def test_multistep_falls_at_the_named_steps() -> None:
    chosen = recipe(MultiStep(kind="multistep", steps=[30, 60], factor=0.1))

    rates = {step: learning_rate(chosen, step) for step in (0, 29, 30, 59, 60, 99)}

    expected = {0: 0.5, 29: 0.5, 30: 0.05, 59: 0.05, 60: 0.005, 99: 0.005}
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize("kind", [Cosine, Linear])
def test_warm_up_climbs_in_equal_steps_to_the_full_rate(kind: Any) -> None:
    chosen = recipe(kind(kind=kind.__name__.lower(), warmup=10, final=0.01))

    rates = [learning_rate(chosen, step) for step in range(12)]

    assert rates[:10] == pytest.approx([0.05 * (step + 1) for step in range(10)])
    assert rates[10] == pytest.approx(0.5)
    assert rates[11] < 0.5


@pytest.mark.parametrize("kind", [Cosine, Linear])
@pytest.mark.parametrize(("warmup", "final"), [(0, 0.01), (10, 0.2)])
def test_last_step_has_the_final_rate(kind: Any, warmup: int, final: float) -> None:
    chosen = recipe(kind(kind=kind.__name__.lower(), warmup=warmup, final=final))

    assert learning_rate(chosen, warmup) == pytest.approx(0.5)
    assert learning_rate(chosen, 99) == pytest.approx(0.5 * final)


@pytest.mark.parametrize("kind", [Cosine, Linear])
def test_halfway_has_the_mean_of_both_ends(kind: Any) -> None:
    chosen = recipe(kind(kind=kind.__name__.lower(), warmup=0, final=0.2), steps=101)

    assert learning_rate(chosen, 50) == pytest.approx(0.5 * (1 + 0.2) / 2)


def test_quarter_of_the_way_tells_cosine_from_line() -> None:
    cosine = recipe(Cosine(kind="cosine", warmup=0, final=0.0), steps=101, rate=1.0)
    line = recipe(Linear(kind="linear", warmup=0, final=0.0), steps=101, rate=1.0)

    assert learning_rate(cosine, 25) == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert learning_rate(line, 25) == pytest.approx(0.75)


# --------------------------------------------------------------------------- clipping


def test_every_kind_of_clipping_of_the_params_is_known() -> None:
    clips: list[Clip] = [
        NoClip(kind="none"),
        NormClip(kind="norm", limit=1.0),
        ValueOverRateClip(kind="value_over_rate", theta=1.0),
    ]

    assert {type(clip) for clip in clips} == set(kinds(Clip))
    for clip in clips:
        clip_gradients(clip, network_with_gradients(1.0, 2.0), 0.1)


def test_no_clipping_leaves_gradients_alone() -> None:
    network = network_with_gradients(300.0, -4.0, 0.5)

    clip_gradients(NoClip(kind="none"), network, 0.1)

    assert gradients(network) == [300.0, -4.0, 0.5]


@pytest.mark.parametrize(("rate", "limit"), [(0.1, 0.1), (0.01, 1.0), (0.001, 10.0)])
def test_values_are_limited_to_theta_over_the_rate(rate: float, limit: float) -> None:
    network = network_with_gradients(300.0, -20.0, limit / 2, -limit / 2)

    clip_gradients(ValueOverRateClip(kind="value_over_rate", theta=0.01), network, rate)

    assert gradients(network) == pytest.approx([limit, -limit, limit / 2, -limit / 2])


def test_norm_of_all_gradients_together_is_limited() -> None:
    network = network_with_gradients(3.0, 0.0, -4.0)

    clip_gradients(NormClip(kind="norm", limit=1.0), network, 0.1)

    assert gradients(network) == pytest.approx([0.6, 0.0, -0.8], rel=1e-5)


def test_norm_below_the_limit_is_left_alone() -> None:
    network = network_with_gradients(3.0, 0.0, -4.0)

    clip_gradients(NormClip(kind="norm", limit=6.0), network, 0.1)

    assert gradients(network) == [3.0, 0.0, -4.0]


# ------------------------------------------------------------------------- optimisers


def stepped(settings: Optimiser, rates: list[float], gradient: float = 2.0) -> float:
    """Return where a weight of 1 is after steps with these rates and one gradient."""
    weight = nn.Parameter(torch.ones(1))
    optimiser = build_optimiser(settings, [weight])
    for rate in rates:
        optimiser.param_groups[0]["lr"] = rate
        weight.grad = torch.full((1,), gradient)
        optimiser.step()
    return weight.item()


def test_every_optimiser_of_the_params_is_known() -> None:
    assert set(kinds(Optimiser)) == {Adam, Muon, Sgd}


def test_sgd_step_by_hand() -> None:
    plain = Sgd(kind="sgd", momentum=0.0, weight_decay=0.0)

    assert stepped(plain, [0.1]) == pytest.approx(1 - 0.1 * 2)


def test_sgd_momentum_by_hand() -> None:
    heavy = Sgd(kind="sgd", momentum=0.9, weight_decay=0.0)

    assert stepped(heavy, [0.1, 0.1]) == pytest.approx(1 - 0.1 * 2 - 0.1 * (0.9 * 2 + 2))


def test_sgd_weight_decay_by_hand() -> None:
    decaying = Sgd(kind="sgd", momentum=0.0, weight_decay=0.5)

    assert stepped(decaying, [0.1]) == pytest.approx(1 - 0.1 * (2 + 0.5 * 1))


@pytest.mark.parametrize("gradient", [2.0, -0.003])
def test_first_step_of_adam_is_the_rate(gradient: float) -> None:
    adam = Adam(kind="adam", betas=[0.9, 0.999], weight_decay=0.0)

    assert stepped(adam, [0.1], gradient) == pytest.approx(1 - math.copysign(0.1, gradient), 1e-4)


def test_betas_and_weight_decay_reach_adam() -> None:
    settings = Adam(kind="adam", betas=[0.5, 0.75], weight_decay=0.125)

    (group,) = build_optimiser(settings, [nn.Parameter(torch.ones(1))]).param_groups

    assert (group["betas"], group["weight_decay"]) == ((0.5, 0.75), 0.125)
