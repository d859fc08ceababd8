import json
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.pixels import Array
from pipeline.exchange.exporting.checked_export import export
from pipeline.exchange.programs import ProgramError
from pipeline.exchange.programs.surroundings import grid_of, halo_of_program, surroundings_of
from pipeline.images.benchmarks import images_of, restored_path
from pipeline.images.files import write_png
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.runet.settings import RUNet
from pipeline.settings.params import FolderDataset, Trial
from pipeline.settings.programs import Program
from stages.degrade_test import degrade_test
from stages.reconstruct import reconstruct
from stages.reconstruct_programs import reconstruct_programs
from tests.stage.graph_data import NOISE, degradation, download_photos, fetch, photo, trial

SMALL = degradation(kind="bicubic", scale=2, quantise=True, result="low")


class Smoother(nn.Module):
    """What somebody else may have written: a mean of 3x3 pixels, one matrix of colours behind it.

    The first colour gets the largest weight, so that their order matters, and all become a little
    darker, so that their range does.
    """

    def __init__(
        self,
        channels: int = 3,
        white: float = 1.0,
        weights: tuple[float, float, float] = (1.0, 0.9, 0.5),
    ) -> None:
        super().__init__()
        self.channels = channels
        self.white = white
        self.weights = weights

    def forward(self, batch: Tensor) -> Tensor:
        kernel = torch.full((self.channels, 1, 3, 3), 1 / 9)
        padded = nn.functional.pad(batch, (1, 1, 1, 1), mode="replicate")
        mean = nn.functional.conv2d(padded, kernel, groups=self.channels)
        if self.channels == 1:
            return mean
        gains = torch.tensor(self.weights).reshape(1, 3, 1, 1)
        return self.white - torch.relu(self.white - torch.relu(mean * gains - 0.01 * self.white))


class Averaging(nn.Module):
    """A network that looks at the whole image."""

    def forward(self, batch: Tensor) -> Tensor:
        return 0.9 * batch + 0.1 * batch.mean(dim=(2, 3), keepdim=True)


class InCells(nn.Module):
    """A network on a grid of 8 pixels, which refuses other sizes."""

    def forward(self, batch: Tensor) -> Tensor:
        small = nn.functional.pixel_unshuffle(batch, 8)
        kernel = torch.ones(small.shape[1], 1, 3, 3) / 9
        return nn.functional.pixel_shuffle(
            nn.functional.conv2d(small, kernel, padding=1, groups=small.shape[1]), 8
        )


