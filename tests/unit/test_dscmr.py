"""DSCMR: two branches into one space, and a classifier that both share."""

from typing import Any

import pytest
import torch

from pipeline.models.recogniser_parts.recogniser_building import TaskFacts, build_recogniser
from tests.unit.recogniser_examples import dscmr

pytestmark = pytest.mark.usefixtures("one_thread")

FACTS = TaskFacts(classes=5, channels=30, image_features=20)


def network(hidden: int = 24, common: int = 10) -> Any:
    return build_recogniser(dscmr(hidden, common), FACTS, 0).eval()


def test_both_kinds_are_represented_by_their_branch_and_what_they_share() -> None:
    model = network()
    features = torch.randn(6, 30)

    with torch.no_grad():
        found = model(features)
        shared, labels = model.common, model.classifier
        image = (model.image[0].weight @ features[:, :20].T).T + model.image[0].bias
        text = (model.text[0].weight @ features[:, 20:].T).T + model.text[0].bias
        image, text = (shared.weight @ one.clamp(min=0).T for one in (image, text))
        image, text = (one.T + shared.bias for one in (image, text))
        predicted = [one @ labels.weight.T + labels.bias for one in (image, text)]

    for one, expected in zip(found, (image, text, *predicted), strict=True):
        assert torch.allclose(one, expected, atol=1e-6)


@pytest.mark.parametrize(("hidden", "common"), [(24, 10), (7, 3)])
def test_settings_decide_the_length_of_the_layers(hidden: int, common: int) -> None:
    model = network(hidden, common)

    shapes = [tuple(one.shape) for one in model(torch.randn(4, 30))]

    assert shapes == [(4, common), (4, common), (4, 5), (4, 5)]
    assert model.image[0].out_features == model.text[0].out_features == hidden


def test_images_say_nothing_of_texts() -> None:
    model = network()
    features, other = torch.randn(4, 30), torch.randn(4, 30)
    mixed = torch.cat([features[:, :20], other[:, 20:]], dim=1)

    with torch.no_grad():
        image, text, *_ = model(mixed)
        assert torch.equal(image, model(features)[0])
        assert torch.equal(text, model(other)[1])


@pytest.mark.parametrize("image_features", [0, 30, 31])
def test_pairs_have_features_of_both(image_features: int) -> None:
    facts = TaskFacts(classes=5, channels=30, image_features=image_features)

    with pytest.raises(ValueError, match=f"came 30 features, {image_features} of them"):
        build_recogniser(dscmr(), facts, 0)
