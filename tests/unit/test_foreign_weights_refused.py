"""Files that are no weights, or not those of our networks, are refused with the reason."""

import os
import pickle
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from pipeline.exchange.foreign_weights import matlab
from pipeline.exchange.foreign_weights.assembling import assemble, build
from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.models.rednet.settings import RedNet
from pipeline.models.vdsr.settings import VDSR
from tests import foreign_layouts as foreign
from tests.foreign_layouts import read_network

MODEL = DnCNN(channels=1, width=8, depth=5, batch_norm=False, residual=True)


def network(model: Model = MODEL) -> nn.Module:
    return foreign.randomise(build_model(model, seed=0))


def save_torch(folder: Path, content: object) -> Path:
    path = folder / "weights.pth"
    torch.save(content, path)
    return path


def save_net(folder: Path, net: dict[str, Any], name: str = "net") -> Path:
    path = folder / "net.mat"
    foreign.write_version_5(path, {name: net})
    return path


def refusal(path: Path, model: Model = MODEL, layout: str | None = None) -> str:
    with pytest.raises(ForeignWeightsError) as caught:
        build(model, assemble(read_network(path, layout)[1], model))
    return str(caught.value)


# ------------------------------------------------------------------------- containers


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, zipped: bool) -> None:
    trace = tmp_path / "trace"
    path = tmp_path / "weights.pth"
    content = {"model": Malicious(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)

    message = refusal(path)

    assert not trace.exists()
    assert "posix.system" in message
    assert "never executed" in message


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nobody_is_told_to_switch_the_protection_off(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps({"weights": Malicious(tmp_path / "trace")}, protocol))

    assert "weights_only" not in refusal(path)


def test_a_pickled_model_is_refused_and_the_way_out_is_told(tmp_path: Path) -> None:
    message = refusal(save_torch(tmp_path, {"epoch": 50, "model": network()}))

    assert "pipeline.models.dncnn.network.DnCNN" in message
    assert "save model.state_dict()" in message


def lines_of(message: str) -> str:
    """Return the lines of Python in a message."""
    lines = re.findall("^    (.*)$", message, re.MULTILINE)
    assert len(lines) == 3, message
    return "\n".join(lines)


def export(folder: Path, theirs: nn.Module) -> Path:
    program = torch.export.export(theirs, (torch.zeros(1, 1, 16, 16),))
    torch.export.save(program, folder / "weights.pt2")
    return folder / "weights.pt2"


def script(folder: Path, theirs: nn.Module) -> Path:
    torch.jit.save(torch.jit.script(theirs), folder / "weights.pt")
    return folder / "weights.pt"


def trace(folder: Path, theirs: nn.Module) -> Path:
    torch.jit.save(torch.jit.trace(theirs, torch.zeros(1, 1, 16, 16)), folder / "weights.pt")  # type: ignore[no-untyped-call]
    return folder / "weights.pt"


def legacy(folder: Path, theirs: nn.Module) -> Path:
    torch.save(theirs, folder / "weights.pth", _use_new_zipfile_serialization=False)
    return folder / "weights.pth"


PROGRAMS = {
    "module": (save_torch, "a whole model or other code"),
    "module under a key": (
        lambda folder, theirs: save_torch(folder, {"best": np.float64(3), "model": theirs}),
        "a whole model or other code",
    ),
    "legacy module": (legacy, "a whole model or other code"),
    "script": (script, "came a TorchScript program"),
    "trace": (trace, "came a TorchScript program"),
    "export": (export, "came a program of torch.export"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("write", "came"), PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_is_refused_and_the_lines_that_are_told_make_a_state_dict_of_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path, nn.Module], Path],
    came: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    theirs = network().eval()

    message = refusal(write(tmp_path, theirs))

    assert came in message
    assert "never executed here" in message
    exec(lines_of(message))  # noqa: S102
    chain = read_network(tmp_path / "weights_state_dict.pth", None)[1]
    again = assemble(chain, MODEL)
    expected = theirs.state_dict()
    assert all(torch.equal(again[name], expected[name]) for name in expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("write", [script, trace, export])
def test_a_program_of_torch_is_refused_without_its_advice(
    tmp_path: Path, write: Callable[[Path, nn.Module], Path]
) -> None:
    assert "weights_only" not in refusal(write(tmp_path, network().eval()))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_model_with_a_command_in_it_gets_no_advice(tmp_path: Path, zipped: bool) -> None:
    trace = tmp_path / "trace"
    path = tmp_path / "weights.pth"
    content = {"model": nn.ReLU(), "more": Malicious(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)

    message = refusal(path)

    assert not trace.exists()
    assert "posix.system" in message
    assert "weights_only" not in message


def test_an_archive_that_unpacks_to_far_more_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", b"\x80\x02}.")
        with archive.open("weights/data/0", "w") as record:
            for _ in range(600):
                record.write(bytes(2**20))

    assert path.stat().st_size < 2**20
    assert "an archive that unpacks to 600 MiB" in refusal(path)


def test_an_archive_of_other_files_is_refused_with_their_names(tmp_path: Path) -> None:
    path = tmp_path / "weights.zip"
    with ZipFile(path, "w") as archive:
        archive.write(save_torch(tmp_path, network().state_dict()), "release/weights.pth")

    assert "holds release/weights.pth: if the weights are in it, unpack it first" in refusal(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {f"{number}.a.b.weight": torch.ones(1) for number in range(20_000)},
        {"a." * 100_000: torch.ones(1)},
        {"a": torch.ones(1), "a.b": torch.ones(1), "": torch.ones(1), "a..b": torch.ones(1)},
    ],
    ids=["many prefixes", "a deep name", "names that begin as others"],
)
def test_names_that_no_network_has_are_refused_soon(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    path = save_torch(tmp_path, tensors)
    # Not by the clock: other programs of the machine take their time too.
    begun = time.process_time()

    assert "none of them has such names" in refusal(path)
    assert time.process_time() - begun < 30


def test_mappings_without_end_are_refused_at_once(tmp_path: Path) -> None:
    content: dict[str, Any] = {"a": torch.ones(1)}
    for _ in range(7):
        content = dict.fromkeys(map(str, range(30)), content)

    assert "tensors and settings, came more" in refusal(save_torch(tmp_path, content))


@pytest.mark.parametrize("size", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["torch", "legacy", "version 5", "version 7.3", "safetensors"])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, kind: str, size: float) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "weights"
    weights = network().state_dict()
    if kind in {"torch", "legacy"}:
        torch.save(weights, path, _use_new_zipfile_serialization=kind == "torch")
    elif kind == "safetensors":
        save_file(weights, path)
    elif kind == "version 5":
        path = save_net(tmp_path, foreign.simplenn(network()))
    else:
        foreign.write_version_7_3(path, {"net": foreign.simplenn(network())})
    content = path.read_bytes()
    path.write_bytes(content[: int(size * len(content))])

    assert str(path) in refusal(path)


@pytest.mark.parametrize("content", [b"", b"\x80", b"GIF89a", b"<html>404</html>" * 99, b"PK"])
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)

    assert str(path) in refusal(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "nowhere.pth")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "came a list"),
        ({"optimizer": {"lr": 1}}, "came the keys optimizer"),
        ({}, "came the keys (none)"),
        ({"noise.0.weight": torch.zeros(8, 1, 3, 3, dtype=torch.int32)}, "int32"),
        ({"noise.0.weight": torch.zeros(1).expand(2**14, 2**14)}, "values"),
    ],
)
def test_content_that_is_no_state_dict_is_refused(
    tmp_path: Path, content: object, said: str
) -> None:
    assert said in refusal(save_torch(tmp_path, content))


