"""Networks that recognise, against their papers: parameters, cost, shapes, and promises."""

import inspect
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.recogniser_parts.recogniser_building import TaskFacts, build_recogniser
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.settings.architectures import RECOGNISERS
from pipeline.training.network_cost import sample_multiply_adds
from tests.unit.recogniser_examples import (
    CIFAR,
    IMAGENET,
    V1_NINE_BLOCKS,
    dscmr,
    hybridsn,
    imagenet_v1,
    imagenet_v2,
    mobilenet_v1,
    mobilenet_v2,
    paper_hybridsn,
    resnet_20,
    resnet_50,
    se_resnet,
    source_v2,
)

pytestmark = pytest.mark.usefixtures("one_thread")

INDIAN_PINES = TaskFacts(classes=16, channels=200)
PASCAL = TaskFacts(classes=20, channels=4096 + 300, image_features=4096)

IMAGE_NETWORKS = {
    "mobilenet_v1": mobilenet_v1(),
    "mobilenet_v1 standard": mobilenet_v1(separable=False),
    "mobilenet_v1 squeezed": mobilenet_v1(squeeze=4),
    "mobilenet_v1 scaled": mobilenet_v1(resolution=0.5),
    "mobilenet_v2": mobilenet_v2(),
    "mobilenet_v2 for 32 pixels": mobilenet_v2(
        activation="relu", projection=True, always_expand=True
    ),
    "mobilenet_v2 squeezed": mobilenet_v2(squeeze=4, dropout=0.2),
    "mobilenet_v2 for ImageNet": mobilenet_v2(stem_stride=2, width=0.5, resolution=0.75),
    "resnet": se_resnet(),
    "se_resnet": se_resnet(squeeze=4),
    "se_resnet of bottlenecks": se_resnet(squeeze=4, bottleneck=True, stem="imagenet"),
}
OTHER_NETWORKS = {
    "hybridsn": (hybridsn(), TaskFacts(5, 20), (8, 9, 9)),
    "hybridsn 2-D": (hybridsn(spectral=[]), TaskFacts(5, 20), (8, 9, 9)),
    "hybridsn 3-D": (hybridsn(spatial=[]), TaskFacts(5, 20), (8, 9, 9)),
    "hybridsn dropping": (hybridsn(dropout=0.4), TaskFacts(5, 20), (8, 9, 9)),
    "dscmr": (dscmr(), TaskFacts(5, 30, image_features=20), (30,)),
}
EVERY_NETWORK = {
    **{name: (settings, TaskFacts(5, 3), (3, 16, 16)) for name, settings in IMAGE_NETWORKS.items()},
    **OTHER_NETWORKS,
}

every_image_network = pytest.mark.parametrize("settings", IMAGE_NETWORKS.values(), ids=str)
every_network = pytest.mark.parametrize("name", EVERY_NETWORK)


def network(settings: Recogniser, facts: TaskFacts = CIFAR, seed: int = 0) -> Any:
    return build_recogniser(settings, facts, seed).eval()


def parameters(settings: Recogniser, facts: TaskFacts) -> int:
    with torch.device("meta"):
        built = build_recogniser(settings, facts, seed=0)
    return sum(weights.numel() for weights in built.parameters())


def cost(settings: Recogniser, facts: TaskFacts, shape: tuple[int, ...]) -> int:
    return sample_multiply_adds(lambda: build_recogniser(settings, facts, seed=0), shape)


def outputs(model: nn.Module, samples: Tensor) -> tuple[Tensor, ...]:
    with torch.no_grad():
        found = model(samples)
    return found if isinstance(found, tuple) else (found,)


# ------------------------------------------------------------------- against the papers


@pytest.mark.parametrize(
    ("settings", "facts", "published"),
    [
        (imagenet_v1(), IMAGENET, 4_231_976),
        (imagenet_v1(width=0.75), IMAGENET, 2_585_560),
        (imagenet_v1(width=0.5), IMAGENET, 1_331_592),
        (imagenet_v1(width=0.25), IMAGENET, 470_072),
        (imagenet_v1(stem_stride=1), CIFAR, 3_217_226),
        (imagenet_v1(stem_stride=1, blocks=V1_NINE_BLOCKS), CIFAR, 2_142_026),
        (imagenet_v2(), IMAGENET, 3_504_872),
        (source_v2(), CIFAR, 2_296_922),
        (resnet_20(0), CIFAR, 272_474),
        (resnet_20(16), CIFAR, 274_847),
        (resnet_50(0), IMAGENET, 25_557_032),
        (resnet_50(16), IMAGENET, 28_088_024),
        (paper_hybridsn(), INDIAN_PINES, 5_122_176),
        (paper_hybridsn(spectral=[]), INDIAN_PINES, 8_719_696),
        (paper_hybridsn(spatial=[]), INDIAN_PINES, 53_286_976),
        (dscmr(2048, 1024), PASCAL, 11_125_780),
    ],
)
def test_parameters_are_as_many_as_published(
    settings: Recogniser, facts: TaskFacts, published: int
) -> None:
    assert parameters(settings, facts) == published


@pytest.mark.parametrize(
    ("settings", "millions"),
    [
        (imagenet_v1(separable=False), 29.3),
        (imagenet_v1(squeeze=16), 4.7),
        (imagenet_v2(width=1.4), 6.11),
        (imagenet_v2(width=0.35), 1.68),
    ],
)
def test_parameters_are_about_as_many_as_published(settings: Recogniser, millions: float) -> None:
    assert parameters(settings, IMAGENET) / 1e6 == pytest.approx(millions, rel=5e-3)


