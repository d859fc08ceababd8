"""What only a GPU can show: captured steps, memory that runs out there, results to the bit."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.arrays.training_set import DrawnNoise
from pipeline.machine.precision import Precision
from pipeline.models.parts.building import build_model
from pipeline.models.vdsr.settings import VDSR
from pipeline.tiling.restorer import Restorer
from pipeline.training.checkpoints import CheckpointFile
from pipeline.training.loop import Training
from pipeline.training.pairs import Pairs
from pipeline.training.step import Way
from tests.unit.test_training_loop import recipe, run, training, weights
from tests.whole_image import apply

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")


@pytest.fixture(autouse=True)
def reproducible(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_captured_steps_are_taken_and_give_the_weights_of_single_kernels(
    tmp_path: Path, precision: str, batch_norm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = recipe(precision=precision, steps=30)
    captured = run(training(tmp_path / "one", chosen, CUDA, batch_norm=batch_norm))
    monkeypatch.setattr("pipeline.training.captured.STEPS_BEFORE_CAPTURE", 10**9)

    single = run(training(tmp_path / "other", chosen, CUDA, batch_norm=batch_norm))

    assert captured._step._captured is not None
    assert captured._step._captured.launches_as_one
    assert single._step._captured is not None
    assert not single._step._captured.launches_as_one
    assert weights(captured) == weights(single)


def test_no_step_waits_for_the_gpu(tmp_path: Path) -> None:
    started = training(tmp_path, recipe(steps=40, log_every=1000, checkpoint_every=1000), CUDA)

    def forbid(step: int) -> None:
        # After the capture nothing may wait until the last step, which reads the losses.
        torch.cuda.set_sync_debug_mode("error" if 5 <= step < 39 else "default")

    try:
        run(started, on_step=forbid)
    finally:
        torch.cuda.set_sync_debug_mode("default")

    assert started.step == 40


@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_batch_that_the_gpu_cannot_hold_is_trained_on_all_the_same(
    tmp_path: Path, batch_norm: bool
) -> None:
    before = torch.cuda.memory_allocated()
    total = torch.cuda.get_device_properties(0).total_memory
    rng = np.random.default_rng(0)
    chosen = recipe(batch=64, steps=4)
    pairs = Pairs(
        clean=rng.integers(0, 256, (64, 96, 96, 1), dtype=np.uint8),
        degraded=None,
        noise=DrawnNoise(sigma_8bit=25.0, peak=0.0, rounded=False),
        key=(0, "e"),
        batch=64,
        augment=True,
        device=CUDA,
    )
    network = build_model(VDSR(channels=1, width=64, depth=8), 0)
    if batch_norm:
        network = torch.nn.Sequential(network, torch.nn.BatchNorm2d(1))
    started = Training(
        network.to(CUDA),
        pairs,
        chosen,
        way=Way(Precision.FLOAT32, compiled=False),
        checkpoint=CheckpointFile(tmp_path, "digest"),
    )
    torch.cuda.set_per_process_memory_fraction((before + 700 * 2**20) / total)
    try:
        run(started)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)

    assert started.step == 4
    assert started._step.offloads if batch_norm else started._step.micro_batch < 64


def test_batches_of_tiles_give_the_result_of_the_whole_image() -> None:
    network = build_model(VDSR(channels=1, width=16, depth=8), 0).eval()
    degraded = np.random.default_rng(0).random((900, 1100, 1), dtype=np.float32)

    tiled = Restorer(network, CUDA, tile=128, halo=8).restore(degraded)

    assert np.abs(tiled - apply(degraded, network, CUDA)).max() <= 1e-5
