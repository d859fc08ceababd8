from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipeline.arrays.pixels import Array
from pipeline.degradations.settings import Degradation
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.models.runet.settings import RUNet
from pipeline.recognition.labelled.fidelity import mean_psnr
from pipeline.recognition.labelled.samples import Labelled, read_card, read_labelled, write_labelled
from stages.degrade_input import degrade_input
from stages.restore_input import restore_input
from tests.recognition_data import clean_card, cube, images
from tests.stage.graph_data import NOISE, degradation

GRAY = DnCNN(channels=1, width=4, depth=4, batch_norm=True, residual=True)
COLOUR = GRAY.model_copy(update={"channels": 3})
TOLD = RUNet(channels=1, widths=[4], blocks=[1], noise_map=True)


def trained(folder: Path, model: Model) -> nn.Module:
    """Write weights with statistics of their own, and return their network."""
    network = build_model(model, seed=5).eval()
    rng = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if "running" in name:
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=rng))
    folder.mkdir()
    save_file(network.state_dict(), folder / "weights.safetensors")
    return network


def run(
    folder: Path, clean: Labelled, model: Model, degraded_by: Degradation = NOISE
) -> tuple[Path, nn.Module]:
    """Degrade and restore a task; return the folder of the restored samples, and the network."""
    network = trained(folder / "net", model)
    source, degraded, out = folder / "task", folder / "noisy", folder / "noisy_net"
    source.mkdir()
    write_labelled(source, clean, clean_card("task"))
    degrade_input(degradation=degraded_by, clean=source, out=degraded, seed=3)
    restore_input(
        model=model,
        model_name="dncnn.small",
        weights=folder / "net",
        degraded=degraded,
        clean=source,
        out=out,
        threads=1,
        precision="float32",
    )
    return out, network


def restored_by(network: nn.Module, planes: Any) -> Array:
    """Restore planes ``(N, C, H, W)``."""
    with torch.no_grad():
        result: Array = network(torch.from_numpy(np.ascontiguousarray(planes))).numpy()
    return result


def test_images_are_restored_with_the_trained_weights(tmp_path: Path) -> None:
    out, network = run(tmp_path, images(), COLOUR)

    degraded = read_labelled(tmp_path / "noisy").values
    expected = restored_by(network, degraded.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    found = read_labelled(out).values
    assert found == pytest.approx(expected, abs=1e-5)
    assert found.dtype == np.float32


def test_a_cube_is_restored_band_by_band(tmp_path: Path) -> None:
    out, network = run(tmp_path, cube(), GRAY)

    degraded = read_labelled(tmp_path / "noisy").values
    expected = restored_by(network, degraded.transpose(2, 0, 1)[:, None])[:, 0].transpose(1, 2, 0)
    assert read_labelled(out).values == pytest.approx(expected, abs=1e-5)


def test_a_network_is_told_the_level_of_the_degradation(tmp_path: Path) -> None:
    noise = degradation(kind="gaussian", sigma_8bit=50, quantise=False)
    out, network = run(tmp_path, images(channels=1), TOLD, noise)

    planes = read_labelled(tmp_path / "noisy").values.transpose(0, 3, 1, 2)
    told = np.concatenate([planes, np.full_like(planes, 50 / 255)], axis=1)
    found = read_labelled(out).values
    assert found == pytest.approx(restored_by(network, told).transpose(0, 2, 3, 1), abs=1e-5)


def test_labels_and_parts_are_those_of_the_task(tmp_path: Path) -> None:
    clean = images()

    out, _ = run(tmp_path, clean, GRAY)

    found = read_labelled(out)
    assert np.array_equal(found.labels, clean.labels)
    assert np.array_equal(found.parts, clean.parts)
    assert (found.kind, found.classes, found.shift) == (clean.kind, clean.classes, clean.shift)


def test_the_card_says_who_restored_what_and_how_well(tmp_path: Path) -> None:
    clean = images()

    out, _ = run(tmp_path, clean, GRAY)

    before = read_card(tmp_path / "noisy")
    assert read_card(out) == {
        "task": "task",
        "from": "noisy",
        "degradation": "gaussian_25",
        "degradation_in_words": "Gaussian noise, \N{GREEK SMALL LETTER SIGMA}\N{NO-BREAK SPACE}25",
        "sigma_8bit": 25.0,
        "restored_by": "net",
        "model": "dncnn.small",
        "psnr": mean_psnr(clean, read_labelled(out).values),
        "psnr_input": before["psnr"],
    }
    assert before["psnr"] == mean_psnr(clean, read_labelled(tmp_path / "noisy").values)


@pytest.mark.parametrize(
    "degraded_by",
    [
        degradation(kind="jpeg", quality=10, subsampling="yuv420", phase="aligned", draws=1),
        degradation(kind="gaussian", sigma_8bit={"min": 5, "max": 50}, quantise=False),
    ],
    ids=["jpeg", "blind"],
)
def test_a_network_that_is_to_be_told_what_is_not_known_is_refused(
    tmp_path: Path, degraded_by: Degradation
) -> None:
    with pytest.raises(ValueError, match="expected Gaussian noise of one sigma"):
        run(tmp_path, images(), TOLD, degraded_by)

    assert not (tmp_path / "noisy_net").exists()


def test_a_network_for_other_channels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a network for 6 channel\(s\)"):
        run(tmp_path, cube(), COLOUR)
