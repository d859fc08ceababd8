"""Networks as files: what they compute, what they say of themselves, and what is refused."""

import json
import runpy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pixel_shuffle

from pipeline.arrays.file_checksum import sha256_of
from pipeline.exchange.exporting import ExportError, torch_file
from pipeline.exchange.exporting import trial_run as checking
from pipeline.exchange.exporting.capturing import capture
from pipeline.exchange.exporting.checked_export import FORMATS, export
from pipeline.exchange.exporting.interface import Facts
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.parts.grid import pad_to_multiple
from pipeline.models.parts.settings import Model
from pipeline.settings.architectures import NETWORKS
from tests.pages import blocks
from tests.unit.test_models import SMALL, with_history

pytestmark = pytest.mark.usefixtures("one_thread")


def arch_of(model: Model) -> str:
    (arch,) = (arch for arch, kind in NETWORKS.items() if kind is type(model))
    return arch


SHARED = DnCNN(channels="shared", width=4, depth=4, batch_norm=True, residual=True)
SEPARATE = DnCNN.model_validate(
    {
        "channels": {"separate": 3},
        "width": 4,
        "depth": 4,
        "batch_norm": False,
        "residual": True,
    }
)
TINY = {arch_of(model): model for model in reversed(SMALL.values())}
TINY |= {"shared": SHARED, "separate": SEPARATE}


def trained(model: Model, folder: Path) -> tuple[nn.Module, Path]:
    """Return a network with the traces of a training, and the file of its weights."""
    network = with_history(build_model(model, seed=3)).eval()
    weights = folder / "weights.safetensors"
    save_file(network.state_dict(), weights)
    return network, weights


def exported(model: Model, to: Path) -> tuple[nn.Module, Facts]:
    network, weights = trained(model, to.parent)
    facts, _ = export("some_experiment", arch_of(model), model, weights, to)
    return network, facts


@dataclass(frozen=True)
class Exported:
    """A network, and the file that it was written to."""

    file: Path
    network: nn.Module
    facts: Facts


@pytest.fixture(scope="module")
def export_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Exported]:
    """Export a tiny network for all tests that ask for it: the tracer takes up to half a minute."""

    @cache
    def once(name: str, suffix: str) -> Exported:
        file = tmp_path_factory.mktemp("exported") / f"net{suffix}"
        return Exported(file, *exported(TINY[name], file))

    return once


def facts_in(path: Path) -> Facts:
    if path.suffix == ".pt2":
        extra = {torch_file.FACTS_FILE: ""}
        torch.export.load(path, extra_files=extra)
        read: Facts = json.loads(extra[torch_file.FACTS_FILE])
        return read
    content = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    return {key: json.loads(value) for key, value in content.items()}


# ------------------------------------------------------------------------ what they compute


def test_every_architecture_is_exported_here() -> None:
    assert set(TINY) == {*NETWORKS, "shared", "separate"}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", TINY)
def test_a_file_computes_what_its_network_does_at_any_size(
    name: str, suffix: str, export_once: Callable[[str, str], Exported]
) -> None:
    model, written = TINY[name], export_once(name, suffix)
    network = written.network

    run = FORMATS[suffix].open_network(written.file)

    bands = [1, 4] if model.channels == "shared" else [model.input_channels]
    least = model.multiple
    for count, height, width in [(1, least, least + 1), (5, 61, 30), (2, 64, 64), (1, 33, 90)]:
        for channels in bands:
            batch = torch.rand(count, channels + model.takes_noise_map, height, width)
            with torch.no_grad():
                assert torch.allclose(run(batch), network(batch), atol=1e-4)


@pytest.mark.parametrize("suffix", FORMATS)
def test_batch_normalisation_is_folded(suffix: str, tmp_path: Path) -> None:
    exported(SMALL["dncnn"], tmp_path / f"net{suffix}")

    if suffix == ".onnx":
        operations = {node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node}
        assert operations == {"Conv", "Relu", "Sub"}
    else:
        graph = torch.export.load(tmp_path / "net.pt2").graph_module.code
        assert "conv2d" in graph
        assert "batch_norm" not in graph


# -------------------------------------------------------------------- what they say


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_says_what_its_user_needs(suffix: str, tmp_path: Path) -> None:
    to = tmp_path / f"net{suffix}"
    exported(SMALL["dncnn colour"], to)

    assert facts_in(to) == {
        "format_version": 1,
        "experiment": "some_experiment",
        "architecture": "dncnn",
        "settings": SMALL["dncnn colour"].model_dump(),
        "channels": 3,
        "halo": 5,
        "scale": 1,
        "multiple": 1,
        "noise_map": False,
        "value_range": [0, 1],
        "weights_sha256": sha256_of(tmp_path / "weights.safetensors"),
    }


@pytest.mark.parametrize(
    ("model", "channels"), [(SHARED, "any"), (SEPARATE, 3), (SMALL["rednet"], 1)]
)
def test_channels_are_those_of_the_images(model: Model, channels: object, tmp_path: Path) -> None:
    _, facts = exported(model, tmp_path / "net.pt2")

    assert facts["channels"] == channels


