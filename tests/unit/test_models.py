"""Networks against their papers: parameter counts, receptive fields, sizes of the output."""

import inspect
from importlib import import_module
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.edsr.settings import EDSR
from pipeline.models.edsr_denoising.settings import EDSRDenoising
from pipeline.models.mrdn.settings import MRDN
from pipeline.models.mwrcanet.settings import MWRCANet
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.models.rednet.settings import RedNet
from pipeline.models.runet.settings import RUNet
from pipeline.models.srcnn.settings import SRCNN
from pipeline.models.vdsr.settings import VDSR
from pipeline.settings.architectures import NETWORKS, Models
from pipeline.tiling.folding import fold_normalisation
from pipeline.tiling.halo import measure_halo

pytestmark = pytest.mark.usefixtures("one_thread")


def edsr(width: int, blocks: int, upscale: int, *, residual: bool) -> EDSR:
    return EDSR.model_validate(
        {
            "channels": 3,
            "width": width,
            "blocks": blocks,
            "upscale": upscale,
            "residual_scale": 1.0 if width == 64 else 0.1,
            "mean": [0.4488, 0.4371, 0.4040],
            "residual": residual,
        }
    )


def edsr_denoising(width: int, blocks: int, *, as_written: bool) -> EDSRDenoising:
    return EDSRDenoising(
        channels=3,
        width=width,
        blocks=blocks,
        slope=0.1 if as_written else 0.0,
        block_end_activation=as_written,
        block_pooling=as_written,
        block_skip=not as_written,
        residual_scale=1.0 if as_written else 0.1,
        body_end_activation=as_written,
        tail="shuffled" if as_written else "plain",
        residual=not as_written,
    )


def mwrcanet(
    widths: list[int],
    blocks: int,
    reduction: int,
    *,
    as_written: bool,
    prelu: int | Literal["shared"] = "shared",
) -> MWRCANet:
    return MWRCANet(
        channels=3,
        widths=widths,
        blocks=blocks,
        reduction=reduction,
        second_kernel=1 if as_written else 3,
        group_residual="attention" if as_written else "sum",
        orthonormal=not as_written,
        prelu=prelu,
        last_activation=as_written,
    )


def mrdn(width: int, blocks: int, *, as_written: bool) -> MRDN:
    return MRDN(
        channels=3,
        width=width,
        growth=width,
        layers=4,
        blocks=blocks,
        pyramid_entry=as_written,
        rates=[6, 12],
        pooling="max" if as_written else "image",
        repeated=as_written,
        dropout=0.3 if as_written else 0.0,
        residual=not as_written,
    )


def srcnn(kernels: list[int]) -> SRCNN:
    return SRCNN(channels=1, widths=[64, 32], kernels=kernels, initial="paper", residual=False)


SMALL: dict[str, Model] = {
    "dncnn": DnCNN(channels=1, width=4, depth=5, batch_norm=True, residual=True),
    "dncnn colour": DnCNN(channels=3, width=4, depth=5, batch_norm=True, residual=True),
    "dncnn without normalisation": DnCNN(
        channels=1, width=4, depth=5, batch_norm=False, residual=True
    ),
    "vdsr": VDSR(channels=1, width=4, depth=5),
    "vdsr colour": VDSR(channels=3, width=4, depth=5),
    "rednet": RedNet(channels=1, width=4, depth=6, skips=True),
    "rednet colour": RedNet(channels=3, width=4, depth=6, skips=True),
    "runet": RUNet(channels=1, widths=[4, 6, 8], blocks=[1, 2, 1], noise_map=False),
    "runet colour": RUNet(channels=3, widths=[4, 6, 8], blocks=[1, 2, 1], noise_map=False),
    "runet with a noise map": RUNet(channels=3, widths=[4, 6], blocks=[1, 1], noise_map=True),
    "srcnn": SRCNN(channels=1, widths=[5, 4], kernels=[9, 1, 5], initial="he", residual=True),
    "dncnn alone": DnCNN(channels=1, width=4, depth=5, batch_norm=True, residual=False),
    "rednet without skips": RedNet(channels=1, width=4, depth=6, skips=False),
    "srcnn of the paper": SRCNN(
        channels=3, widths=[5, 4], kernels=[9, 3, 5], initial="paper", residual=False
    ),
    "edsr": edsr(4, 2, 2, residual=True),
    "edsr x3": edsr(4, 1, 3, residual=True),
    "edsr of one size": edsr(4, 2, 1, residual=True),
    "edsr of the paper": edsr(4, 1, 4, residual=False),
    "edsr_denoising": edsr_denoising(4, 2, as_written=False),
    "edsr_denoising as written": edsr_denoising(4, 2, as_written=True),
    "mwrcanet": mwrcanet([4, 6], 2, 1, as_written=False),
    "mwrcanet as written": mwrcanet([4, 6], 2, 1, as_written=True),
    "mrdn": mrdn(4, 2, as_written=False),
    "mrdn as written": mrdn(4, 2, as_written=True),
}

