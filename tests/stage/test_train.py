import json
import os
import re
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pipeline.arrays.patches import PatchBank
from pipeline.degradations.settings import Degradation
from pipeline.running.progress_file import PROGRESS_VARIABLE, read_progress
from pipeline.settings.params import Recipe, Resources
from pipeline.training.loop import TrainingDivergedError, TrainingStoppedError
from stages.train import train
from tests.stage.graph_data import (
    JPEG,
    MODEL,
    NOISE,
    RECIPE,
    bank,
    degradation,
    degrade_bank,
    extract_bank,
)

pytestmark = pytest.mark.usefixtures("own_tracker")


def run(
    folder: Path,
    out: str,
    degraded_by: Degradation = NOISE,
    recipe: Recipe = RECIPE,
    seed: int = 0,
    start: str = "random",
) -> Path:
    patches = folder / "patches"
    if not patches.exists():
        extract_bank(folder, bank())
    degraded = folder / f"degraded-{degraded_by.kind}"
    if not degraded.exists():
        degrade_bank(folder, degraded_by, patches)
    train(
        experiment="e1",
        model=MODEL,
        recipe=recipe,
        training_set=degraded,
        guarded=folder / "guarded.txt",
        start=folder / start,
        checkpoints=folder / f"checkpoints-{out}",
        out=folder / out,
        curve=folder / f"{out}.csv",
        seed=seed,
        resources=Resources(threads=1),
    )
    return folder / out / "weights.safetensors"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_params_give_the_same_weights_byte_for_byte(
    tmp_path: Path, precision: str
) -> None:
    recipe = RECIPE.model_copy(update={"precision": precision})

    first = run(tmp_path, "first", recipe=recipe)
    second = run(tmp_path, "second", recipe=recipe)

    assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()
    assert first.with_name("card.json").read_bytes() == second.with_name("card.json").read_bytes()


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    assert run(tmp_path, "one").read_bytes() != run(tmp_path, "two", seed=1).read_bytes()


def test_stored_degradations_are_trained_on_too(tmp_path: Path) -> None:
    weights = load_file(run(tmp_path, "out", JPEG))

    assert weights["noise.0.weight"].shape == (MODEL.width, 1, 3, 3)


MIXTURE = degradation(
    kind="mixture",
    of=[
        {"kind": "gaussian", "sigma_8bit": {"min": 0, "max": 55}, "quantise": False},
        {"kind": "bicubic", "scale": [2, 3], "quantise": False, "result": "interpolated"},
        {
            "kind": "jpeg",
            "quality": {"min": 5, "max": 99},
            "subsampling": "yuv420",
            "phase": "random",
            "draws": 2,
        },
        {
            "kind": "sequence",
            "steps": [
                {"kind": "blur", "sigma_px": 1, "draws": 1},
                {"kind": "poisson_gaussian", "peak": 30, "sigma_8bit": 5, "quantise": True},
            ],
            "result": "interpolated",
            "draws": 1,
        },
    ],
)


def test_a_mixture_is_trained_on_and_gives_the_same_weights_again(tmp_path: Path) -> None:
    first, second = (run(tmp_path, name, MIXTURE) for name in ("first", "second"))

    assert first.read_bytes() == second.read_bytes()
    card = json.loads(first.with_name("card.json").read_text())
    assert card["degradation"] == MIXTURE.model_dump()


def test_a_mixture_of_noises_needs_nothing_stored(tmp_path: Path) -> None:
    noises = degradation(
        kind="mixture", of=[NOISE.model_dump(), {"kind": "poisson", "peak": 9, "quantise": False}]
    )

    weights = run(tmp_path, "out", noises)

    assert not list(tmp_path.glob("degraded-*/degraded.npy"))
    assert weights.read_bytes() != run(tmp_path, "other").read_bytes()


def test_the_card_says_what_made_the_weights(tmp_path: Path) -> None:
    card = json.loads(run(tmp_path, "out").with_name("card.json").read_text())

    assert card["recipe"] == RECIPE.model_dump()
    assert card["parameters"] == sum(t.numel() for t in weights_trained(tmp_path / "out"))
    assert (card["pairs"], set(card["data"])) == ("e1", {"e1"})
    assert card["degradation"] == NOISE.model_dump()


