"""Dropout that a resumed training repeats."""

import pytest
import torch
from torch import nn

from pipeline.models.parts.dropout import Dropout

pytestmark = pytest.mark.usefixtures("one_thread")


def dropout(seed: int) -> Dropout:
    torch.manual_seed(seed)
    return Dropout(0.3).train()


def test_a_share_is_dropped_and_the_others_make_up_for_it() -> None:
    features = torch.ones(4, 8, 64, 64)

    dropped = dropout(0)(features)

    assert (dropped == 0).float().mean() == pytest.approx(0.3, abs=5e-3)
    assert dropped.mean() == pytest.approx(1, abs=1e-2)
    assert dropped.max() == pytest.approx(1 / 0.7)


def test_masks_have_nothing_in_common() -> None:
    layer, other = dropout(0), dropout(1)
    features = torch.ones(2, 8, 64, 64)
    masks = [layer(features) == 0, layer(features) == 0, other(features) == 0]

    for position, one in enumerate(masks):
        for another in [*masks[position + 1 :], one.roll(1, 3), one.roll(1, 2), one.roll(1, 1)]:
            both = (one & another).float().mean()
            assert both == pytest.approx(0.09, abs=6e-3)


def test_a_layer_that_goes_on_from_its_state_drops_what_the_undisturbed_one_drops() -> None:
    undisturbed, resumed = dropout(0), dropout(1)
    features = torch.rand(2, 4, 8, 8)
    undisturbed(features)
    saved = {name: tensor.clone() for name, tensor in undisturbed.state_dict().items()}
    expected = [undisturbed(features) for _ in range(3)]

    resumed.load_state_dict(saved)
    torch.rand(5)  # random numbers of others

    assert all(torch.equal(resumed(features), one) for one in expected)


def test_dropped_features_get_no_gradient() -> None:
    features = torch.ones(1, 2, 8, 8, requires_grad=True)

    dropped = dropout(0)(features)
    dropped.sum().backward()

    assert features.grad is not None
    assert torch.equal(features.grad, dropped.detach())


def test_dropout_leaves_random_numbers_of_others_alone() -> None:
    layer = dropout(0)
    before = torch.random.get_rng_state()

    nn.Sequential(layer)(torch.ones(1, 1, 4, 4))

    assert torch.equal(torch.random.get_rng_state(), before)
