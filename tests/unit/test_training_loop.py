"""A small training, undisturbed and disturbed in every way: the weights are the same bytes."""

import hashlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.arrays.training_set import DrawnNoise
from pipeline.machine.precision import Precision
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.settings.params import Recipe
from pipeline.training.checkpoints import CheckpointFile, digest_of
from pipeline.training.loop import CurvePoint, Training, TrainingDivergedError, TrainingStoppedError
from pipeline.training.optimisation import learning_rate
from pipeline.training.pairs import Pairs
from pipeline.training.progress import Progress
from pipeline.training.step import Way

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")

ADAM = {"kind": "adam", "betas": [0.9, 0.999], "weight_decay": 0.001}
SGD = {"kind": "sgd", "momentum": 0.9, "weight_decay": 0.001}
MUON = {"kind": "muon", "momentum": 0.9, "betas": [0.9, 0.999]}

STEPS = 13


def recipe(**changes: Any) -> Recipe:
    settings = {
        "steps": STEPS,
        "batch": 4,
        "loss": "mse",
        "optimiser": ADAM,
        "learning_rate": 1e-2,
        "schedule": {"kind": "cosine", "warmup": 3, "final": 0.1},
        "clip": {"kind": "norm", "limit": 0.5},
        "precision": "float32",
        "compile": "never",
        "augment": True,
        "log_every": 5,
        "checkpoint_every": 4,
    }
    return Recipe.model_validate({**settings, **changes})


def training(
    folder: Path, chosen: Recipe, device: torch.device = CPU, *, batch_norm: bool = True
) -> Training:
    rng = np.random.default_rng(0)
    network = build_model(
        DnCNN(channels=1, width=6, depth=4, batch_norm=batch_norm, residual=True), 0
    )
    pairs = Pairs(
        clean=rng.integers(0, 256, (11, 10, 10, 1), dtype=np.uint8),
        degraded=None,
        noise=DrawnNoise(sigma_8bit=25.0, peak=0.0, rounded=False),
        key=(0, "e"),
        batch=chosen.batch,
        augment=chosen.augment,
        device=device,
    )
    return Training(
        network.to(device),
        pairs,
        chosen,
        way=Way(
            Precision(chosen.precision),
            compiled=chosen.compile == "always",
        ),
        checkpoint=CheckpointFile(folder, digest_of(chosen.model_dump())),
    )


def run(
    started: Training,
    stop_after: int | None = None,
    on_step: Callable[[int], None] = lambda _: None,
) -> Training:
    started.run(on_step, lambda _: None, lambda: started.step == stop_after)
    return started


def weights(done: Training) -> str:
    """Return a checksum of all weights and statistics."""
    digest = hashlib.sha256()
    for name, tensor in done.network.state_dict().items():
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def broken_after(step: int) -> Callable[[int], None]:
    """Return a callback that ends a training like a crash: nothing is saved."""

    def on_step(done: int) -> None:
        if done == step:
            raise ConnectionError

    return on_step


# ---------------------------------------------------------------------------- resuming


VARIANTS: dict[str, dict[str, Any]] = {
    "adam": {},
    "muon": {"optimiser": MUON},
    "sgd": {"optimiser": SGD, "clip": {"kind": "value_over_rate", "theta": 0.01}},
    "adam in bfloat16": {"precision": "bfloat16"},
    "sgd in bfloat16": {"optimiser": SGD, "precision": "bfloat16", "loss": "l1"},
}


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("name", VARIANTS)
def test_stopped_training_ends_with_the_same_weights_and_curve(
    tmp_path: Path, name: str, batch_norm: bool, device: torch.device
) -> None:
    chosen = recipe(**VARIANTS[name])
    undisturbed = run(training(tmp_path / "one", chosen, device, batch_norm=batch_norm))

    for stop_after in (0, 1, 4, 5, 7, 12):
        stopped = training(tmp_path / "other", chosen, device, batch_norm=batch_norm)
        with pytest.raises(TrainingStoppedError, match=f"after {stop_after} of 13 steps"):
            run(stopped, stop_after)
    resumed = run(training(tmp_path / "other", chosen, device, batch_norm=batch_norm))

    assert weights(resumed) == weights(undisturbed)
    assert resumed.curve == undisturbed.curve


@pytest.mark.parametrize("step", [1, 3, 4, 5, 8, 11, 13])
def test_crashed_training_goes_on_from_its_last_checkpoint(tmp_path: Path, step: int) -> None:
    undisturbed = run(training(tmp_path / "one", recipe()))

    with pytest.raises(ConnectionError):
        run(training(tmp_path / "other", recipe()), on_step=broken_after(step))
    resumed = training(tmp_path / "other", recipe())
    begun_at = resumed.step
    run(resumed)

    assert begun_at == min(step - 1, 12) // 4 * 4
    assert weights(resumed) == weights(undisturbed)
    assert resumed.curve == undisturbed.curve


