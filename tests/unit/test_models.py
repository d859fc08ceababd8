"""Networks against their papers: parameter counts, receptive fields, sizes of the output."""

import inspect
from importlib import import_module
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from pipeline.models import build_model
from pipeline.network_settings import NETWORKS, VDSR, DnCNN, Model, Models, RedNet, RUNet
from pipeline.tiling.folding import fold_normalisation
from pipeline.tiling.halo import measure_halo

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL: dict[str, Model] = {
    "dncnn": DnCNN(channels=1, width=4, depth=5, batch_norm=True),
    "dncnn colour": DnCNN(channels=3, width=4, depth=5, batch_norm=True),
    "dncnn without normalisation": DnCNN(channels=1, width=4, depth=5, batch_norm=False),
    "vdsr": VDSR(channels=1, width=4, depth=5),
    "vdsr colour": VDSR(channels=3, width=4, depth=5),
    "rednet": RedNet(channels=1, width=4, depth=6),
    "rednet colour": RedNet(channels=3, width=4, depth=6),
    "runet": RUNet(channels=1, widths=[4, 6, 8], blocks=[1, 2, 1], noise_map=False),
    "runet colour": RUNet(channels=3, widths=[4, 6, 8], blocks=[1, 2, 1], noise_map=False),
    "runet with a noise map": RUNet(channels=3, widths=[4, 6], blocks=[1, 1], noise_map=True),
}

COUNTS: list[tuple[Model, int]] = [
    (DnCNN(channels=1, width=64, depth=17, batch_norm=True), 556_097),
    (DnCNN(channels=1, width=64, depth=20, batch_norm=True), 667_073),
    (DnCNN(channels=3, width=64, depth=17, batch_norm=True), 558_403),
    (DnCNN(channels=3, width=64, depth=20, batch_norm=True), 669_379),
    (DnCNN(channels=1, width=64, depth=17, batch_norm=False), 555_137),
    (DnCNN(channels=1, width=64, depth=20, batch_norm=False), 665_921),
    (DnCNN(channels=3, width=64, depth=20, batch_norm=False), 668_227),
    (VDSR(channels=1, width=64, depth=20), 665_921),
    (RedNet(channels=1, width=64, depth=10), 296_641),
    (RedNet(channels=1, width=64, depth=20), 665_921),
    (RedNet(channels=1, width=64, depth=30), 1_035_201),
    (RUNet(channels=1, widths=[16, 32, 64], blocks=[1, 1, 1], noise_map=False), 141_057),
    (RUNet(channels=1, widths=[16, 32, 64], blocks=[2, 2, 2], noise_map=False), 261_185),
]
"""Published settings, and how many parameters they have."""


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def channels_of(settings: Model) -> int:
    """Return how many channels the input of a network has, the noise map among them."""
    return settings.input_channels + settings.takes_noise_map


def state(network: nn.Module) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = network.state_dict()
    return weights


def with_history(network: nn.Module) -> nn.Module:
    """Give every batch normalisation the statistics and factors of a long training."""
    source = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for name, low, high in (("weight", 0.5, 1.2), ("bias", -0.2, 0.2)):
                nn.init.uniform_(getattr(module, name), low, high, generator=source)
            for name, low, high in (("running_mean", -0.4, 0.4), ("running_var", 0.8, 2.0)):
                nn.init.uniform_(getattr(module, name), low, high, generator=source)
    return network


# -------------------------------------------------------------------------- the table


@pytest.mark.parametrize("arch", NETWORKS)
def test_network_takes_what_its_settings_hold(arch: str) -> None:
    settings = NETWORKS[arch]

    network = getattr(import_module(f"pipeline.models.{arch}"), settings.__name__)

    assert set(inspect.signature(network).parameters) == set(settings.model_fields)


def test_every_network_is_tested_here() -> None:
    assert {type(model) for model in SMALL.values()} == set(NETWORKS.values())


def test_section_of_an_architecture_holds_its_settings() -> None:
    settings = DnCNN(channels=1, width=8, depth=3, batch_norm=True)

    models = Models.model_validate({"dncnn": {"a": settings.model_dump()}})

    assert models.named("dncnn")["a"] == settings
    assert models.named("vdsr") == {}


# ----------------------------------------------------------------------------- papers


@pytest.mark.parametrize(("settings", "parameters"), COUNTS)
def test_published_settings_have_the_published_parameters(settings: Model, parameters: int) -> None:
    assert count(build_model(settings, 0)) == parameters


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        (DnCNN(channels=1, width=64, depth=17, batch_norm=True), 555_137),
        (DnCNN(channels=1, width=64, depth=20, batch_norm=True), 665_921),
        (DnCNN(channels=3, width=64, depth=20, batch_norm=True), 668_227),
    ],
)
def test_merged_normalisation_has_the_published_parameters(
    settings: Model, parameters: int
) -> None:
    assert count(fold_normalisation(build_model(settings, 0).eval())) == parameters


