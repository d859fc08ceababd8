"""Weights of architectures that spandrel knows, as programs: restored as their own code does."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.exchange.programs import ProgramError
from pipeline.exchange.programs.opening import open_program
from pipeline.images.benchmarks import images_of, restored_path
from pipeline.settings.programs import Program
from tests.stage.graph_data import NOISE, trial
from tests.stage.test_reconstruct_programs import (
    SMALL,
    entry,
    facts_of,
    run,
    write_benchmark,
)
from tests.zoo import spandrel_or_skip

pytestmark = [
    pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning"),
    pytest.mark.filterwarnings("ignore:'saved_variables':DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def spandrel(monkeypatch: pytest.MonkeyPatch) -> Any:
    torch.manual_seed(0)
    return spandrel_or_skip(monkeypatch)


def nafnet() -> Any:
    from spandrel.architectures.NAFNet import NAFNet

    return NAFNet(
        img_channel=1, width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]
    )


def drunet() -> Any:
    from spandrel.architectures.DRUNet import DRUNet

    return DRUNet(in_nc=2, out_nc=1, nc=[4, 8, 8, 8], nb=2)


def swinir() -> Any:
    from spandrel.architectures.SwinIR import SwinIR

    return SwinIR(
        img_size=64,
        window_size=8,
        in_chans=1,
        embed_dim=4,
        depths=[2],
        num_heads=[1],
        mlp_ratio=2,
        upsampler="",
        resi_connection="1conv",
    )


def safmn() -> Any:
    from spandrel.architectures.SAFMN import SAFMN

    return SAFMN(dim=8, n_blocks=1, ffn_scale=2.0, upscaling_factor=2)


def span() -> Any:
    from spandrel.architectures.SPAN import SPAN

    return SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2)


def shaken(network: Any) -> Any:
    """Return a network none of whose parts is without effect, as some are before a training."""
    with torch.no_grad():
        for weights in network.parameters():
            weights += 0.05 * torch.randn_like(weights)
    return network.eval()


@pytest.fixture
def untested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the test image: these networks restore nothing."""
    monkeypatch.setattr("stages.reconstruct_programs.put_to_the_test", lambda *_: None)


def write(network: nn.Module, folder: Path) -> Path:
    """Write weights as training scripts do."""
    path = folder / "net.pth"
    torch.save({"params": network.state_dict(), "iter": 7}, path)
    return path


def spandrel_entry(
    path: Path,
    channels: Literal["gray", "rgb"] = "gray",
    *,
    scale: int = 1,
    noise_map: bool = False,
) -> Program:
    return entry(path, channels, scale=scale, kind="spandrel", noise_map=noise_map)


@pytest.mark.parametrize(
    ("make", "channels", "scale", "told", "cell"),
    [
        (nafnet, "gray", 1, False, None),
        (drunet, "gray", 1, True, 8),
        (swinir, "gray", 1, False, 8),
        (safmn, "rgb", 2, False, 8),
        (span, "rgb", 2, False, 1),
    ],
)
@pytest.mark.usefixtures("untested")
def test_weights_restore_as_the_code_of_their_authors_does_in_tiles_or_as_a_whole(
    tmp_path: Path,
    make: Callable[[], Any],
    channels: Literal["gray", "rgb"],
    scale: int,
    told: bool,
    cell: int | None,
) -> None:
    bench = write_benchmark(tmp_path, trial(SMALL if scale == 2 else NOISE, channels))
    network = shaken(make())
    program = spandrel_entry(write(network, tmp_path), channels, scale=scale, noise_map=told)

    restored = run(tmp_path, program, tile=16)

    facts = facts_of(restored)
    assert facts["exact"]
    assert (facts["halo"] is None) == (cell is None)
    for image in images_of(bench):
        batch = torch.from_numpy(image.degraded()).permute(2, 0, 1)[None]
        if told:
            batch = torch.cat([batch, torch.full_like(batch, 25 / 255)], dim=1)
        found = np.load(restored_path(restored, image))
        np.testing.assert_allclose(found, whole(network, batch, cell or 1), atol=5e-5)


