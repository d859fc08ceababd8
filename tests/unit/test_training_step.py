"""Steps in parts, on less memory, compiled: the same weights as in one piece."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters

from pipeline.machine.precision import Precision
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.settings.params import Recipe
from pipeline.training.checkpoints import CheckpointFile
from pipeline.training.choosing import choose_way
from pipeline.training.loop import Training, TrainingStoppedError
from pipeline.training.step import NoSmallerStepError, Step, Way
from tests.unit.test_training_loop import recipe, run, training, weights

pytestmark = pytest.mark.usefixtures("one_thread")

PLAIN = Way(Precision.FLOAT32, compiled=False)
LOSSES = ("mse", "l1", "half_sse")


def network(*, batch_norm: bool = False) -> nn.Module:
    return build_model(
        DnCNN(channels=1, width=6, depth=4, batch_norm=batch_norm, residual=True), 0
    ).train()


def batch(patches: int = 8) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(0)
    clean = torch.rand((patches, 1, 10, 10), generator=source)
    return clean + 0.1 * torch.randn(clean.shape, generator=source), clean


def after(step: Step, steps: int = 3) -> list[Tensor]:
    for _ in range(steps):
        step.take(*batch(), rate=1e-2)
    return [value.clone() for value in step.network.state_dict().values()]


def settings(loss: str = "mse", **changes: Any) -> Recipe:
    return recipe(batch=8, loss=loss, optimiser=SGD, **changes)


SGD = {"kind": "sgd", "momentum": 0.9, "weight_decay": 0.001}
"""Adam divides tiny gradients by themselves, so that their last bits matter."""


class Hungry(nn.Module):
    """A network whose machine has memory for a few patches only."""

    def __init__(self, fits: int, *, batch_norm: bool = False) -> None:
        super().__init__()
        self.inner = network(batch_norm=batch_norm)
        self.fits = fits

    def forward(self, degraded: Tensor) -> Tensor:
        restored: Tensor = self.inner(degraded)
        if len(degraded) > self.fits:
            raise torch.OutOfMemoryError
        return restored


# ----------------------------------------------------------------------------- in parts


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shrinks", [1, 2, 3])
def test_parts_give_the_weights_of_the_whole_batch(loss: str, shrinks: int) -> None:
    whole, parts = (Step(network(), settings(loss), PLAIN) for _ in range(2))

    for _ in range(shrinks):
        parts.shrink()

    for one, other in zip(after(parts), after(whole), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-7)
    assert torch.allclose(parts.sums, whole.sums, rtol=1e-5)


def test_parts_of_unequal_size_count_by_their_patches() -> None:
    whole, parts = (Step(network(), settings(), PLAIN) for _ in range(2))

    parts.load(micro_batch=3, offloads=False)

    for one, other in zip(after(parts), after(whole), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-7)


def test_each_shrinking_halves_the_parts_down_to_single_patches() -> None:
    step = Step(network(), settings(), PLAIN)

    said = [step.shrink() for _ in range(3)]

    assert said == [f"the batch of 8 goes in parts of {size}" for size in (4, 2, 1)]
    with pytest.raises(NoSmallerStepError, match="at a single patch: choose smaller patches"):
        step.shrink()


def test_batch_normalisation_keeps_the_batch_whole_and_says_what_to_do() -> None:
    step = Step(network(batch_norm=True), settings(), PLAIN)

    with pytest.raises(NoSmallerStepError, match="lower the recipe's batch"):
        step.shrink()

    assert step.micro_batch == 8


@pytest.mark.parametrize("batch_norm", [True, False])
def test_what_waits_in_the_memory_of_the_host_comes_back_to_the_bit(batch_norm: bool) -> None:
    kept, moved = (Step(network(batch_norm=batch_norm), settings(), PLAIN) for _ in range(2))

    moved.load(micro_batch=8, offloads=True)

    assert all(torch.equal(a, b) for a, b in zip(after(moved), after(kept), strict=True))


# --------------------------------------------------------------------- out of memory


def hungry_training(folder: Path, chosen: Recipe, fits: int, **kind: bool) -> Training:
    one = training(folder / "pairs", chosen)
    return Training(
        Hungry(fits, **kind),
        one.batches,
        chosen,
        way=PLAIN,
        checkpoint=CheckpointFile(folder / "hungry", "digest"),
    )


def test_training_goes_on_in_smaller_parts_where_memory_runs_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chosen = recipe(optimiser=SGD)

    poor = run(hungry_training(tmp_path / "poor", chosen, fits=1))

    rich = run(hungry_training(tmp_path / "rich", chosen, fits=4))
    said = capfd.readouterr().err.splitlines()
    goes_on = "memory ran out; training goes on from step 0:"
    assert said == [
        f"{goes_on} patches are read ahead from the disk",
        f"{goes_on} the batch of 4 goes in parts of 2",
        f"{goes_on} the batch of 4 goes in parts of 1",
    ]
    for one, other in zip(
        poor.network.state_dict().values(), rich.network.state_dict().values(), strict=True
    ):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)


def test_memory_that_runs_out_late_goes_back_to_the_last_checkpoint(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    started = hungry_training(tmp_path, recipe(optimiser=SGD), fits=4)
    network_of = cast("Hungry", started.network)
    steps: list[int] = []

    def take_memory_away(step: int) -> None:
        steps.append(step)
        if step == 6:
            network_of.fits = 2

    run(started, on_step=take_memory_away)

    assert "goes on from step 4" in capfd.readouterr().err
    assert steps == [1, 2, 3, 4, 5, 6, *range(5, 14)]


def test_training_in_parts_resumes_exactly(tmp_path: Path) -> None:
    undisturbed = run(hungry_training(tmp_path / "one", recipe(), fits=2))

    with pytest.raises(TrainingStoppedError):
        run(hungry_training(tmp_path / "other", recipe(), fits=2), stop_after=6)
    resumed = hungry_training(tmp_path / "other", recipe(), fits=4)

    assert weights(run(resumed)) == weights(undisturbed)


def test_errors_of_other_kinds_are_not_taken_for_a_lack_of_memory(tmp_path: Path) -> None:
    broken = hungry_training(tmp_path, recipe(), fits=4)
    broken.network.inner = nn.Conv2d(3, 1, 3)

    with pytest.raises(RuntimeError, match="to have 3 channels"):
        run(broken)


def test_a_failed_step_of_a_normalised_network_ends_the_training(tmp_path: Path) -> None:
    with pytest.raises(NoSmallerStepError, match="batch normalisation needs all of a batch"):
        run(hungry_training(tmp_path, recipe(), fits=2, batch_norm=True))


def test_a_step_that_would_not_fit_is_made_smaller_before_it_is_taken(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.training.choosing.free_memory", lambda _device: 60_000)

    poor = training(tmp_path, recipe(), batch_norm=False)

    assert poor._step.micro_batch < 4
    assert "MiB, free are 0: the batch of 4 goes in parts of 2" in capfd.readouterr().err


# ------------------------------------------------------------------------------- compiled


@pytest.mark.slow
def test_compiled_training_resumes_exactly_and_agrees_with_the_plain_one(tmp_path: Path) -> None:
    compiled = recipe(compile="always", optimiser=SGD)
    undisturbed = run(training(tmp_path / "one", compiled))

    with pytest.raises(TrainingStoppedError):
        run(training(tmp_path / "other", compiled), stop_after=6)
    resumed = run(training(tmp_path / "other", compiled))

    plain = run(training(tmp_path / "plain", recipe(optimiser=SGD)))
    assert weights(resumed) == weights(undisturbed)
    for one, other in zip(
        resumed.network.state_dict().values(), plain.network.state_dict().values(), strict=True
    ):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_network_is_compiled_once_however_often_it_is_tried(tmp_path: Path) -> None:
    torch._dynamo.reset()
    counters.clear()
    chosen = recipe(compile="always", steps=3)
    one = training(tmp_path, chosen)

    way = choose_way(one.network, one.batches, chosen)
    run(one)

    assert way.compiled
    assert counters["stats"]["unique_graphs"] == 1


@pytest.mark.slow
def test_without_a_compiler_training_goes_on_and_says_so(tmp_path: Path, root: Path) -> None:
    missing = {"CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}

    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.test_training_step", str(tmp_path)],
        cwd=root,
        env={**os.environ, **missing},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "False"
    (line,) = [line for line in done.stderr.splitlines() if "torch.compile" in line]
    assert line.startswith("torch.compile does not work here, training goes on without it: ")


def test_short_trainings_are_not_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = training(tmp_path, recipe())

    way = choose_way(network(), one.batches, recipe(compile="auto"))

    assert way == PLAIN


def test_choosing_leaves_the_network_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fresh = network(batch_norm=True)
    before = hashlib.sha256(str(fresh.state_dict()).encode()).hexdigest()

    choose_way(fresh, training(tmp_path, recipe()).batches, recipe(compile="auto"))

    assert hashlib.sha256(str(fresh.state_dict()).encode()).hexdigest() == before
    assert all(parameter.grad is None for parameter in fresh.parameters())


if __name__ == "__main__":
    _wish = recipe(compile="always")
    _pairs = training(Path(sys.argv[1]), _wish).batches
    sys.stdout.write(str(choose_way(network(), _pairs, _wish).compiled))