@pytest.mark.parametrize(
    ("kind", "options", "depth", "field"),
    [
        (DnCNN, {"batch_norm": True}, 3, 7),
        (DnCNN, {"batch_norm": True}, 17, 35),
        (DnCNN, {"batch_norm": True}, 20, 41),
        (DnCNN, {"batch_norm": False}, 10, 21),
        (VDSR, {}, 10, 21),
        (VDSR, {}, 20, 41),
        (RedNet, {}, 4, 9),
        (RedNet, {}, 10, 21),
        (RedNet, {}, 20, 41),
        (RedNet, {}, 30, 61),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_receptive_field_is_the_one_of_the_settings(
    kind: Any, options: dict[str, bool], depth: int, field: int, channels: int
) -> None:
    settings = kind(channels=channels, width=3, depth=depth, **options)

    halo = measure_halo(build_model(settings, 0), channels)

    assert settings.receptive_field == field
    assert 2 * halo + 1 == field


@pytest.mark.parametrize(
    ("name", "layers"),
    [("dncnn", 5), ("vdsr", 5), ("rednet", 6)],
)
def test_depth_counts_the_convolutions(name: str, layers: int) -> None:
    network = build_model(SMALL[name], 0)

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    assert sum(isinstance(module, kinds) for module in network.modules()) == layers


def test_half_of_rednet_are_deconvolutions() -> None:
    network = build_model(RedNet(channels=1, width=4, depth=10), 0)

    assert sum(isinstance(module, nn.ConvTranspose2d) for module in network.modules()) == 5


@pytest.mark.parametrize(
    ("name", "layers"),
    [("dncnn", 3), ("dncnn without normalisation", 0), ("vdsr", 0), ("rednet", 0)],
)
def test_only_the_hidden_layers_of_dncnn_are_normalised(name: str, layers: int) -> None:
    network = build_model(SMALL[name], 0)

    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == layers


@pytest.mark.parametrize("name", SMALL)
def test_network_adds_to_the_image(name: str) -> None:
    network = build_model(SMALL[name], 0).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    image = torch.randn(1, channels_of(SMALL[name]), 9, 12)  # below black, too

    with torch.no_grad():
        restored = network(image)

    assert torch.equal(restored, image[:, : SMALL[name].input_channels])


# ------------------------------------------------------------------------------ output


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 13), (32, 5), (1, 30), (33, 64)])
def test_output_has_the_size_of_the_input(
    name: str, height: int, width: int, device: torch.device
) -> None:
    settings = SMALL[name]
    height, width = max(height, settings.multiple), max(width, settings.multiple)
    network = build_model(settings, 0).eval().to(device)
    batch = torch.rand(2, channels_of(settings), height, width, device=device)

    with torch.no_grad():
        restored = network(batch)

    assert restored.shape == (2, settings.input_channels, height, width)
    assert torch.isfinite(restored).all()


@pytest.mark.parametrize("name", SMALL)
def test_input_is_left_alone(name: str) -> None:
    network = build_model(SMALL[name], 0).eval()
    batch = torch.rand(2, channels_of(SMALL[name]), 12, 12)
    before = batch.clone()

    with torch.no_grad():
        network(batch)

    assert torch.equal(batch, before)


@pytest.mark.parametrize("name", SMALL)
def test_every_weight_learns(name: str) -> None:
    network = build_model(SMALL[name], 0).train()
    batch = torch.rand(4, channels_of(SMALL[name]), 16, 16)

    network(batch).square().mean().backward()

    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize(
    "settings",
    [
        DnCNN(channels=1, width=32, depth=10, batch_norm=True),
        VDSR(channels=1, width=32, depth=10),
        RedNet(channels=1, width=64, depth=10),
        RedNet(channels=1, width=64, depth=30),
        RUNet(channels=1, widths=[16, 32, 64], blocks=[1, 1, 1], noise_map=False),
        RUNet(channels=1, widths=[16, 32, 64, 128], blocks=[4, 4, 4, 4], noise_map=False),
    ],
)
def test_fresh_network_neither_explodes_nor_dies(settings: Model) -> None:
    network = build_model(settings, 0).train()
    batch = torch.rand(
        2, settings.input_channels, 32, 32, generator=torch.Generator().manual_seed(0)
    )

    with torch.no_grad():
        correction = network(batch) - batch

    assert 0.02 < correction.std() < 1.5


@pytest.mark.parametrize("depth", [5, 17])
@pytest.mark.parametrize("channels", [1, 3])
def test_folding_the_normalisation_changes_only_the_last_bits(
    channels: Literal[1, 3], depth: int
) -> None:
    settings = DnCNN(channels=channels, width=8, depth=depth, batch_norm=True)
    network = with_history(build_model(settings, 0)).eval()
    batch = torch.rand(1, channels, 21, 17)

    with torch.no_grad():
        before = network(batch)
        folded = fold_normalisation(network)
        after = folded(batch)

    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert (before - batch).abs().max() > 0.01
    assert (before - after).abs().max() < 1e-5


# -------------------------------------------------------------------------------- seed


@pytest.mark.parametrize("name", SMALL)
def test_same_seed_gives_the_same_weights(name: str) -> None:
    one, other = (state(build_model(SMALL[name], 5)) for _ in range(2))

    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", SMALL)
def test_other_seed_gives_other_weights(name: str) -> None:
    one, other = (state(build_model(SMALL[name], seed)) for seed in (5, 2**63 - 1))

    drawn = [key for key in one if key.endswith("weight") and one[key].dim() == 4]
    assert drawn
    assert not any(torch.equal(one[key], other[key]) for key in drawn)


def test_building_leaves_the_random_numbers_of_others_alone() -> None:
    before = torch.random.get_rng_state()

    build_model(SMALL["dncnn"], 5)

    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", SMALL)
def test_output_keeps_the_digits_of_the_image_in_a_short_format(name: str) -> None:
    network = build_model(SMALL[name], 0).eval()
    image = torch.rand(1, channels_of(SMALL[name]), 16, 16)

    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        restored = network(image)

    assert restored.dtype == torch.float32
