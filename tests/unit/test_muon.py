"""Muon: which weights it moves, how far, and that it is the one that others wrote."""

import math

import pytest
import torch
from torch import Tensor, nn

from pipeline.settings import params
from pipeline.training.muon import Muon, is_within, orthogonalised
from pipeline.training.optimisation import build_optimiser

SETTINGS = params.Muon(kind="muon", momentum=0.95, betas=[0.9, 0.999])


def gradients(*shape: int, steps: int = 4) -> list[Tensor]:
    source = torch.Generator().manual_seed(3)
    return [torch.randn(*shape, generator=source) for _ in range(steps)]


def moved(start: Tensor, steps: list[Tensor], rate: float = 0.01) -> Tensor:
    """Return where a kernel is after steps with these gradients."""
    kernel = nn.Parameter(start.clone(memory_format=torch.preserve_format))
    optimiser = Muon([kernel], momentum=0.95)
    for gradient in steps:
        optimiser.param_groups[0]["lr"] = rate
        kernel.grad = gradient.clone(memory_format=torch.preserve_format)
        optimiser.step()
    return kernel.detach()


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (16, 16)])
def test_every_direction_of_an_update_counts_about_the_same(shape: tuple[int, int]) -> None:
    rows, columns = shape
    scales = torch.logspace(0, -1, columns)  # the directions of the gradient differ by ten

    found = orthogonalised(torch.stack(gradients(rows, columns)) * scales)

    values = torch.linalg.svdvals(found)
    assert values.min() > 0.4
    assert values.max() < 1.3


@pytest.mark.parametrize("shape", [(8, 24), (24, 8)])
def test_moves_a_matrix_as_the_muon_of_torch_does(shape: tuple[int, int]) -> None:
    steps = gradients(*shape)
    expected = nn.Parameter(torch.ones(shape))
    theirs = torch.optim.Muon(
        [expected], lr=0.01, momentum=0.95, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    for gradient in steps:
        expected.grad = gradient.clone()
        theirs.step()  # type: ignore[no-untyped-call]

    ours = moved(torch.ones(shape), steps)

    # Theirs iterates in bfloat16, which has three digits.
    assert (ours - expected).norm() < 0.02 * (expected - 1).norm()


def test_root_mean_square_of_a_step_is_a_fifth_of_the_rate_whatever_the_gradient() -> None:
    start = torch.zeros(32, 32, 3, 3)

    steps = [moved(start, [scale * gradients(32, 32, 3, 3)[0]]) for scale in (1e-6, 1.0, 1e6)]

    for step in steps:
        assert step.square().mean().sqrt() == pytest.approx(0.2 * 0.01, rel=0.15)


def test_order_of_a_kernel_in_memory_changes_no_bit() -> None:
    start, steps = torch.ones(8, 6, 3, 3), gradients(8, 6, 3, 3)

    last = {"memory_format": torch.channels_last}
    turned = moved(start.to(**last), [step.to(**last) for step in steps])  # type: ignore[call-overload]

    assert torch.equal(turned, moved(start, steps))


def test_kernels_of_one_shape_do_not_meet() -> None:
    first, second = gradients(8, 6, 3, 3, steps=2)
    kernels = [nn.Parameter(torch.zeros(8, 6, 3, 3)) for _ in range(2)]
    optimiser = Muon(kernels, momentum=0.95)
    for kernel, gradient in zip(kernels, (first, second), strict=True):
        kernel.grad = gradient

    optimiser.param_groups[0]["lr"] = 0.01
    optimiser.step()

    for kernel, gradient in zip(kernels, (first, second), strict=True):
        alone = moved(torch.zeros(8, 6, 3, 3), [gradient])
        torch.testing.assert_close(kernel.detach(), alone)


@pytest.mark.parametrize(
    ("shape", "within"),
    [
        ((20, 20, 3, 3), True),
        ((40, 20, 2, 2), True),
        ((8, 16, 3, 3, 3), True),
        ((20, 1, 3, 3), False),  # from a gray image, and depthwise
        ((20, 4, 3, 3), False),  # from colours and a noise map
        ((3, 20, 3, 3), False),  # to an image
        ((20,), False),  # a bias
    ],
)
def test_weights_from_features_to_features_are_within(shape: tuple[int, ...], within: bool) -> None:
    assert is_within(nn.Parameter(torch.zeros(shape))) is within


def test_adam_moves_what_is_not_within() -> None:
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 1, 3))
    before = [weights.clone() for weights in network.parameters()]
    optimiser = build_optimiser(SETTINGS, network.parameters())
    for group in optimiser.param_groups:
        group["lr"] = 0.01

    network(torch.ones(1, 1, 9, 9)).sum().backward()
    optimiser.step()

    first, _, middle, *_ = (
        (weights - old).abs().max().item()
        for weights, old in zip(network.parameters(), before, strict=True)
    )
    assert first == pytest.approx(0.01, rel=1e-3)  # the first step of Adam is the rate
    assert middle < 0.2 * 0.01 * math.sqrt(8 * 9)


@pytest.mark.parametrize("shape", [(1, 1, 3, 3), (8, 8, 3, 3)])
def test_a_network_may_have_weights_of_one_kind_only(shape: tuple[int, ...]) -> None:
    weights = nn.Parameter(torch.zeros(shape))
    optimiser = build_optimiser(SETTINGS, [weights])
    weights.grad = torch.ones(shape)

    optimiser.step()

    assert weights.abs().min() > 0


def test_state_is_that_of_both() -> None:
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3))
    optimiser = build_optimiser(SETTINGS, network.parameters())
    network(torch.ones(1, 1, 9, 9)).sum().backward()
    optimiser.step()
    other = build_optimiser(SETTINGS, network.parameters())

    other.load_state_dict(optimiser.state_dict())

    kept, loaded = optimiser.state_dict()["together"], other.state_dict()["together"]
    assert [sorted(part["state"]) for part in kept] == [sorted(part["state"]) for part in loaded]
    assert torch.equal(kept[0]["state"][0]["mean"], loaded[0]["state"][0]["mean"])
    assert torch.equal(kept[1]["state"][0]["exp_avg"], loaded[1]["state"][0]["exp_avg"])