WITHOUT_THE_IMAGE = {
    "dncnn alone",
    "rednet without skips",
    "srcnn of the paper",
    "edsr of the paper",
    "edsr_denoising as written",
    "mrdn as written",
}
"""Those that make every digit of their output themselves: a short format shows in it."""

WITH_THE_IMAGE = sorted(SMALL.keys() - WITHOUT_THE_IMAGE)

COUNTS: list[tuple[Model, int]] = [
    (DnCNN(channels=1, width=64, depth=17, batch_norm=True, residual=True), 556_097),
    (DnCNN(channels=1, width=64, depth=20, batch_norm=True, residual=True), 667_073),
    (DnCNN(channels=3, width=64, depth=17, batch_norm=True, residual=True), 558_403),
    (DnCNN(channels=3, width=64, depth=20, batch_norm=True, residual=True), 669_379),
    (DnCNN(channels=1, width=64, depth=17, batch_norm=False, residual=True), 555_137),
    (DnCNN(channels=1, width=64, depth=20, batch_norm=False, residual=True), 665_921),
    (DnCNN(channels=3, width=64, depth=20, batch_norm=False, residual=True), 668_227),
    (VDSR(channels=1, width=64, depth=20), 665_921),
    (RedNet(channels=1, width=64, depth=10, skips=True), 296_641),
    (RedNet(channels=1, width=64, depth=20, skips=True), 665_921),
    (RedNet(channels=1, width=64, depth=30, skips=True), 1_035_201),
    (RUNet(channels=1, widths=[16, 32, 64], blocks=[1, 1, 1], noise_map=False), 141_057),
    (RUNet(channels=1, widths=[16, 32, 64], blocks=[2, 2, 2], noise_map=False), 261_185),
    (srcnn([9, 1, 5]), 8_032 + 97),
    (srcnn([9, 3, 5]), 24_416 + 97),
    (srcnn([9, 5, 5]), 57_184 + 97),
    (edsr(64, 16, 2, residual=False), 1_369_859),
    (edsr(64, 16, 3, residual=False), 1_554_499),
    (edsr(64, 16, 4, residual=False), 1_517_571),
    (edsr(256, 32, 2, residual=False), 40_729_603),
    (edsr(256, 32, 3, residual=False), 43_680_003),
    (edsr(256, 32, 4, residual=False), 43_089_923),
    (edsr_denoising(128, 8, as_written=True), 3_106_391),
    (mwrcanet([64, 256, 512], 3, 4, as_written=True, prelu=256), 58_168_364),
    # One slope for each of 24 layers.
    (mwrcanet([64, 256, 512], 3, 4, as_written=True), 37_524_524 + 24),
    (mrdn(128, 2, as_written=True), 6_530_947),
]
"""Published settings, and how many parameters they have."""


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


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