def test_axes_have_names(tmp_path: Path) -> None:
    exported(SHARED, tmp_path / "net.onnx")

    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")

    (degraded,), (restored,) = session.get_inputs(), session.get_outputs()
    assert (degraded.name, degraded.type) == ("degraded", "tensor(float)")
    assert (restored.name, restored.type) == ("restored", "tensor(float)")
    assert degraded.shape == restored.shape == ["batch", "channels", "height", "width"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_names_no_folder_of_the_machine_that_wrote_it(suffix: str, tmp_path: Path) -> None:
    to = tmp_path / f"net{suffix}"
    exported(SMALL["dncnn"], to)

    content = to.read_bytes()

    for place in (tmp_path, Path(__file__).parents[2], Path(torch.__file__).parent):
        assert str(place).encode() not in content


# --------------------------------------------------------------------- grids, larger output


class Halving(nn.Module):
    """A network with all that makes sizes hard: a grid, pooling, sub-pixels, and a crop."""

    def __init__(self, channels: int, multiple: int) -> None:
        super().__init__()
        self.multiple = multiple
        self.inside = nn.Conv2d(channels, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 8, 2, stride=2)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.deep = nn.Conv2d(8, 32, 3, padding=1)
        self.out = nn.Conv2d(8, channels, 3, padding=1)

    def forward(self, batch: Tensor) -> Tensor:
        height, width = batch.shape[-2:]
        features = self.inside(pad_to_multiple(batch, self.multiple)).relu()
        halved = self.down(features)
        even = torch.cat([halved[:, :4, 0::2, 0::2], halved[:, 4:, 1::2, 1::2]], dim=1)
        halved = halved + pixel_shuffle(self.deep(even + max_pool2d(halved, 2)), 2)
        restored: Tensor = self.out(self.up(halved) + features)
        return batch + restored[..., :height, :width]


class Halved(Model):
    """Settings of a network with a grid."""

    @property
    def multiple(self) -> int:
        return 8


class Larger(nn.Module):
    """A network whose output is three times as large as its input."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 9, 3, padding=1)

    def forward(self, batch: Tensor) -> Tensor:
        return pixel_shuffle(self.layer(batch), 3)


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_networks_that_pad_to_a_grid_are_exact_on_and_off_it(form: Any, tmp_path: Path) -> None:
    network, model = Halving(3, 8).eval(), Halved(channels=3)

    form.write(capture(network, model), model, {}, tmp_path / "net")

    run = form.open_network(tmp_path / "net")
    for count, height, width in [(1, 8, 8), (1, 9, 15), (2, 16, 23), (3, 57, 40), (1, 63, 65)]:
        batch = torch.rand(count, 3, height, width)
        with torch.no_grad():
            assert torch.allclose(run(batch), network(batch), atol=1e-5)


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_networks_that_enlarge_do_so_at_any_size(form: Any, tmp_path: Path) -> None:
    network, model = Larger().eval(), SMALL["vdsr"]

    form.write(capture(network, model), model, {}, tmp_path / "net")

    run = form.open_network(tmp_path / "net")
    for height, width in [(1, 2), (17, 30)]:
        batch = torch.rand(2, 1, height, width)
        with torch.no_grad():
            assert torch.allclose(run(batch), network(batch), atol=1e-5)


# ------------------------------------------------------------------------------ tiles


def example_for_people(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the program of ``docs/export.md``, all that somebody needs beside the file."""
    (program,) = blocks("docs/export.md", "python")
    (folder / "program.py").write_text(program.text)
    monkeypatch.chdir(folder)
    return runpy.run_path("program.py")


@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_with_the_halo_of_the_file_give_what_the_whole_image_gives(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    export_once: Callable[[str, str], Exported],
) -> None:
    model, written = TINY[name], export_once(name, ".onnx")
    network, facts = written.network, written.facts
    shutil.copyfile(written.file, tmp_path / "dncnn_s25.onnx")
    program = example_for_people(tmp_path, monkeypatch)
    batch = torch.rand(2, model.planes, 75, 90)
    with torch.no_grad():
        whole = network(batch).numpy()

    if facts["halo"] is None:
        pytest.skip("the network looks at the whole image")
    tiled = program["restore"](batch.numpy(), tile=32)
    program["facts"]["halo"] = 0
    seams = program["restore"](batch.numpy(), tile=32)

    assert tiled.shape == whole.shape
    assert np.abs(tiled - whole).max() < 1e-5
    assert np.abs(seams - whole).max() > 1e-3


# --------------------------------------------------------------------------- refusals


class SizeOfItsExample(nn.Module):
    """A network that a capture cannot follow: what it does depends on the size of the image."""

    def forward(self, batch: Tensor) -> Tensor:
        return batch * 2 if batch.shape[-1] > 20 else batch


def test_a_network_that_depends_on_the_size_is_refused() -> None:
    with pytest.raises(ExportError, match="cannot capture SizeOfItsExample for images of every"):
        capture(SizeOfItsExample(), SMALL["vdsr"])


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (lambda batch: batch + 0.001, "differs from the network by 0.001, more than 0.0001"),
        (lambda batch: batch * torch.nan, "differs from the network by nan"),
        (
            lambda batch: batch[..., 1:],
            r"gives a batch of \(1, 1, 1, 0\) instead of \(1, 1, 1, 1\)",
        ),
        (
            lambda batch: batch.reshape(-1, 7),
            "fails: shape '.*' is invalid .* for a batch of 1x1x1x1",
        ),
    ],
)
def test_a_file_that_computes_something_else_is_refused(
    run: Callable[[Tensor], Tensor], said: str
) -> None:
    with pytest.raises(ExportError, match=said):
        checking.check(run, nn.Identity(), SMALL["vdsr"])


def test_a_file_that_computes_something_else_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "TOLERANCE", -1.0)

    with pytest.raises(ExportError, match="no file was left"):
        exported(SMALL["vdsr"], tmp_path / "net.onnx")

    assert {path.name for path in tmp_path.iterdir()} == {"weights.safetensors"}


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    _, weights = trained(SMALL["dncnn"], tmp_path)

    with pytest.raises(ExportError, match="does not hold the weights of the VDSR"):
        export("some", "vdsr", SMALL["vdsr"], weights, tmp_path / "net.pt2")

    assert not (tmp_path / "net.pt2").exists()
