"""Networks are written in the layouts of other people's code, read, and must compute the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.exchange.foreign_weights.assembling import assemble, build, settings_of
from pipeline.exchange.foreign_weights.chain import Norm
from pipeline.exchange.foreign_weights.examining import examine
from pipeline.exchange.foreign_weights.reading import LAYOUTS
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.models.rednet.settings import RedNet
from pipeline.models.vdsr.settings import VDSR
from pipeline.settings.params import Layout
from tests import foreign_layouts as foreign
from tests.foreign_layouts import read_network

pytestmark = pytest.mark.usefixtures("one_thread")

DNCNN = DnCNN(channels=1, width=8, depth=5, batch_norm=False, residual=True)
NORMALISED = DNCNN.model_copy(update={"batch_norm": True})
VDSR_5 = VDSR(channels=1, width=8, depth=5)
RED_8 = RedNet(channels=1, width=8, depth=8, skips=True)

EXACT = 1e-6
MERGED = 1e-5


def our_network(model: Model) -> nn.Module:
    return foreign.randomise(build_model(model, seed=0))


def images(channels: int) -> Tensor:
    return torch.rand(2, channels, 13, 17, generator=torch.Generator().manual_seed(1))


def imported(path: Path, model: Model, layout: str | None = None) -> nn.Module:
    _, chain = read_network(path, layout)
    return build(model, assemble(chain, model))


def difference(one: nn.Module, other: nn.Module, channels: int) -> float:
    with torch.inference_mode():
        return float((one(images(channels)) - other(images(channels))).abs().max())


def save_torch(path: Path, network: nn.Module) -> Path:
    torch.save(network.state_dict(), path)
    return path


def save_net(path: Path, net: dict[str, Any]) -> Path:
    foreign.write_version_5(path, {"net": net})
    return path


# ---------------------------------------------------------------------- state dicts

STATE_DICTS = {
    "kair, merged": ("kair", lambda c, w, d: foreign.kair(c, w, d, False), DnCNN, False),
    "kair, normalised": ("kair", lambda c, w, d: foreign.kair(c, w, d, True), DnCNN, True),
    "cszn": ("cszn", foreign.cszn, DnCNN, True),
    "saoyan": ("saoyan", foreign.saoyan, DnCNN, True),
    "twtygqyy": ("twtygqyy", foreign.TwtygqyyVDSR, VDSR, False),
    "twtygqyy, first": ("twtygqyy", foreign.TwtygqyyFirstVDSR, VDSR, False),
    "lornatang": ("lornatang", foreign.LornatangVDSR, VDSR, False),
}

Maker = Callable[[int, int, int], nn.Module]


@pytest.mark.parametrize(("channels", "width", "depth"), [(1, 8, 5), (3, 4, 3), (1, 16, 17)])
@pytest.mark.parametrize("case", STATE_DICTS.values(), ids=STATE_DICTS.keys())
def test_a_network_of_public_code_computes_the_same_as_ours_with_its_weights(
    tmp_path: Path,
    case: tuple[str, Maker, type[DnCNN] | type[VDSR], bool],
    channels: int,
    width: int,
    depth: int,
) -> None:
    layout, make, settings, normalised = case
    theirs = foreign.randomise(make(channels, width, depth))
    size = {"channels": channels, "width": width, "depth": depth}
    model: Model = settings.model_validate(
        {**size, "batch_norm": normalised, "residual": True} if settings is DnCNN else size
    )
    path = save_torch(tmp_path / "weights.pth", theirs)

    found, chain = read_network(path, None)
    ours = build(model, assemble(chain, model))

    assert found == layout
    assert settings_of(chain, type(model).__name__) == model
    assert difference(theirs, ours, channels) <= EXACT


@pytest.mark.parametrize(
    "theirs", [foreign.kair(1, 8, 6, True), foreign.cszn(1, 8, 6), foreign.saoyan(1, 8, 6)]
)
def test_normalisation_is_merged_when_the_model_has_none(tmp_path: Path, theirs: nn.Module) -> None:
    foreign.randomise(theirs)
    model = DnCNN(channels=1, width=8, depth=6, batch_norm=False, residual=True)

    ours = imported(save_torch(tmp_path / "weights.pth", theirs), model)

    assert not any(isinstance(module, nn.BatchNorm2d) for module in ours.modules())
    assert difference(theirs, ours, 1) <= MERGED


def test_statistics_are_corrected_for_the_other_epsilon(tmp_path: Path) -> None:
    theirs = foreign.randomise(foreign.kair(1, 8, 5, True))

    ours = imported(save_torch(tmp_path / "weights.pth", theirs), NORMALISED)

    expected = theirs.state_dict()["model.3.running_var"] + (1e-4 - 1e-5)
    torch.testing.assert_close(ours.state_dict()["noise.3.running_var"], expected)


@pytest.mark.parametrize("model", [DNCNN, NORMALISED, VDSR_5, RED_8], ids=lambda model: str(model))
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_our_own_weights_come_back_bit_by_bit(tmp_path: Path, model: Model, suffix: str) -> None:
    ours = our_network(model)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        save_torch(path, ours)
    else:
        save_file(ours.state_dict(), path)

    again = imported(path, model, "restore").state_dict()

    for name, tensor in ours.state_dict().items():
        assert torch.equal(again[name], tensor), name


@pytest.mark.parametrize("wrapper", ["state_dict", "params", "params_ema", "model", "net"])
def test_wrappers_and_the_prefix_of_parallel_training_are_taken_off(
    tmp_path: Path, wrapper: str
) -> None:
    theirs = foreign.randomise(foreign.saoyan(1, 8, 5))
    weights = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items()}
    torch.save({"epoch": 50, wrapper: weights}, tmp_path / "weights.pth")

    ours = imported(tmp_path / "weights.pth", NORMALISED)

    assert difference(theirs, ours, 1) <= EXACT


def test_weights_of_torch_before_it_counted_batches_are_read(tmp_path: Path) -> None:
    theirs = foreign.randomise(foreign.saoyan(1, 8, 5))
    weights = {k: v for k, v in theirs.state_dict().items() if "num_batches" not in k}
    torch.save(weights, tmp_path / "weights.pth", _use_new_zipfile_serialization=False)

    ours = imported(tmp_path / "weights.pth", NORMALISED)

    assert difference(theirs, ours, 1) <= EXACT


# ------------------------------------------------------------------------ MatConvNet


@pytest.mark.parametrize("write", [foreign.write_version_5, foreign.write_version_7_3])
@pytest.mark.parametrize("model", [DNCNN, NORMALISED, VDSR_5, RED_8], ids=lambda model: str(model))
def test_simplenn_gives_the_network_that_was_written(
    tmp_path: Path, model: Model, write: Callable[[Path, dict[str, Any]], None]
) -> None:
    ours = our_network(model)
    write(tmp_path / "net.mat", {"net": foreign.simplenn(ours)})

    again = imported(tmp_path / "net.mat", model)

    assert difference(ours, again, model.input_channels) <= EXACT


@pytest.mark.parametrize("write", [foreign.write_version_5, foreign.write_version_7_3])
@pytest.mark.parametrize(
    "model", [DNCNN, NORMALISED, VDSR_5, RED_8, RED_8.model_copy(update={"depth": 10})], ids=str
)
def test_dagnn_gives_the_network_that_was_written_whatever_the_sign_of_its_sum(
    tmp_path: Path, model: Model, write: Callable[[Path, dict[str, Any]], None]
) -> None:
    ours = our_network(model)
    net = foreign.dagnn(ours, negated=isinstance(model, DnCNN))
    write(tmp_path / "net.mat", {"net": net, "state": {}, "stats": {}})

    found, chain = read_network(tmp_path / "net.mat", None)
    again = build(model, assemble(chain, model))

    assert found == "matconvnet_dag"
    assert difference(ours, again, model.input_channels) <= EXACT


def test_a_normalisation_behind_the_last_layer_is_merged_before_the_sign_is_turned(
    tmp_path: Path,
) -> None:
    _, chain = read_network(
        save_net(tmp_path / "net.mat", foreign.simplenn(our_network(DNCNN))), None
    )
    gain, offset, mean, deviation = (np.array([value]) for value in (1.5, 0.3, -0.2, 0.7))
    last = replace(chain.layers[-1], norm=Norm(gain, offset, mean, deviation))
    added = replace(chain, layers=(*chain.layers[:-1], last), residual="added")

    ours = build(DNCNN, assemble(added, DNCNN))

    with torch.inference_mode():
        degraded = images(1)
        output = degraded - build(DNCNN, assemble(chain, DNCNN))(degraded)
        expected = degraded + (output + 0.2) / 0.7 * 1.5 + 0.3
        assert float((ours(degraded) - expected).abs().max()) <= MERGED


@pytest.mark.parametrize("write", [foreign.write_version_5, foreign.write_version_7_3])
def test_the_cells_of_vdsr_give_the_network_that_was_written(
    tmp_path: Path, write: Callable[[Path, dict[str, Any]], None]
) -> None:
    ours = our_network(VDSR_5)
    write(tmp_path / "VDSR.mat", {"model": foreign.cells(ours)})

    found, chain = read_network(tmp_path / "VDSR.mat", None)

    assert found == "matconvnet_cells"
    assert difference(ours, build(VDSR_5, assemble(chain, VDSR_5)), 1) <= EXACT


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("write", [foreign.write_version_5, foreign.write_version_7_3])
def test_shapes_are_understood_although_matlab_drops_ones_at_their_end(
    tmp_path: Path,
    channels: int,
    width: int,
    depth: int,
    normalised: bool,
    rows: bool,
    write: Callable[[Path, dict[str, Any]], None],
) -> None:
    size = {"channels": channels, "width": width, "depth": depth}
    model = DnCNN.model_validate({**size, "batch_norm": normalised, "residual": True})
    ours = our_network(model)
    write(tmp_path / "net.mat", {"net": foreign.simplenn(ours, rows=rows)})

    assert difference(ours, imported(tmp_path / "net.mat", model), channels) <= EXACT


def test_weights_under_their_names_of_before_the_first_release_are_read(tmp_path: Path) -> None:
    ours = our_network(DNCNN)
    path = save_net(tmp_path / "net.mat", foreign.simplenn(ours, old_fields=True))

    assert difference(ours, imported(path, DNCNN), 1) <= EXACT


def test_normalisation_of_matconvnet_is_merged_by_its_deviations(tmp_path: Path) -> None:
    ours = our_network(NORMALISED)
    path = save_net(tmp_path / "net.mat", foreign.simplenn(ours))

    assert difference(ours, imported(path, DNCNN), 1) <= MERGED


def test_a_deviation_below_our_epsilon_is_made_up_for_by_the_gain(tmp_path: Path) -> None:
    ours = our_network(NORMALISED)
    net = foreign.simplenn(ours)
    norm = next(one for one in net["layers"] if one["type"] == "bnorm")
    norm["weights"][2][:4, 1] = 1e-3
    path = save_net(tmp_path / "net.mat", net)

    kept, merged = imported(path, NORMALISED), imported(path, DNCNN)

    with torch.inference_mode():
        torch.testing.assert_close(kept(images(1)), merged(images(1)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", [DNCNN, NORMALISED])
def test_filters_are_cross_correlations_as_matconvnet_defines_them(
    tmp_path: Path, model: DnCNN
) -> None:
    net = foreign.simplenn(our_network(model))
    image = images(1)[:1]

    ours = imported(save_net(tmp_path / "net.mat", net), model)

    with torch.inference_mode():
        restored = ours(image)[0, 0].numpy()
    noise = foreign.run_simplenn(net, image[0].permute(1, 2, 0).numpy())[..., 0]
    np.testing.assert_allclose(restored, image[0, 0].numpy() - noise, atol=1e-5)


def test_deconvolutions_are_the_transpose_of_cross_correlations(tmp_path: Path) -> None:
    model = RedNet(channels=1, width=4, depth=4, skips=True)
    network = our_network(model)
    net = foreign.simplenn(network)
    image = images(1)[:1]

    ours = imported(save_net(tmp_path / "net.mat", net), model)

    # Without its sums, which SimpleNN has not.
    features = image
    with torch.inference_mode():
        for number, one in enumerate(foreign.steps(ours)):
            features = one.convolution(features if number == 0 else features.relu())
    expected = foreign.run_simplenn(net, image[0].permute(1, 2, 0).numpy())[..., 0]
    np.testing.assert_allclose(features[0, 0].numpy(), expected, atol=1e-5)


def test_the_merged_forms_have_the_published_sizes(tmp_path: Path) -> None:
    for depth, parameters in ((17, 555_137), (20, 665_921)):
        model = DnCNN(channels=1, width=64, depth=depth, batch_norm=False, residual=True)
        network = build_model(model, seed=0)
        path = save_net(tmp_path / f"{depth}.mat", foreign.simplenn(network))

        layout, chain = read_network(path, None)

        weights = assemble(chain, model)
        assert layout == "matconvnet"
        assert settings_of(chain, "DnCNN") == model
        assert sum(tensor.numel() for tensor in weights.values()) == parameters


def test_the_first_fitting_model_is_found_as_it_is_before_merged(tmp_path: Path) -> None:
    path = save_net(tmp_path / "net.mat", foreign.simplenn(our_network(NORMALISED)))
    models: dict[str, Model] = {"vdsr.a": VDSR_5, "dncnn.a": DNCNN, "dncnn.b": NORMALISED}

    assert examine(path, None, models, None)["model"] == "dncnn.b"
    assert examine(path, None, {"vdsr.a": VDSR_5, "dncnn.a": DNCNN}, None)["model"] == "dncnn.a"
    found = examine(path, None, {"vdsr.a": VDSR_5}, None)
    assert found["model"] is None
    assert found["settings"] == NORMALISED.model_dump()


def test_the_params_name_the_layouts_that_can_be_read() -> None:
    assert sorted(get_args(Layout)) == sorted(LAYOUTS)