def test_the_card_says_how_much_was_trained_on(tmp_path: Path) -> None:
    extract_bank(tmp_path, bank(scales=(1.0, 0.7)))

    card = json.loads(run(tmp_path, "out").with_name("card.json").read_text())

    bank_on_disk = PatchBank(tmp_path / "patches")
    assert card["trained_on"] == {
        "bank": "patches",
        "images": 3,
        "patches": len(bank_on_disk),
        "patch_size": 16,
    }
    assert len(list(bank_on_disk.images)) == 6


def weights_trained(folder: Path) -> list[Any]:
    tensors = load_file(folder / "weights.safetensors")
    return [
        tensor for name, tensor in tensors.items() if "running" not in name and "num" not in name
    ]


def test_the_curve_has_a_point_every_so_many_steps(tmp_path: Path) -> None:
    run(tmp_path, "out")

    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "step,loss,psnr_train_patches,learning_rate"
    assert [line.split(",")[0] for line in lines[1:]] == ["2", "4", "6"]


def test_whoever_watches_is_told_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "below" / "progress.json"
    monkeypatch.setenv(PROGRESS_VARIABLE, str(told))

    run(tmp_path, "watched")

    progress = read_progress(told)
    assert progress is not None
    assert progress.percent == 100
    assert re.fullmatch(
        rf"step {RECIPE.steps} of {RECIPE.steps}, "
        r"PSNR [\d.]+ dB of the training patches, loss [\d.e-]+",
        progress.in_words,
    )


def test_no_checkpoint_is_left_when_the_training_is_done(tmp_path: Path) -> None:
    run(tmp_path, "out")

    assert not (tmp_path / "checkpoints-out").exists()


def test_a_training_that_is_told_to_stop_writes_a_checkpoint_and_resumes_exactly(
    tmp_path: Path,
) -> None:
    long = RECIPE.model_copy(update={"steps": 60})
    undisturbed = run(tmp_path, "undisturbed", recipe=long)

    with pytest.raises(TrainingStoppedError, match=r"resumable"):
        run_and_interrupt(tmp_path, "resumed", long)
    assert list((tmp_path / "checkpoints-resumed").glob("*.pt"))
    resumed = run(tmp_path, "resumed", recipe=long)

    assert resumed.read_bytes() == undisturbed.read_bytes()


def run_and_interrupt(folder: Path, out: str, recipe: Recipe) -> None:
    """Send this process SIGTERM while it trains."""
    watcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, signal, sys, time; time.sleep(0.05)\n"
            "from pathlib import Path\n"
            "while not list(Path(sys.argv[1]).glob('*.pt')): time.sleep(0.002)\n"
            f"os.kill({os.getpid()}, signal.SIGTERM)",
            str(folder / f"checkpoints-{out}"),
        ]
    )
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # should it come too late
    try:
        run(folder, out, recipe=recipe)
        watcher.wait(timeout=10)
        time.sleep(0.1)
    finally:
        watcher.kill()
        watcher.wait()
        signal.signal(signal.SIGTERM, previous)


def test_a_training_that_diverges_says_so_and_writes_no_weights(tmp_path: Path) -> None:
    wild = RECIPE.model_copy(update={"learning_rate": 1e30, "loss": "half_sse"})

    with pytest.raises(TrainingDivergedError, match="lower the recipe's learning_rate"):
        run(tmp_path, "out", recipe=wild)

    assert not (tmp_path / "out").exists()


def test_fewer_patches_than_a_batch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected at least one batch of 64 training patches"):
        run(tmp_path, "out", recipe=RECIPE.model_copy(update={"batch": 64}))


def test_a_training_starts_from_the_weights_of_another(tmp_path: Path) -> None:
    first = run(tmp_path, "first")
    still = RECIPE.model_copy(update={"steps": 1, "learning_rate": 1e-12})

    second = run(tmp_path, "second", recipe=still, start="first")

    begun, ended = load_file(first), load_file(second)
    weights = [name for name in begun if "running" not in name and "num_batches" not in name]
    assert all(torch.allclose(begun[name], ended[name], atol=1e-9) for name in weights)
    card = json.loads((tmp_path / "second/card.json").read_text())
    assert card["start"]["experiment"] == "first"
    assert card["start"]["weights_sha256"] == sha256(first.read_bytes()).hexdigest()
    assert card["start"]["new"] == []


def test_patches_in_several_files_train_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", "out", JPEG)
    monkeypatch.setattr("pipeline.arrays.shards.SHARD_BYTES", 1000)

    in_parts = run(tmp_path / "parts", "out", JPEG)

    assert len(list((tmp_path / "parts").glob("degraded-jpeg/clean-*-of-*.npy"))) > 1
    assert whole.read_bytes() == in_parts.read_bytes()
