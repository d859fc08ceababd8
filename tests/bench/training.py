"""Training throughput beside the limit of the machine: ``python -m tests.bench.training``.

Prints one line of JSON a figure. What is compared runs in turn, round by round, with the same
threads and the same allocator.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.arrays.training_set import DrawnNoise
from pipeline.running.process import compute_environment, restart_with, usable_threads

if __name__ == "__main__":
    restart_with(compute_environment(usable_threads(64)))

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from pipeline.arrays.pixels import Bytes
from pipeline.machine.devices import pick_device
from pipeline.machine.precision import Precision, convolution_rate
from pipeline.machine.transfer import wait_for
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.models.rednet.settings import RedNet
from pipeline.models.vdsr.settings import VDSR
from pipeline.settings.params import Recipe
from pipeline.training.checkpoints import CheckpointFile
from pipeline.training.loop import Training
from pipeline.training.pairs import Pairs
from pipeline.training.step import Way
from tests.bench.formats import formats_of
from tests.bench.measurement import Measurement, print_lines

PATCHES = 4096
"""In memory; no network is trained on them long enough to see them twice."""

PAPERS_BATCH = 128
"""Patches a step in the authors' training of DnCNN-S."""

SCHEDULE = 50 * 1600 * PAPERS_BATCH
"""Patches that DnCNN-S sees in the authors' training."""


@dataclass(frozen=True)
class Case:
    """A network at the size and with the patches of its paper."""

    model: Model
    size: int
    batch: int