def test_crash_while_the_checkpoint_is_written_does_no_harm(tmp_path: Path) -> None:
    undisturbed = run(training(tmp_path / "one", recipe()))

    with pytest.raises(ConnectionError):
        run(training(tmp_path / "other", recipe()), on_step=broken_after(6))
    checkpoint = training(tmp_path / "other", recipe()).checkpoint.path
    half = checkpoint.read_bytes()[: checkpoint.stat().st_size // 2]
    checkpoint.with_suffix(".unfinished").write_bytes(half)
    resumed = run(training(tmp_path / "other", recipe()))

    assert weights(resumed) == weights(undisturbed)


def test_checkpoint_of_another_recipe_is_ignored(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        run(training(tmp_path, recipe()), on_step=broken_after(6))

    other = training(tmp_path, recipe(learning_rate=2e-2))

    assert other.step == 0
    assert other.curve == []


def test_checkpoints_do_not_change_the_result(tmp_path: Path) -> None:
    often = run(training(tmp_path / "one", recipe(checkpoint_every=1)))
    never = run(training(tmp_path / "other", recipe(checkpoint_every=1000)))

    assert weights(often) == weights(never)


def test_logging_does_not_change_the_result(tmp_path: Path) -> None:
    often = run(training(tmp_path / "one", recipe(log_every=1)))
    never = run(training(tmp_path / "other", recipe(log_every=1000)))

    assert weights(often) == weights(never)
    assert [point.step for point in never.curve] == [STEPS]


def test_training_changes_the_weights(tmp_path: Path) -> None:
    fresh = training(tmp_path / "one", recipe())
    before = weights(fresh)

    after = {
        weights(run(training(tmp_path / "other", recipe(loss=loss)))) for loss in ("mse", "l1")
    }

    assert before not in after
    assert len(after) == 2


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_training_is_what_a_plain_loop_does(tmp_path: Path, name: str) -> None:
    chosen = recipe(**{**VARIANTS[name], "clip": {"kind": "norm", "limit": 0.01}})
    plain = training(tmp_path / "plain", chosen)
    network, pairs = plain.network.train(), plain.batches
    optimiser: torch.optim.Optimizer = (
        torch.optim.Adam(network.parameters(), weight_decay=0.001)
        if name == "adam"
        else torch.optim.SGD(network.parameters(), momentum=0.9, weight_decay=0.001)
    )

    for step in range(STEPS):
        degraded, clean = pairs.at(step)
        optimiser.param_groups[0]["lr"] = learning_rate(chosen, step)
        optimiser.zero_grad()
        ((network(degraded) - clean) ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.01)
        optimiser.step()

    trained = run(training(tmp_path / "own", chosen)).network.state_dict()
    for key, value in network.state_dict().items():
        assert torch.allclose(trained[key], value, rtol=1e-4, atol=1e-6), key


def test_finished_training_is_not_saved_again(tmp_path: Path) -> None:
    done = run(training(tmp_path, recipe(checkpoint_every=STEPS)))

    state = done.checkpoint.load(CPU)
    assert state is not None
    assert state["step"] == 0


def in_a_process(folder: Path, kill_at: int = 0) -> tuple[int, list[str]]:
    """Train in a process that kills itself after a step, and return how it ended and its lines."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(folder), str(kill_at)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.fault
def test_killed_process_ends_with_the_same_weights(tmp_path: Path) -> None:
    code, undisturbed = in_a_process(tmp_path / "one")
    killed = [in_a_process(tmp_path / "other", kill_at)[0] for kill_at in (3, 7, 9)]
    resumed_code, resumed = in_a_process(tmp_path / "other")

    assert (code, killed, resumed_code) == (0, [-signal.SIGKILL] * 3, 0)
    assert undisturbed[:-1] == [str(step) for step in range(1, STEPS + 1)]
    assert resumed[:-1] == [str(step) for step in range(9, STEPS + 1)]
    assert resumed[-1] == undisturbed[-1]
    assert len(resumed[-1]) == 64


# ------------------------------------------------------------------------------- curve


def test_curve_has_a_point_at_every_interval_and_at_the_end(tmp_path: Path) -> None:
    told: list[CurvePoint] = []
    started = training(tmp_path, recipe())

    started.run(lambda _: None, told.append, lambda: False)

    assert [point.step for point in told] == [5, 10, 13]
    assert told == started.curve


def test_point_is_the_mean_since_the_point_before(tmp_path: Path) -> None:
    fine = run(training(tmp_path / "one", recipe(log_every=1))).curve
    coarse = run(training(tmp_path / "other", recipe(log_every=5))).curve

    means = [
        np.mean([point.loss for point in fine[start:stop]])
        for start, stop in ((0, 5), (5, 10), (10, 13))
    ]
    assert [point.loss for point in coarse] == pytest.approx(means)


def test_psnr_of_the_curve_is_that_of_the_patches(tmp_path: Path) -> None:
    curve = run(training(tmp_path, recipe(loss="mse"))).curve

    psnrs = [-10 * math.log10(point.loss) for point in curve]
    assert [point.score for point in curve] == pytest.approx(psnrs, abs=1e-4)


def test_rate_of_the_curve_is_that_of_the_last_step(tmp_path: Path) -> None:
    schedule = {"kind": "multistep", "steps": [10], "factor": 0.1}

    curve = run(training(tmp_path, recipe(schedule=schedule))).curve

    assert [point.learning_rate for point in curve] == pytest.approx([1e-2, 1e-2, 1e-3])


def test_steps_are_told_one_by_one(tmp_path: Path) -> None:
    told: list[int] = []

    run(training(tmp_path, recipe()), on_step=told.append)

    assert told == list(range(1, STEPS + 1))


@pytest.mark.parametrize("name", VARIANTS)
def test_training_learns(tmp_path: Path, name: str, device: torch.device) -> None:
    longer = recipe(**VARIANTS[name], steps=120, log_every=20)

    curve = run(training(tmp_path, longer, device)).curve

    assert curve[-1].score > curve[0].score + 0.4


# ------------------------------------------------------------------------- divergence


@pytest.mark.parametrize("batch_norm", [True, False])
def test_diverged_training_says_between_which_steps(tmp_path: Path, batch_norm: bool) -> None:
    wild = recipe(
        optimiser=SGD, learning_rate=1e30, clip={"kind": "none"}, schedule={"kind": "constant"}
    )

    with pytest.raises(
        TrainingDivergedError,
        match=r"a weight was no finite number any more between steps 0 and 4: lower",
    ):
        run(training(tmp_path, wild, batch_norm=batch_norm))


def poison(started: Training, at: int, times: int = 1) -> Callable[[int], None]:
    """Return a callback that makes a weight no number after a step, so many times."""
    left = [times]

    def on_step(done: int) -> None:
        if done == at and left[0]:
            left[0] -= 1
            with torch.no_grad():
                next(started.network.parameters()).view(-1)[0] = torch.nan

    return on_step


def test_a_training_that_diverges_goes_back_and_on_with_half_the_rate(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    constant = recipe(schedule={"kind": "constant"})
    started = training(tmp_path, constant)

    done = run(started, on_step=poison(started, at=6))

    assert done.halved_at == [4]
    assert [(point.step, point.learning_rate) for point in done.curve] == [
        (5, 5e-3),
        (10, 5e-3),
        (13, 5e-3),
    ]
    assert all(weight.isfinite().all() for weight in done.network.parameters())
    assert "training goes on from step 4, the learning rate is halved" in capfd.readouterr().err


def test_a_training_with_a_halved_rate_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    whole = training(tmp_path / "whole", recipe())
    run(whole, on_step=poison(whole, at=6))
    killed = training(tmp_path / "killed", recipe())
    poisoned, broken = poison(killed, at=6), broken_after(9)

    def on_step(done: int) -> None:
        poisoned(done)
        broken(done)

    with pytest.raises(ConnectionError):
        run(killed, on_step=on_step)
    resumed = run(training(tmp_path / "killed", recipe()))

    assert resumed.halved_at == whole.halved_at == [4]
    assert weights(resumed) == weights(whole)


def test_after_three_halvings_a_training_gives_up_and_its_checkpoint_is_whole(
    tmp_path: Path,
) -> None:
    started = training(tmp_path, recipe())

    with pytest.raises(TrainingDivergedError, match=r"a weight was no finite number .* lower the"):
        run(started, on_step=poison(started, at=6, times=99))

    assert started.halved_at == [4, 4, 4]
    state = started.checkpoint.load(CPU)
    assert state is not None
    assert all(value.isfinite().all() for value in state["network"].values())


# --------------------------------------------------------------------------- progress


def test_progress_is_silent_when_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress("e", recipe(), done=3, shown="{:.2f} dB".format) as progress:
        progress.advance(4)
        progress.show(CurvePoint(step=4, loss=0.1, score=10.0, learning_rate=1e-3))

    assert capfd.readouterr() == ("", "")


def test_progress_shows_loss_psnr_and_patches(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    with Progress("my experiment", recipe(), done=3, shown="{:.2f} dB".format) as progress:
        progress.advance(4)
        progress.show(CurvePoint(step=4, loss=0.125, score=10.0, learning_rate=1e-3))

    shown = capfd.readouterr().err
    assert "my experiment" in shown
    assert "16.0/52.0" in shown
    assert "loss 0.125, 10.00 dB" in shown


def main(folder: Path, kill_at: int) -> None:
    """Train in this process, print each step and the checksum of the weights."""

    def on_step(step: int) -> None:
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()
        if step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    sys.stdout.write(weights(run(training(folder, recipe()), on_step=on_step)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