def side_seen(settings: Model) -> int:
    """Return the side of the square of input pixels that move one output pixel.

    The largest over the pixels of a grid and of what comes of one input pixel, along both axes;
    measured like ``measure_halo`` does, on strips as thick as the grid.
    """
    network = build_model(settings, 0).double().eval()
    with torch.no_grad():
        for weights in network.parameters():
            weights.fill_(1 / max(1, weights[0].numel()))
    grid, scale = settings.multiple, settings.scale
    assert settings.receptive_field is not None
    blocks = 2 * (settings.receptive_field // grid + 2) + 1
    sides = []
    for axis in (2, 3):
        shape = [1, settings.input_channels, grid, grid]
        shape[axis] = blocks * grid
        image = torch.ones(shape, dtype=torch.float64, requires_grad=True)
        restored = network(image)
        for phase in range(grid * scale):
            line = restored.select(axis, blocks // 2 * grid * scale + phase)
            (gradient,) = torch.autograd.grad(line.sum(), image, retain_graph=True)
            seen = torch.nonzero(gradient.transpose(axis, 3).abs().sum(dim=(0, 1, 2))).flatten()
            first, last = int(seen.min()), int(seen.max())
            assert 0 < first <= last < blocks * grid - 1, "the strip is too short"
            sides.append(last - first + 1)
    return max(sides)


# -------------------------------------------------------------------------- the table


@pytest.mark.parametrize("arch", NETWORKS)
def test_network_takes_what_its_settings_hold(arch: str) -> None:
    settings = NETWORKS[arch]

    network = getattr(import_module(f"pipeline.models.{arch}.network"), settings.__name__)

    assert set(inspect.signature(network).parameters) == set(settings.model_fields)


def test_every_network_is_tested_here() -> None:
    assert {type(model) for model in SMALL.values()} == set(NETWORKS.values())


def test_section_of_an_architecture_holds_its_settings() -> None:
    settings = DnCNN(channels=1, width=8, depth=3, batch_norm=True, residual=True)

    models = Models.model_validate({"dncnn": {"a": settings.model_dump()}})

    assert models.named("dncnn")["a"] == settings
    assert models.named("vdsr") == {}


# ----------------------------------------------------------------------------- papers


@pytest.mark.parametrize(("settings", "parameters"), COUNTS)
def test_published_settings_have_the_published_parameters(settings: Model, parameters: int) -> None:
    with torch.device("meta"):
        network = build_model(settings, 0)

    assert count(network) == parameters


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        (DnCNN(channels=1, width=64, depth=17, batch_norm=True, residual=True), 555_137),
        (DnCNN(channels=1, width=64, depth=20, batch_norm=True, residual=True), 665_921),
        (DnCNN(channels=3, width=64, depth=20, batch_norm=True, residual=True), 668_227),
    ],
)
def test_merged_normalisation_has_the_published_parameters(
    settings: Model, parameters: int
) -> None:
    assert count(fold_normalisation(build_model(settings, 0).eval())) == parameters


@pytest.mark.parametrize(
    ("kind", "options", "depth", "field"),
    [
        (DnCNN, {"batch_norm": True, "residual": True}, 3, 7),
        (DnCNN, {"batch_norm": True, "residual": True}, 17, 35),
        (DnCNN, {"batch_norm": True, "residual": True}, 20, 41),
        (DnCNN, {"batch_norm": False, "residual": True}, 10, 21),
        (VDSR, {}, 10, 21),
        (VDSR, {}, 20, 41),
        (RedNet, {"skips": True}, 4, 9),
        (RedNet, {"skips": True}, 10, 21),
        (RedNet, {"skips": True}, 20, 41),
        (RedNet, {"skips": True}, 30, 61),
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
    ("settings", "field"),
    [
        (srcnn([9, 1, 5]), 13),
        (srcnn([9, 3, 5]), 15),
        (srcnn([9, 5, 5]), 17),
        *(
            (edsr(2, blocks, upscale, residual=residual), 4 * blocks + more)
            for blocks in (1, 3)
            for upscale, more in ((1, 7), (2, 8), (3, 8), (4, 9))
            for residual in (False, True)
        ),
        (edsr(2, 16, 2, residual=False), 72),
        *((edsr_denoising(2, blocks, as_written=True), 5 * blocks + 11) for blocks in (1, 8)),
        *((edsr_denoising(2, blocks, as_written=False), 4 * blocks + 7) for blocks in (1, 8)),
        (mrdn(2, 1, as_written=True), 37),
        (mrdn(2, 2, as_written=True), 63),
    ],
)
def test_an_output_pixel_sees_the_square_of_the_settings(settings: Model, field: int) -> None:
    assert settings.receptive_field == field
    assert side_seen(settings) == field


@pytest.mark.parametrize(
    "name", [name for name, settings in SMALL.items() if settings.receptive_field is None]
)
def test_an_output_pixel_sees_all_of_the_image(name: str) -> None:
    settings = SMALL[name]
    image = torch.rand(1, settings.planes, 48, 64, requires_grad=True)

    restored = build_model(settings, 0).eval()(image)
    (gradient,) = torch.autograd.grad(restored[0, 0, 24, 32], image)

    assert (gradient != 0).all()


@pytest.mark.parametrize(
    ("name", "layers"),
    [("dncnn", 5), ("vdsr", 5), ("rednet", 6)],
)
def test_depth_counts_the_convolutions(name: str, layers: int) -> None:
    network = build_model(SMALL[name], 0)

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    assert sum(isinstance(module, kinds) for module in network.modules()) == layers


def test_half_of_rednet_are_deconvolutions() -> None:
    network = build_model(RedNet(channels=1, width=4, depth=10, skips=True), 0)

    assert sum(isinstance(module, nn.ConvTranspose2d) for module in network.modules()) == 5


@pytest.mark.parametrize(
    ("name", "layers"),
    [("dncnn", 3), ("dncnn without normalisation", 0), ("vdsr", 0), ("rednet", 0)],
)
def test_only_the_hidden_layers_of_dncnn_are_normalised(name: str, layers: int) -> None:
    network = build_model(SMALL[name], 0)

    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == layers


@pytest.mark.parametrize("name", WITH_THE_IMAGE)
def test_network_adds_to_the_image(name: str) -> None:
    network = build_model(SMALL[name], 0).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    image = torch.randn(1, SMALL[name].planes, 9, 12)  # below black, too

    with torch.no_grad():
        restored = network(image)

    scale = SMALL[name].scale
    image = image[:, : SMALL[name].input_channels]
    assert torch.equal(restored, image.repeat_interleave(scale, 2).repeat_interleave(scale, 3))


@pytest.mark.parametrize("name", sorted(WITHOUT_THE_IMAGE))
def test_network_without_the_image_forgets_it_with_its_weights(name: str) -> None:
    network = build_model(SMALL[name], 0).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()

    with torch.no_grad():
        dark, light = (
            network(torch.full((1, SMALL[name].input_channels, 8, 8), value))
            for value in (0.0, 1.0)
        )

    assert torch.equal(dark, light)


# ------------------------------------------------------------------------------ output


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 13), (32, 5), (1, 30), (33, 64)])
def test_output_has_the_promised_size(
    name: str, height: int, width: int, device: torch.device
) -> None:
    settings = SMALL[name]
    network = build_model(settings, 0).eval().to(device)
    batch = torch.rand(2, settings.planes, height, width, device=device)

    if min(height, width) < settings.multiple:
        with pytest.raises(ValueError, match=f"at least {settings.multiple}x{settings.multiple}"):
            network(batch)
        return
    with torch.no_grad():
        restored = network(batch)

    scale = settings.scale
    assert restored.shape == (2, settings.input_channels, scale * height, scale * width)
    assert torch.isfinite(restored).all()