# --------------------------------------------------------------------- another network


def test_wrappers_without_end_are_refused(tmp_path: Path) -> None:
    content: dict[str, Any] = {}
    content["model"] = content

    assert "without end" in refusal(save_torch(tmp_path, content))


def test_references_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.mat"
    foreign.write_version_7_3(path, {"net": foreign.Cell([np.ones((2, 2)), np.ones((2, 2))])})
    with h5py.File(path, "r+") as file:
        file["net"][:] = np.array([[file["net"].ref]] * 2, dtype=h5py.ref_dtype)

    assert "without end" in refusal(path)


def test_what_is_missing_and_what_is_left_over_is_listed(tmp_path: Path) -> None:
    weights = network().state_dict()
    weights["noise.2.wieght"] = weights.pop("noise.2.weight")

    message = refusal(save_torch(tmp_path, weights))

    assert "layout 'restore'" in message
    assert "missing are" in message
    assert "noise.2.wieght" in message


def test_names_of_another_network_are_listed(tmp_path: Path) -> None:
    weights = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 1, 3)).state_dict()

    message = refusal(save_torch(tmp_path, weights))

    assert "none of them has such names" in message
    assert "0.weight" in message


def test_the_rednet_with_strides_is_refused_by_name_although_its_shapes_fit(tmp_path: Path) -> None:
    theirs = foreign.Yjn870RedNet(3, 8, 10)
    model = RedNet(channels=3, width=8, depth=10, skips=True)

    message = refusal(save_torch(tmp_path, theirs.state_dict()), model)

    assert "yjn870/REDNet-pytorch" in message
    assert "stride 2" in message