def whole(network: Any, batch: Tensor, cell: int) -> Any:
    """Return what a network makes of an image, ``(H, W, C)``, mirrored to whole cells."""
    height, width = batch.shape[2:]
    padded = nn.functional.pad(batch, (0, -width % cell, 0, -height % cell), mode="reflect")
    with torch.inference_mode():
        made = network(padded)
    scale = made.shape[2] // padded.shape[2]
    return made[0, :, : scale * height, : scale * width].permute(1, 2, 0).numpy()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.usefixtures("untested")
def test_the_same_network_as_onnx_restores_the_same(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, trial(SMALL, "rgb"))
    network = shaken(span())
    path = tmp_path / "net.onnx"
    # The exporter that is older, as authors of such networks use it: it traces.
    torch.onnx.export(
        network,
        (torch.rand(1, 3, 32, 40),),
        str(path),
        dynamo=False,
        input_names=["low"],
        dynamic_axes={"low": {2: "height", 3: "width"}},
    )
    weights = write(network, tmp_path)
    onnx = run(tmp_path, entry(path, scale=2)).rename(tmp_path / "onnx")

    restored = run(tmp_path, spandrel_entry(weights, "rgb", scale=2))

    for image in images_of(bench):
        found = np.load(restored_path(restored, image))
        np.testing.assert_allclose(found, np.load(restored_path(onnx, image)), atol=1e-5)


def test_half_precision_in_safetensors_is_computed_in_float32(tmp_path: Path) -> None:
    network = nafnet().half()
    path = tmp_path / "net.safetensors"
    save_file(network.state_dict(), path)
    batch = torch.rand(1, 1, 32, 32)

    with torch.inference_mode():
        made = open_program("spandrel", path, threads=1).run(batch)

    with torch.inference_mode():
        expected = network.float()(batch)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-6)


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("beside", [False, True])
def test_a_pickle_that_wants_to_run_something_is_refused(tmp_path: Path, *, beside: bool) -> None:
    trace, path = tmp_path / "trace", tmp_path / "net.pth"
    attack = Malicious(trace)
    torch.save({"params": nafnet().state_dict(), "more": attack} if beside else attack, path)

    with pytest.raises(ProgramError, match=r"wants to call posix\.system.*never executed"):
        open_program("spandrel", path, threads=1)

    assert not trace.exists()


def test_weights_that_nobody_knows_are_refused_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"params": {"mine.weight": torch.ones(3)}}, path)

    with pytest.raises(ProgramError, match=r"1 name\(s\) that it does not \(mine\.weight\)"):
        open_program("spandrel", path, threads=1)


def test_a_network_that_takes_a_mask_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spandrel: Any
) -> None:
    class Masked:
        architecture = type("Architecture", (), {"name": "LaMa"})

    loader = type("Loader", (), {"load_from_state_dict": lambda *_: Masked()})
    monkeypatch.setattr(spandrel, "ModelLoader", loader)

    with pytest.raises(ProgramError, match="LaMa takes a mask beside it"):
        open_program("spandrel", write(nafnet(), tmp_path), threads=1)


@pytest.mark.parametrize(
    ("make", "channels", "scale", "told", "fault"),
    [
        (nafnet, "rgb", 1, False, "file's has 1: write channels: gray, noise_map: false"),
        (nafnet, "gray", 1, True, "file's has 1: write channels: gray, noise_map: false"),
        (drunet, "gray", 1, False, "file's has 2: write channels: gray, noise_map: true"),
        (span, "rgb", 4, False, "write scale: 2"),
    ],
)
def test_an_entry_that_contradicts_the_weights_is_told_what_to_write(
    tmp_path: Path,
    make: Callable[[], Any],
    channels: Literal["gray", "rgb"],
    scale: int,
    told: bool,
    fault: str,
) -> None:
    write_benchmark(tmp_path, trial(SMALL if scale > 1 else NOISE, channels))
    program = spandrel_entry(write(make(), tmp_path), channels, scale=scale, noise_map=told)

    with pytest.raises(ProgramError, match=fault):
        run(tmp_path, program)


def test_an_image_below_the_least_size_is_refused(tmp_path: Path) -> None:
    opened = open_program("spandrel", write(swinir(), tmp_path), threads=1)

    with pytest.raises(ProgramError, match="takes images of at least 16 pixels a side"):
        opened.run(torch.zeros(1, 1, 8, 64))
