import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipeline.arrays.randomness import seed_of
from pipeline.machine.processor import computed_on
from pipeline.models.hybridsn.settings import HybridSN
from pipeline.models.recogniser_parts.principal_components import principal_components
from pipeline.models.recogniser_parts.recogniser_building import build_recogniser
from pipeline.recognition.labelled.samples import Labelled, Part, write_labelled
from pipeline.running.progress_file import PROGRESS_VARIABLE, read_progress
from pipeline.settings.params import Recipe
from pipeline.training.loop import TrainingDivergedError, TrainingStoppedError
from stages.learn import learn
from tests.recognition_data import MODELS, TASKS, clean_card, cube, facts_of, images, recipe_of

pytestmark = pytest.mark.usefixtures("own_tracker", "one_thread")

HEADER = ["step", "loss", "accuracy_train", "accuracy_validation", "learning_rate"]


def run(
    folder: Path,
    out: str = "net",
    arch: str = "mobilenet_v1",
    data: Labelled | None = None,
    recipe: Recipe | None = None,
    keep: str = "last",
    seed: int = 0,
    **changes: Any,
) -> Path:
    """Train on a task, and return the folder of the weights."""
    model = MODELS[arch].model_copy(update=changes)
    labelled = folder / "inputs" / f"{arch}_task"
    if not labelled.exists():
        labelled.mkdir(parents=True)
        write_labelled(labelled, data or TASKS[model.takes](), clean_card("task"))
    learn(
        recogniser="e1",
        model=model,
        recipe=recipe or recipe_of(model),
        keep=keep,
        labelled=labelled,
        checkpoints=folder / f"checkpoints-{out}",
        out=folder / out,
        curve=folder / f"{out}.csv",
        seed=seed,
        threads=1,
    )
    return folder / out