CASES: Mapping[str, Case] = {
    "DnCNN-S 17x64": Case(
        DnCNN(channels=1, width=64, depth=17, batch_norm=True, residual=True), 40, 64
    ),
    "VDSR 20x64": Case(VDSR(channels=1, width=64, depth=20), 41, 64),
    "RED30": Case(RedNet(channels=1, width=64, depth=30, skips=True), 50, 16),
}


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, seconds of each figure in each round, and of what."""

    rounds: int
    seconds: float
    compiled: bool


Steps = Callable[[int], object]
"""Takes so many training steps."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each figure in each round")
    parser.add_argument("--plain", action="store_true", help="nothing compiled")
    parser.add_argument("--networks", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    device = pick_device(usable_threads(64))
    for name in options.networks:
        effort = Effort(options.rounds, options.seconds, compiled=not options.plain)
        print_lines(measure(name, device, effort))


def measure(name: str, device: torch.device, effort: Effort) -> Iterator[Measurement]:
    """Yield the figures of one network, each with the limit of its format."""
    case = CASES[name]
    ways = {
        f"{precision.value}{', compiled' if compiled else ''}": Way(precision, compiled)
        for precision in formats_of(device)
        for compiled in ((False, True) if effort.compiled else (False,))
    }
    with TemporaryDirectory() as folder:
        runners: dict[str, Steps] = {
            way: our_steps(case, device, settings, Path(folder) / way)
            for way, settings in ways.items()
        }
        if isinstance(case.model, DnCNN | VDSR):
            runners["usual script, float32"] = usual_steps(case, device)
        for take in runners.values():
            take(2)
        rates: dict[str, list[float]] = {runner: [] for runner in runners}
        limits: dict[Precision, list[float]] = {one: [] for one in formats_of(device)}
        for _ in range(effort.rounds):
            for precision, found in limits.items():
                found.append(convolution_rate(precision, device))
            for runner, take in runners.items():
                rates[runner].append(case.batch / seconds_a_step(take, device, effort.seconds))
    work = gigaflops(case)
    for runner, found in rates.items():
        precision = ways[runner].precision if runner in ways else Precision.FLOAT32
        limit = sorted(limits[precision])[effort.rounds // 2] / work
        note = f"{work:.2f} GFLOP a patch of {case.size}, batch {case.batch}"
        yield Measurement(f"training {name}", runner, "patches/s", tuple(found), limit, note)
    if device.type == "cuda":
        yield from on_gpu(name, case, device, effort.seconds)


def our_steps(case: Case, device: torch.device, way: Way, folder: Path) -> Steps:
    """Return the loop of the stage ``train``, with its checkpoints and its curve."""
    training = Training(
        build_model(case.model, 0).to(device),
        pairs_of(case, device),
        recipe(case),
        way=way,
        checkpoint=CheckpointFile(folder, "benchmark"),
    )
    return steps_of(training)


class _EnoughError(Exception):
    """As many steps were taken as were asked for."""


def steps_of(training: Training) -> Steps:
    """Return what goes on with a training, and writes no other checkpoints than its recipe's."""

    def take(steps: int) -> None:
        last = training.step + steps

        def note(step: int) -> None:
            if step == last:
                raise _EnoughError

        with suppress(_EnoughError):
            training.run(note, lambda _: None, lambda: False)

    return take


def recipe(case: Case) -> Recipe:
    """Return a recipe without an end, whose rate leads nowhere."""
    return Recipe.model_validate(
        {
            "steps": 10**9,
            "batch": case.batch,
            "loss": "mse",
            "optimiser": {"kind": "adam", "betas": [0.9, 0.999], "weight_decay": 0.0},
            "learning_rate": 1e-9,
            "schedule": {"kind": "constant"},
            "clip": {"kind": "none"},
            "precision": "float32",
            "compile": "never",
            "augment": True,
            "log_every": 50,
            "checkpoint_every": 500,
        }
    )


def pairs_of(case: Case, device: torch.device) -> Pairs:
    """Return random patches with noise."""
    return Pairs(
        clean=patches(case),
        degraded=None,
        noise=DrawnNoise(sigma_8bit=25.0, peak=0.0, rounded=False),
        key=(0, "benchmark"),
        batch=case.batch,
        augment=True,
        device=device,
    )


def patches(case: Case) -> Bytes:
    """Return random patches ``(N, size, size, 1)``."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (PATCHES, case.size, case.size, 1), dtype=np.uint8)


class UsualDataset(Dataset[tuple[Tensor, Tensor]]):
    """What the usual scripts have: one patch at a time, turned and given noise in Python."""

    def __init__(self, case: Case) -> None:
        self._patches = patches(case)
        self._rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self._patches)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        patch = np.rot90(self._patches[index], int(self._rng.integers(4)))
        if self._rng.integers(2):
            patch = patch[:, ::-1]
        clean = torch.from_numpy(np.ascontiguousarray(patch)).permute(2, 0, 1).float() / 255
        return clean + 25 / 255 * torch.randn(clean.shape), clean


def usual_steps(case: Case, device: torch.device) -> Steps:
    """Return the loop of the usual scripts, in float32 and NCHW."""
    return usual_loop(
        UsualDataset(case), case.batch, build_model(case.model, 0), nn.MSELoss(), device
    )


def usual_loop(
    dataset: Dataset[Any],
    batch: int,
    network: nn.Module,
    loss_of: Callable[[Any, Tensor], Tensor],
    device: torch.device,
) -> Steps:
    """Return the loop of the usual scripts: a loader with workers, a loss a step for the log."""
    network = network.to(device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-9)
    loader = DataLoader(
        dataset,
        batch_size=batch,
        shuffle=True,
        num_workers=2,
        drop_last=True,
        persistent_workers=True,
        pin_memory=device.type == "cuda",
    )

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from loader

    source = batches()

    def take(steps: int) -> None:
        for _ in range(steps):
            samples, target = (part.to(device) for part in next(source))
            optimiser.zero_grad()
            loss = loss_of(network(samples), target)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            loss.item()

    return take


def seconds_a_step(take: Steps, device: torch.device, seconds: float) -> float:
    """Return how long a step takes, from as many in one go as fit into some seconds."""
    steps = 1 if device.type == "cpu" else 20
    steps = max(2, round(seconds / (_timed(take, steps, device) / steps)))
    return _timed(take, steps, device) / steps


def _timed(take: Steps, steps: int, device: torch.device) -> float:
    start = time.perf_counter()
    take(steps)
    wait_for(device)
    return time.perf_counter() - start


def gigaflops(case: Case) -> float:
    """Return the work of the convolutions for one patch, forward and backward."""
    network = build_model(case.model, 0).train()
    counter = FlopCounterMode(display=False)
    with counter:
        network(torch.zeros(2, 1, case.size, case.size)).sum().backward()
    return counter.get_total_flops() / 2 / 1e9


def on_gpu(name: str, case: Case, device: torch.device, seconds: float) -> Iterator[Measurement]:
    """Yield the time of a paper's whole schedule, and how much of the time the GPU computes."""
    case = replace(case, batch=PAPERS_BATCH)
    with TemporaryDirectory() as folder:
        take = our_steps(case, device, Way(Precision.BFLOAT16, compiled=False), Path(folder))
        take(10)
        busy = busy_share(partial(take, 100))
        rate = case.batch / seconds_a_step(take, device, seconds)
    group = f"training {name}"
    yield Measurement(group, "share of the time that the GPU computes", "", (busy,), 1.0)
    if name == "DnCNN-S 17x64":
        note = f"{SCHEDULE / 1e6:.1f} million patches in batches of {case.batch}"
        yield Measurement(
            group, "the whole schedule, bfloat16", "s", (SCHEDULE / rate,), None, note
        )


def busy_share(work: Callable[[], object]) -> float:
    """Return in which share of the time of ``work`` at least one kernel ran on the GPU."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        work()
        torch.cuda.synchronize()
    spans: list[tuple[float, float]] = sorted(
        (event.time_range.start, event.time_range.end)
        for event in profiled.events() or ()
        if event.device_type.name == "CUDA"
    )
    first = reached = spans[0][0]
    busy = 0.0
    for start, end in spans:
        busy += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return busy / (reached - first)


if __name__ == "__main__":
    main()