@pytest.mark.parametrize(
    "model",
    [
        MODEL.model_copy(update={"depth": 6}),
        MODEL.model_copy(update={"width": 16}),
        MODEL.model_copy(update={"channels": 3}),
    ],
)
def test_another_size_is_refused_and_the_fitting_entry_is_told(
    tmp_path: Path, model: DnCNN
) -> None:
    message = refusal(save_torch(tmp_path, network().state_dict()), model)

    assert "a DnCNN of 5 layers, 8 wide, 1 channel, without normalisation" in message
    assert "{channels: 1, width: 8, depth: 5, batch_norm: false, residual: true}" in message


def test_normalisation_that_the_file_has_not_cannot_be_given(tmp_path: Path) -> None:
    model = MODEL.model_copy(update={"batch_norm": True})

    assert "batch_norm: false" in refusal(save_torch(tmp_path, network().state_dict()), model)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    message = refusal(
        save_torch(tmp_path, network().state_dict()), VDSR(channels=1, width=8, depth=5)
    )

    assert "holds a DnCNN, not a VDSR" in message


@pytest.mark.parametrize("layout", ["kair", "matconvnet"])
def test_another_layout_than_the_named_one_is_refused(tmp_path: Path, layout: str) -> None:
    message = refusal(save_torch(tmp_path, network().state_dict()), MODEL, layout)

    assert f"layout '{layout}'" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    weights = network().state_dict()
    weights["noise.4.weight"][0, 0, 0, 0] = value

    assert "noise.4: its weights are not all finite" in refusal(save_torch(tmp_path, weights))


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("noise.4.weight", (8, 8, 5, 5), "expected filters of 3x3"),
        ("noise.4.weight", (8, 6, 3, 3), "came 6 and 8"),
        ("noise.4.bias", (7,), "expected 8 value(s)"),
        ("noise.8.weight", (2, 8, 3, 3), "expected 2 value(s)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    tmp_path: Path, name: str, shape: tuple[int, ...], said: str
) -> None:
    weights = network().state_dict()
    weights[name] = torch.zeros(shape)

    assert said in refusal(save_torch(tmp_path, weights))


def test_a_network_with_a_map_of_the_noise_level_is_refused(tmp_path: Path) -> None:
    theirs = foreign.kair(1, 8, 5, False).state_dict()
    theirs["model.0.weight"] = torch.zeros(8, 2, 3, 3)

    message = refusal(save_torch(tmp_path, theirs))

    assert "expected 8 inputs and 2 outputs" in message


# ------------------------------------------------------------------------- MatConvNet


