"""How long a step of a training takes on this machine, measured on noise instead of images.

``python -m pipeline.commands.probe PARAMS EXPERIMENT...`` prints it as JSON, for ``restore plan``.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

from pipeline.arrays.training_set import DrawnNoise
from pipeline.checking.params_file import load_params
from pipeline.checking.training_sets import bank_of
from pipeline.machine.devices import pick_device
from pipeline.machine.transfer import wait_for
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.running.request import end_with_starter
from pipeline.settings.params import Params, Recipe
from pipeline.training.checkpoints import CheckpointFile
from pipeline.training.choosing import choose_way
from pipeline.training.loop import Training, TrainingStoppedError
from pipeline.training.pairs import Pairs

PATIENCE = 4.0
"""Seconds of one measurement, after its first step."""

LEAST_STEPS = 3
"""Steps to measure, however long they take; the first one is not counted."""


@dataclass
class _Clock:
    """The durations of the steps so far; the end of time when there are enough."""

    device: torch.device
    patience: float
    started: float = field(default_factory=time.perf_counter)
    ends: list[float] = field(default_factory=list)

    def note(self, _step: int) -> None:
        wait_for(self.device)
        self.ends.append(time.perf_counter())

    def is_over(self) -> bool:
        return len(self.ends) >= LEAST_STEPS and self.ends[-1] - self.ends[0] >= self.patience

    @property
    def seconds_per_step(self) -> float:
        return median(np.diff(self.ends).tolist())


def seconds_per_step(
    model: Model, recipe: Recipe, patch_size: int, device: torch.device, patience: float = PATIENCE
) -> float:
    """Return the median duration of a training step, in seconds.

    Args:
        model: Architecture and size.
        recipe: How it would be trained; as many steps as fit are taken.
        patch_size: Side of the patches, in pixels.
        device: Where to train.
        patience: Seconds to measure.
    """
    rng = np.random.default_rng(0)
    small = patch_size // model.scale
    clean, degraded = (
        rng.integers(0, 256, (recipe.batch, side, side, model.input_channels), dtype=np.uint8)
        for side in (small * model.scale, small)
    )
    pairs = Pairs(
        clean=clean,
        degraded=None if model.scale == 1 else degraded,
        noise=DrawnNoise(sigma_8bit=25.0, peak=0.0, rounded=False),
        key=(0, "probe"),
        batch=recipe.batch,
        augment=recipe.augment,
        device=device,
        noise_map=model.takes_noise_map,
    )
    # Noise teaches nothing, so the rate is kept from leading anywhere.
    endless = recipe.model_copy(
        update={
            "steps": sys.maxsize,
            "log_every": sys.maxsize,
            "checkpoint_every": sys.maxsize,
            "learning_rate": 1e-12,
            "compile": "never",  # it would take longer than all the rest of an estimate
        }
    )
    clock = _Clock(device, patience)
    network = build_model(model, seed=0).to(device)
    with TemporaryDirectory() as folder:
        training = Training(
            network,
            pairs,
            endless,
            way=choose_way(network, pairs, endless),
            checkpoint=CheckpointFile(Path(folder), "probe"),
        )
        try:
            training.run(clock.note, lambda _point: None, clock.is_over)
        except TrainingStoppedError:
            return clock.seconds_per_step
    raise RuntimeError("a training without end came to one")


def probe(
    params: Params, experiments: Sequence[str], patience: float = PATIENCE
) -> dict[str, object]:
    """Return the seconds a step of each training, and the device that was measured.

    Trainings that differ in nothing that costs time are measured once.
    """
    device = pick_device(params.resources.threads)
    known: dict[str, float] = {}
    found = {}
    for name in experiments:
        experiment = params.experiments[name]
        model = params.models.named(experiment.arch)[experiment.model]
        recipe = params.recipes[experiment.recipe]
        size = bank_of(experiment, params).size
        key = repr((experiment.arch, model, recipe, size))
        if key not in known:
            known[key] = seconds_per_step(model, recipe, size, device, patience)
        found[name] = known[key]
    cuda = device.type == "cuda"
    what = torch.cuda.get_device_name() if cuda else f"CPU, {params.resources.threads} threads"
    return {"device": what, "seconds_per_step": found}


if __name__ == "__main__":
    end_with_starter()
    _, _path, *_experiments = sys.argv
    sys.stdout.write(json.dumps(probe(load_params(Path(_path)), _experiments)))