def weights_of(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


def card_of(folder: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return card


def curve_of(folder: Path) -> list[dict[str, str]]:
    with folder.with_suffix(".csv").open(newline="") as file:
        return list(csv.DictReader(file))


def without_validation(data: Labelled) -> Labelled:
    parts = np.where(data.parts == Part.VALIDATION, np.uint8(Part.NONE), data.parts)
    return replace(data, parts=parts)


@pytest.mark.parametrize("arch", MODELS)
def test_the_same_params_give_the_same_bytes(tmp_path: Path, arch: str) -> None:
    first, second = (run(tmp_path, name, arch, keep="best") for name in ("first", "second"))

    assert weights_of(first) == weights_of(second)
    assert (first / "card.json").read_bytes() == (second / "card.json").read_bytes()
    assert first.with_suffix(".csv").read_bytes() == second.with_suffix(".csv").read_bytes()


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    assert weights_of(run(tmp_path, "one")) != weights_of(run(tmp_path, "two", seed=1))


def test_the_card_says_what_made_the_weights(tmp_path: Path) -> None:
    folder = run(tmp_path)

    card = card_of(folder)
    parts = images().parts.tolist()
    network = build_recogniser(MODELS["mobilenet_v1"], facts_of(images()), seed=0)
    expected = {
        "recogniser": "e1",
        "model": {
            "class": "MobileNetV1",
            **json.loads(json.dumps(MODELS["mobilenet_v1"].model_dump())),
        },
        "recipe": recipe_of(MODELS["mobilenet_v1"]).model_dump(),
        "task": "task",
        "train_on": "mobilenet_v1_task",
        "kept": "last",
        "parameters": sum(one.numel() for one in network.parameters()),
        "steps": 6,
        "split": {
            "train": parts.count(Part.TRAIN),
            "validation": parts.count(Part.VALIDATION),
            "test": parts.count(Part.TEST),
            "unused": parts.count(Part.NONE),
        },
        "classes": 3,
        "weights_sha256": sha256(weights_of(folder)).hexdigest(),
        "seed": 0,
    }
    assert {key: card[key] for key in expected} == expected
    assert card["computed"] == {
        **computed_on(torch.device("cpu")),
        "precision": "float32",
        "compiled": False,
    }
    assert set(card["data"]) == {"labelled"}


def test_multiply_adds_are_those_of_one_sample(tmp_path: Path) -> None:
    card = card_of(run(tmp_path, arch="dscmr"))

    # 5 image and 4 text features to 8 units each, these to 6, and those to 3 classes.
    assert card["multiply_adds"] == 5 * 8 + 4 * 8 + 2 * 8 * 6 + 2 * 6 * 3


def test_pixels_without_a_label_are_not_unused(tmp_path: Path) -> None:
    scene = cube()

    split = card_of(run(tmp_path, arch="hybridsn"))["split"]

    assert sum(split.values()) == np.count_nonzero(scene.labels >= 0) < scene.labels.size
    assert split["unused"] == np.count_nonzero((scene.labels >= 0) & (scene.parts == Part.NONE))


def test_the_curve_has_a_point_every_so_many_steps(tmp_path: Path) -> None:
    folder = run(tmp_path)

    rows = curve_of(folder)
    assert list(rows[0]) == HEADER
    assert [row["step"] for row in rows] == ["2", "4", "6"]
    assert all(0 <= float(row["accuracy_train"]) <= 1 for row in rows)
    assert [row["learning_rate"] for row in rows] == ["0.01"] * 3
    validated = [float(row["accuracy_validation"]) for row in rows]
    assert [round(4 * share) / 4 for share in validated] == validated  # four samples of 24


def test_whoever_watches_is_told_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "progress.json"
    monkeypatch.setenv(PROGRESS_VARIABLE, str(told))

    run(tmp_path)

    progress = read_progress(told)
    assert progress is not None
    assert progress.percent == 100
    assert re.fullmatch(
        r"step 6 of 6, score [\d.]+ of the training samples, [\d.]+ of the validation part, "
        r"loss [\d.e-]+",
        progress.in_words,
    )


def test_without_a_validation_part_nothing_is_validated(tmp_path: Path) -> None:
    folder = run(tmp_path, data=without_validation(images()))

    assert card_of(folder)["validation"] is None
    assert [row["accuracy_validation"] for row in curve_of(folder)] == ["", "", ""]


def test_the_best_weights_cannot_be_kept_without_a_validation_part(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="something to validate on where the best weights"):
        run(tmp_path, data=without_validation(images()), keep="best")

    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("arch", ["mobilenet_v2", "hybridsn", "dscmr"])
def test_the_best_weights_have_the_best_score_of_the_curve(tmp_path: Path, arch: str) -> None:
    # At such a rate later weights are worse than earlier ones, sooner or later.
    wild = recipe_of(MODELS[arch], steps=12, learning_rate=0.3)
    best, last = (run(tmp_path, keep, arch, recipe=wild, keep=keep) for keep in ("best", "last"))

    rows = curve_of(best)
    scores = [float(row["accuracy_validation"]) for row in rows]
    assert rows == curve_of(last)
    assert card_of(best)["validation"] == pytest.approx(max(scores), abs=1e-4)
    assert card_of(last)["validation"] == pytest.approx(scores[-1], abs=1e-4)
    assert card_of(best)["kept"] == "best"


@pytest.mark.parametrize(("fit_on", "part"), [("train", True), ("all", False)])
def test_components_are_found_in_the_pixels_that_may_be_seen(
    tmp_path: Path, fit_on: str, part: bool
) -> None:
    scene = cube()

    tensors = load_file(run(tmp_path, arch="hybridsn", fit_on=fit_on) / "weights.safetensors")

    pixels = scene.values.reshape(-1, 6)
    seen = pixels[scene.positions(Part.TRAIN)] if part else pixels
    mean, basis = principal_components(torch.from_numpy(seen), 5, whiten=True)
    assert torch.allclose(tensors["mean"], mean.float())
    assert torch.allclose(tensors["basis"], basis.float(), atol=1e-4)


@pytest.mark.parametrize("arch", MODELS)
def test_training_begins_with_the_weights_of_its_seed_and_name(tmp_path: Path, arch: str) -> None:
    model = MODELS[arch]
    still = recipe_of(model, steps=1, learning_rate=1e-12)

    trained = load_file(run(tmp_path, arch=arch, recipe=still) / "weights.safetensors")

    network = build_recogniser(model, facts_of(TASKS[model.takes]()), seed_of(0, "e1", "weights"))
    begun: dict[str, Tensor] = dict(network.named_parameters())
    assert all(torch.allclose(trained[name], begun[name], atol=1e-6) for name in begun)
    assert isinstance(model, HybridSN) or set(trained) >= set(begun)


# ---------------------------------------------------------------------------- interruption


def test_no_checkpoint_is_left_when_the_training_is_done(tmp_path: Path) -> None:
    run(tmp_path)

    assert not (tmp_path / "checkpoints-net").exists()


def test_a_training_that_is_told_to_stop_writes_a_checkpoint_and_resumes_exactly(
    tmp_path: Path,
) -> None:
    long = recipe_of(MODELS["mobilenet_v2"], steps=80)
    undisturbed = run(tmp_path, "undisturbed", "mobilenet_v2", recipe=long, keep="best")

    with pytest.raises(TrainingStoppedError, match="resumable"):
        run_and_interrupt(tmp_path, "resumed", "mobilenet_v2", long)
    assert list((tmp_path / "checkpoints-resumed").glob("*.pt"))
    assert not (tmp_path / "resumed").exists()
    resumed = run(tmp_path, "resumed", "mobilenet_v2", recipe=long, keep="best")

    assert weights_of(resumed) == weights_of(undisturbed)
    assert card_of(resumed) == card_of(undisturbed)
    assert curve_of(resumed) == curve_of(undisturbed)


def run_and_interrupt(folder: Path, out: str, arch: str, recipe: Recipe) -> None:
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
        run(folder, out, arch, recipe=recipe, keep="best")
        watcher.wait(timeout=10)
        time.sleep(0.1)
    finally:
        watcher.kill()
        watcher.wait()
        signal.signal(signal.SIGTERM, previous)


# --------------------------------------------------------------------------------- refused


def test_fewer_samples_than_a_batch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected at least one batch of 64 training samples"):
        run(tmp_path, recipe=recipe_of(MODELS["mobilenet_v1"], batch=64))


def test_a_training_that_diverges_says_so_and_writes_no_weights(tmp_path: Path) -> None:
    wild = recipe_of(
        MODELS["hybridsn"],
        optimiser={"kind": "sgd", "momentum": 0.0, "weight_decay": 0.0},
        learning_rate=1e30,
    )

    with pytest.raises(TrainingDivergedError, match="lower the recipe's learning_rate"):
        run(tmp_path, arch="hybridsn", recipe=wild)

    assert not (tmp_path / "net").exists()


def test_a_network_for_another_kind_of_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected labelled images for a SEResNet, came cube"):
        run(tmp_path, arch="se_resnet", data=cube())


def test_a_loss_of_restoration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a loss for networks that recognise"):
        run(tmp_path, recipe=recipe_of(MODELS["mobilenet_v1"], loss="l1"))