def layer_of(net: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in net["layers"] if one["type"] == kind)
    return found


def test_a_mat_without_a_network_is_refused_with_its_variables(tmp_path: Path) -> None:
    for write in (foreign.write_version_5, foreign.write_version_7_3):
        path = tmp_path / "images.mat"
        write(path, {"im_gt_y": np.zeros((4, 4)), "im_b_y": np.zeros((4, 4))})

        message = refusal(path)

        assert "a variable net or model" in message
        assert "im_b_y" in message


def test_a_variable_of_that_name_that_is_no_network_is_refused(tmp_path: Path) -> None:
    assert "no such network" in refusal(save_net(tmp_path, {"weights": np.zeros((3, 3))}))
    assert "no such network" in refusal(save_net(tmp_path, {"layers": "none"}))
    assert "no such network" in refusal(save_net(tmp_path, foreign.simplenn(network()), "model"))


@pytest.mark.parametrize(
    ("kind", "name", "value", "said"),
    [
        ("conv", "stride", 2.0, "expected stride 1"),
        ("conv", "dilate", 2.0, "expected dilate 1"),
        ("conv", "pad", 0.0, "expected pad 1"),
        ("relu", "leak", 0.1, "expected leak 0"),
    ],
)
def test_settings_of_another_network_are_refused(
    tmp_path: Path, kind: str, name: str, value: float, said: str
) -> None:
    net = foreign.simplenn(network())
    layer_of(net, kind)[name] = np.full((1, 1), value)

    assert said in refusal(save_net(tmp_path, net))


def test_layers_of_another_network_are_refused(tmp_path: Path) -> None:
    net = foreign.simplenn(network())
    layer_of(net, "relu")["type"] = "SubP"

    assert "came conv, SubP, conv" in refusal(save_net(tmp_path, net))


def test_a_normalisation_without_its_statistics_is_refused(tmp_path: Path) -> None:
    net = foreign.simplenn(network(MODEL.model_copy(update={"batch_norm": True})))
    layer_of(net, "bnorm")["weights"][2][:] = 0

    assert "ever computed" in refusal(save_net(tmp_path, net))

    layer_of(net, "bnorm")["weights"].pop()

    assert "expected gains, offsets" in refusal(save_net(tmp_path, net))


def test_a_graph_with_other_sums_is_refused(tmp_path: Path) -> None:
    model = RedNet(channels=1, width=8, depth=8, skips=True)
    net = foreign.dagnn(network(model), negated=False)
    sums = [one for one in net["layers"] if one["type"] == "dagnn.Sum"]
    sums[0]["inputs"], sums[1]["inputs"] = (
        foreign.Cell([sums[0]["inputs"][0], sums[1]["inputs"][1]]),
        foreign.Cell([sums[1]["inputs"][0], sums[0]["inputs"][1]]),
    )

    assert "another network" in refusal(save_net(tmp_path, net), model)


def test_a_graph_with_a_layer_aside_is_refused(tmp_path: Path) -> None:
    net = foreign.dagnn(network(), negated=True)
    convolution = next(one for one in net["layers"] if one["type"] == "dagnn.Conv")
    aside = {**convolution, "name": "aside", "outputs": foreign.Cell(["nowhere"])}
    net["layers"] = foreign.StructArray([*net["layers"], aside])

    assert "another network" in refusal(save_net(tmp_path, net))


def test_a_graph_without_its_parameters_is_refused(tmp_path: Path) -> None:
    net = foreign.dagnn(network(), negated=True)
    net["params"].pop(0)

    assert re.search(r"its parameter '\w+' is missing", refusal(save_net(tmp_path, net)))


def test_a_file_of_which_its_reader_dies_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_net(tmp_path, foreign.simplenn(network()))
    read_network(path, None)
    monkeypatch.setattr(matlab, "_READ", "import os; os.abort()")

    with pytest.raises(ForeignWeightsError, match="damaged so that reading it ends the reader"):
        read_network(path, None)