@pytest.mark.parametrize("name", SMALL)
def test_input_is_left_alone(name: str) -> None:
    network = build_model(SMALL[name], 0).eval()
    batch = torch.rand(2, SMALL[name].planes, 12, 12)
    before = batch.clone()

    with torch.no_grad():
        network(batch)

    assert torch.equal(batch, before)


@pytest.mark.parametrize("name", SMALL)
def test_every_weight_learns(name: str) -> None:
    network = build_model(SMALL[name], 0).train()
    # Some batches leave a small network's only path dark: this one is always the same.
    source = torch.Generator().manual_seed(0)
    batch = torch.rand(4, SMALL[name].planes, 16, 16, generator=source)

    network(batch).square().mean().backward()

    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", SMALL)
def test_a_few_steps_bring_the_output_nearer_to_the_clean_images(name: str) -> None:
    settings = SMALL[name]
    network = build_model(settings, 0).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    source = torch.Generator().manual_seed(0)
    small = torch.rand(2, settings.planes, 16, 16, generator=source)
    image = small[:, : settings.input_channels]
    clean = image.repeat_interleave(settings.scale, 2).repeat_interleave(settings.scale, 3) / 2
    losses = []

    for _ in range(25):
        optimiser.zero_grad()
        loss = (network(small) - clean).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())

    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    "settings",
    [
        DnCNN(channels=1, width=32, depth=10, batch_norm=True, residual=True),
        VDSR(channels=1, width=32, depth=10),
        RedNet(channels=1, width=64, depth=10, skips=True),
        RedNet(channels=1, width=64, depth=30, skips=True),
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


def test_normalisation_starts_with_small_scales_of_both_signs() -> None:
    network = build_model(DnCNN(channels=1, width=64, depth=17, batch_norm=True, residual=True), 0)

    scales = torch.cat(
        [layer.weight.detach() for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    )

    assert scales.abs().min() >= 0.025
    assert 0.3 < (scales < 0).float().mean() < 0.7
    # Of a Gaussian of this width; what lies nearer to zero than 0.025 is moved away from it.
    assert scales.std() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.1)


@pytest.mark.parametrize("depth", [5, 17])
@pytest.mark.parametrize("channels", [1, 3])
def test_folding_the_normalisation_changes_only_the_last_bits(
    channels: Literal[1, 3], depth: int
) -> None:
    settings = DnCNN(channels=channels, width=8, depth=depth, batch_norm=True, residual=True)
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


@pytest.mark.parametrize("name", WITH_THE_IMAGE)
def test_output_keeps_the_digits_of_the_image_in_a_short_format(name: str) -> None:
    network = build_model(SMALL[name], 0).eval()
    image = torch.rand(1, SMALL[name].planes, 16, 16)

    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        restored = network(image)

    assert restored.dtype == torch.float32