@pytest.mark.parametrize(
    ("settings", "millions"),
    [
        (imagenet_v1(), 569),
        (imagenet_v1(width=0.75), 325),
        (imagenet_v1(width=0.5), 149),
        (imagenet_v1(width=0.25), 41),
        (imagenet_v1(resolution=192 / 224), 418),
        (imagenet_v1(resolution=160 / 224), 290),
        (imagenet_v1(resolution=128 / 224), 186),
        (imagenet_v1(separable=False), 4866),
        (imagenet_v2(width=1.4), 582),
        (imagenet_v2(), 300),
        (imagenet_v2(width=0.75), 209),
        (imagenet_v2(width=0.5), 97),
        (imagenet_v2(width=0.35), 59),
        (resnet_50(0), 4089),
    ],
)
def test_an_image_costs_the_published_multiply_adds(settings: Recogniser, millions: int) -> None:
    assert cost(settings, IMAGENET, (3, 224, 224)) / 1e6 == pytest.approx(millions, rel=5e-3)


def test_multiply_adds_are_those_of_every_layer() -> None:
    facts = TaskFacts(classes=5, channels=3)
    settings = mobilenet_v1(width=1.0, blocks=[[64, 2]])

    stem, depthwise, pointwise = 27 * 32 * 16 * 16, 9 * 32 * 8 * 8, 32 * 64 * 8 * 8
    assert cost(settings, facts, (3, 16, 16)) == stem + depthwise + pointwise + 64 * 5
    assert cost(dscmr(24, 10), TaskFacts(5, 30, 20), (30,)) == 30 * 24 + 2 * (240 + 50)


# --------------------------------------------------------------------- what all promise


@pytest.mark.parametrize("arch", RECOGNISERS)
def test_a_network_takes_what_its_settings_give(arch: str) -> None:
    examples = [settings for settings, _, _ in EVERY_NETWORK.values()]
    settings = next(one for one in examples if type(one) is RECOGNISERS[arch])
    module = import_module(f"pipeline.models.{arch}.network")

    taken = inspect.signature(getattr(module, type(settings).__name__)).parameters.values()

    keywords = {one.name for one in taken if one.kind is inspect.Parameter.KEYWORD_ONLY}
    assert keywords == set(settings.options)


@every_image_network
@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (10, 3), (7, 5)])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (8, 8), (25, 32)])
def test_images_of_every_size_get_a_logit_a_class(
    settings: Recogniser, classes: int, channels: int, size: tuple[int, int]
) -> None:
    model = network(settings, TaskFacts(classes, channels))

    (logits,) = outputs(model, torch.rand(3, channels, *size))

    assert logits.shape == (3, classes)
    assert torch.isfinite(logits).all()


@every_image_network
def test_features_are_what_the_classifier_takes(settings: Recogniser) -> None:
    model = network(settings)
    images = torch.rand(3, 3, 16, 16)

    with torch.no_grad():
        features = model.features(images)
        logits = model(images)

    assert features.shape == (3, model.classifier.in_features)
    assert torch.equal(model.classifier(features), logits)


@every_network
def test_evaluation_gives_each_sample_the_same_whatever_is_beside_it(name: str) -> None:
    settings, facts, shape = EVERY_NETWORK[name]
    model = network(settings, facts)
    samples = torch.rand(4, *shape)

    together, again, alone = (
        outputs(model, samples),
        outputs(model, samples),
        outputs(model, samples[1:2]),
    )

    for one, other, single in zip(together, again, alone, strict=True):
        assert torch.equal(one, other)
        assert torch.allclose(one[1:2], single, atol=1e-6)


@every_network
def test_evaluation_changes_nothing(name: str) -> None:
    settings, facts, shape = EVERY_NETWORK[name]
    model = network(settings, facts)
    before = {key: value.clone() for key, value in model.state_dict().items()}

    outputs(model, torch.rand(4, *shape))

    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@every_network
def test_every_weight_is_used(name: str) -> None:
    settings, facts, shape = EVERY_NETWORK[name]
    model = network(settings, facts).train()
    torch.manual_seed(0)
    found = model(torch.rand(16, *shape))

    # Squares: a sum of normalised features would have no gradient.
    sum(one.square().sum() for one in (found if isinstance(found, tuple) else [found])).backward()

    without = [
        key
        for key, weights in model.named_parameters()
        if weights.grad is None or not weights.grad.any()
    ]
    assert without == []


@every_network
def test_the_seed_decides_the_first_weights(name: str) -> None:
    settings, facts, _ = EVERY_NETWORK[name]
    drawn = torch.random.get_rng_state()
    state, again, other = (network(settings, facts, seed).state_dict() for seed in (1, 1, 2))

    assert all(torch.equal(state[key], again[key]) for key in state)
    assert any(not torch.equal(state[key], other[key]) for key in state)
    assert torch.equal(torch.random.get_rng_state(), drawn)


@every_network
def test_a_state_makes_another_network_the_same(name: str) -> None:
    settings, facts, shape = EVERY_NETWORK[name]
    model, other = network(settings, facts, 1), network(settings, facts, 2)
    samples = torch.rand(2, *shape)

    other.load_state_dict(model.state_dict())

    for one, same in zip(outputs(model, samples), outputs(other, samples), strict=True):
        assert torch.equal(one, same)


@every_image_network
def test_a_network_learns_what_tells_stripes_from_columns(settings: Recogniser) -> None:
    model = network(settings, TaskFacts(classes=2, channels=3)).train()
    generator = torch.Generator().manual_seed(0)
    wave = torch.sin(torch.arange(16) * 2.0)
    labels = torch.arange(32) % 2
    images = torch.where(labels[:, None, None] == 0, wave[:, None], wave[None, :])
    images = (0.5 + 0.3 * images)[:, None] + 0.1 * torch.randn(32, 3, 16, 16, generator=generator)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)

    for _ in range(15):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    assert loss.item() < 0.2