class PaddingItself(nn.Module):
    """A network that averages cells of 8 pixels and takes images of other sizes too."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode

    def forward(self, batch: Tensor) -> Tensor:
        height, width = batch.shape[2:]
        whole = nn.functional.pad(batch, (0, -width % 8, 0, -height % 8), mode=self.mode)
        means = nn.functional.avg_pool2d(whole, 8)
        return means.repeat_interleave(8, 2).repeat_interleave(8, 3)[..., :height, :width]


class NotANumber(nn.Module):
    def forward(self, batch: Tensor) -> Tensor:
        return batch / 0


def write_onnx(network: nn.Module, path: Path, channels: int = 3, side: int | None = None) -> Path:
    example = torch.rand(1, channels, side or 32, side or 40)
    axes = None if side else {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            dynamic_shapes=None if axes is None else (axes,),
            verbose=False,
        )
    assert program is not None
    path.write_bytes(program.model_proto.SerializeToString())
    return path


def entry(
    path: Path,
    channels: Literal["gray", "rgb", "bgr"] = "rgb",
    values: tuple[float, float] = (0, 1),
    *,
    scale: int = 1,
    kind: Literal["onnx", "torch_export", "spandrel"] = "onnx",
    noise_map: bool = False,
) -> Program:
    return Program(
        kind=kind,
        source=str(path),
        channels=channels,
        values=list(values),
        scale=scale,
        noise_map=noise_map,
        test_on="bench",
    )


def download_colours(folder: Path) -> Path:
    """Return the raw folder of images whose red is bright, and whose blue is dark."""
    source = folder / "photos"
    source.mkdir()
    tints = np.array([1.0, 0.7, 0.3], np.float32)
    for seed, name in enumerate("ab"):
        write_png(source / f"{name}.png", photo(seed, 72, 80, channels=3) * tints)
    return fetch(folder, FolderDataset(kind="folder", source=str(source)), source)


def write_benchmark(folder: Path, one: Trial) -> Path:
    raw = download_colours(folder) if one.colour == "rgb" else download_photos(folder)
    degrade_test(trials=[one], raw=raw.parent, out=folder / "bench", seed=0)
    return folder / "bench"


def run(folder: Path, program: Program, tile: int = 512) -> Path:
    reconstruct_programs(
        program=program,
        source=Path(program.source),
        benchmark=folder / "bench",
        out=folder / "restored",
        threads=1,
        tile=tile,
    )
    return folder / "restored"


def facts_of(restored: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((restored / "tiling.json").read_text())
    return found


@pytest.mark.parametrize("kind", ["onnx", "torch_export"])
@pytest.mark.parametrize("noise_map", [False, True])
def test_a_network_of_ours_restores_the_same_as_a_program(
    tmp_path: Path, kind: Literal["onnx", "torch_export"], *, noise_map: bool
) -> None:
    model = RUNet(channels=1, widths=[4, 8], blocks=[1, 1], noise_map=noise_map)
    (tmp_path / "weights").mkdir()
    weights = tmp_path / "weights/weights.safetensors"
    save_file(build_model(model, seed=3).state_dict(), weights)
    (tmp_path / "weights/card.json").write_text(json.dumps({"weights_sha256": sha256_of(weights)}))
    path = tmp_path / ("net.onnx" if kind == "onnx" else "net.pt2")
    export("net", "runet", model, weights, path)
    bench = write_benchmark(tmp_path, trial(NOISE))
    reconstruct(
        model=model,
        model_name="runet.tiny",
        weights=tmp_path / "weights",
        benchmark=bench,
        way="plain",
        out=tmp_path / "ours",
        threads=1,
        tile=32,
        precision="float32",
    )

    restored = run(tmp_path, entry(path, "gray", kind=kind, noise_map=noise_map), tile=32)

    for image in images_of(bench):
        ours = np.load(restored_path(tmp_path / "ours", image))
        np.testing.assert_allclose(np.load(restored_path(restored, image)), ours, atol=2e-6)
    facts = facts_of(restored)
    assert facts["exact"]
    assert isinstance(facts["halo"], int)
    assert model.receptive_field is not None
    assert facts["halo"] <= model.receptive_field // 2 + model.multiple


def test_colours_in_another_order_and_range_are_brought_to_ours(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, trial(NOISE, colour="rgb"))
    network = Smoother(white=255, weights=(0.5, 0.9, 1.0))
    path = write_onnx(network, tmp_path / "net.onnx")

    restored = run(tmp_path, entry(path, "bgr", (0, 255)))

    for image in images_of(bench):
        degraded = torch.from_numpy(image.degraded()).permute(2, 0, 1)[None].flip(1) * 255
        expected = network(degraded).flip(1)[0].permute(1, 2, 0).numpy() / 255
        np.testing.assert_allclose(np.load(restored_path(restored, image)), expected, atol=1e-6)


def test_a_network_on_a_grid_is_given_whole_cells() -> None:
    network = InCells()

    assert grid_of(network, 1) == 8
    assert halo_of_program(network, 1, multiple=8, scale=1) == 8


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (Smoother(1), (1, 1)),
        (InCells(), (8, 8)),
        (PaddingItself("reflect"), (8, 0)),
        # Tiles would need another end of the image.
        (PaddingItself("constant"), (1, None)),
        (Averaging(), (1, None)),
    ],
)
def test_tiles_begin_where_the_cells_of_a_network_do(
    network: nn.Module, expected: tuple[int, int | None]
) -> None:
    assert surroundings_of(network, 1, scale=1) == expected


def test_a_grid_that_a_file_names_is_kept() -> None:
    assert surroundings_of(Smoother(1), 1, scale=1, least=4) == (4, 4)


def test_a_network_that_looks_at_the_whole_image_has_no_halo() -> None:
    assert halo_of_program(Averaging(), 1, multiple=1, scale=1) is None


@pytest.mark.parametrize("depth", [3, 6])
def test_the_halo_of_a_deep_network_is_its_depth(depth: int) -> None:
    model = DnCNN(channels=1, width=8, depth=depth, batch_norm=False, residual=True)
    network = build_model(model, seed=0).eval()

    with torch.inference_mode():
        halo = halo_of_program(network, 1, multiple=1, scale=1)

    # The outermost pixels move it by less than the last bits of float32.
    assert halo is not None
    assert depth - 2 <= halo <= depth


def test_an_image_averaged_as_a_whole_is_restored_as_a_whole(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, trial(NOISE))
    path = write_onnx(Averaging(), tmp_path / "net.onnx", channels=1)

    restored = run(tmp_path, entry(path, "gray"), tile=16)

    assert facts_of(restored)["halo"] is None
    for image in images_of(bench):
        degraded = image.degraded()
        expected = 0.9 * degraded + 0.1 * degraded.mean()
        np.testing.assert_allclose(np.load(restored_path(restored, image)), expected, atol=1e-5)


def test_a_program_of_one_size_restores_larger_images_in_windows_not_exactly(
    tmp_path: Path,
) -> None:
    bench = write_benchmark(tmp_path, trial(NOISE))
    path = write_onnx(Smoother(1), tmp_path / "net.onnx", channels=1, side=32)

    restored = run(tmp_path, entry(path, "gray"))

    assert not facts_of(restored)["exact"]
    for image in images_of(bench):
        degraded = torch.from_numpy(image.degraded()).permute(2, 0, 1)[None]
        whole = Smoother(1)(degraded)[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(np.load(restored_path(restored, image)), whole, atol=1e-6)


def test_a_program_that_enlarges_gives_images_of_the_clean_size(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, trial(SMALL, "gray"))
    path = write_onnx(nn.Upsample(scale_factor=2, mode="nearest"), tmp_path / "n.onnx", channels=1)

    restored = run(tmp_path, entry(path, "gray", scale=2))

    for image in images_of(bench):
        expected: Array = image.degraded().repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(np.load(restored_path(restored, image)), expected)


@pytest.mark.parametrize(
    ("network", "written", "fault"),
    [
        (Smoother(), {"channels": "bgr"}, "and to .* dB with values: .0, 1. and channels: rgb"),
        (
            Smoother(white=255),
            {"values": [0.0, 1.0]},
            "and to .* dB with values: .0, 255. and channels: rgb",
        ),
        (NotANumber(), {}, "makes infinite values, or such as are no numbers"),
        (Smoother(), {"scale": 2}, "gives a batch of 1x3x64x64 for one of .*; expected 1x3x128x"),
        (Smoother(1), {"channels": "gray"}, None),
    ],
)
def test_what_the_entry_gets_wrong_is_found_on_a_test_image(
    tmp_path: Path, network: nn.Module, written: dict[str, object], fault: str | None
) -> None:
    gray = written.get("channels") == "gray"
    write_benchmark(tmp_path, trial(NOISE, "gray" if gray else "rgb"))
    path = write_onnx(network, tmp_path / "net.onnx", channels=1 if gray else 3)
    program = Program.model_validate({**entry(path).model_dump(), **written})

    if fault is None:
        run(tmp_path, program)
    else:
        with pytest.raises(ProgramError, match=fault):
            run(tmp_path, program)
        assert not (tmp_path / "restored").exists()


def test_a_file_for_other_channels_is_refused(tmp_path: Path) -> None:
    write_benchmark(tmp_path, trial(NOISE))
    path = write_onnx(Smoother(), tmp_path / "net.onnx")

    with pytest.raises(ProgramError, match=r"an input of 1 channel\(s\).*the file's has 3"):
        run(tmp_path, entry(path, "gray"))


def test_operators_that_nobody_knows_are_refused_by_name(tmp_path: Path) -> None:
    write_benchmark(tmp_path, trial(NOISE))
    path = write_onnx(Smoother(1), tmp_path / "net.onnx", channels=1)
    content = onnx.load(path)
    content.graph.node[0].op_type = "WaveletOfMine"
    content.graph.node[0].domain = "com.example"
    opset = content.opset_import.add()
    opset.domain, opset.version = "com.example", 1
    onnx.save(content, path)

    with pytest.raises(ProgramError, match=r"cannot be opened as onnx: .*WaveletOfMine"):
        run(tmp_path, entry(path, "gray"))


@pytest.mark.parametrize("kind", ["onnx", "torch_export"])
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, kind: Literal["onnx", "torch_export"]
) -> None:
    write_benchmark(tmp_path, trial(NOISE))
    path = tmp_path / "net"
    path.write_bytes(b"not a network")

    with pytest.raises(ProgramError, match=f"cannot be opened as {kind}"):
        run(tmp_path, entry(path, "gray", kind=kind))


def test_a_window_larger_than_an_image_is_refused(tmp_path: Path) -> None:
    write_benchmark(tmp_path, trial(NOISE))
    path = write_onnx(Smoother(1), tmp_path / "net.onnx", channels=1, side=128)

    with pytest.raises(ProgramError, match="takes images of at least 128 pixels a side"):
        run(tmp_path, entry(path, "gray"))
