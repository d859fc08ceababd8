"""Everything that needs a GPU, in one go on a new one: ``python -m tests.bench.first_gpu``.

Runs the tests that only a GPU can run, measures the training of DnCNN-S at its paper's batch in
each format, order in memory, with and without captured steps and compiler, and resumes a training
of each format to the same bytes. After each step it writes what it knows so far into one file of
JSON, so that a machine that is taken away costs only the rest. Exit code 1 where a test or a
resumption failed, or time ran out.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from pipeline.running.process import compute_environment, restart_with, usable_threads

if __name__ == "__main__":
    restart_with(compute_environment(usable_threads(64)))

import torch
from torch import Tensor, nn

from pipeline.machine.devices import pick_device
from pipeline.machine.memory import release_memory
from pipeline.machine.precision import Precision
from pipeline.machine.processor import computed_on
from pipeline.models.parts.building import build_model
from pipeline.training import captured
from pipeline.training import step as steps
from pipeline.training.checkpoints import CheckpointFile
from pipeline.training.loop import Training, TrainingStoppedError
from pipeline.training.pairs import Pairs
from pipeline.training.step import Way
from tests.bench.formats import formats_of
from tests.bench.training import CASES, Case, pairs_of, recipe, seconds_a_step, steps_of
from tests.unit.test_training_loop import weights

NETWORK = "DnCNN-S 17x64"
NEVER = 10**9


@dataclass(frozen=True)
class Variant:
    """A way to take steps.

    Args:
        precision: Name of the format of the convolutions.
        channels_last: Whether networks and batches are channels last in memory.
        captured: Whether a GPU launches a step as one graph.
        compiled: Whether torch compiles the network.
    """

    precision: str
    channels_last: bool
    captured: bool
    compiled: bool


class Report:
    """A file that has all that is known so far."""

    def __init__(self, path: Path, device: torch.device) -> None:
        self._path = path
        self._began = time.monotonic()
        self.found: dict[str, Any] = {
            "machine": {**computed_on(device), "python": platform.python_version()},
            "tests": None,
            "steps": [],
            "resumed": {},
            "finished": False,
        }

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def write(self, said: str) -> None:
        """Write the file, and say in a line what is new."""
        self.found["seconds"] = round(self.seconds, 1)
        self._path.write_text(json.dumps(self.found, indent=1) + "\n")
        sys.stdout.write(f"{self.seconds:6.1f} s  {said}\n")
        sys.stdout.flush()


class InRows:
    """Batches that are not channels last in memory."""

    def __init__(self, batches: Pairs) -> None:
        self._batches = batches
        self.device, self.shape = batches.device, batches.shape

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the batch of a step, each channel in one piece."""
        degraded, clean = self._batches.at(step)
        return degraded.contiguous(), clean.contiguous()

    def release(self) -> bool:
        """Pass it on."""
        return self._batches.release()


def main() -> int:
    """Do all of it, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("first_gpu.json"))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each way to take steps")
    parser.add_argument("--limit", type=float, default=540.0, help="seconds of all")
    parser.add_argument("--plain", action="store_true", help="nothing compiled")
    options = parser.parse_args()
    device = pick_device(usable_threads(64))
    report = Report(options.out, device)
    if device.type != "cuda":
        sys.stderr.write("warning: no CUDA device here, so no test of one runs\n")
    case = replace(CASES[NETWORK], batch=options.batch)
    report.found["tests"] = run_tests(options.limit)
    report.write(f"tests: exit code {report.found['tests']['exit_code']}")
    for precision in formats_of(device):
        same = resumes_to_the_same_bytes(precision, case, device)
        report.found["resumed"][precision.value] = same
        report.write(f"resumed in {precision.value}: {'the same' if same else 'OTHER'} bytes")
    for variant in variants(device, compiled=not options.plain):
        if report.seconds > options.limit:
            sys.stderr.write("warning: time ran out, the other ways are not measured\n")
            return 1
        rate = patches_a_second(variant, case, device, options.seconds)
        report.found["steps"].append({**asdict(variant), "patches_a_second": rate})
        report.write(f"{variant}: {rate}")
    report.found["finished"] = True
    report.write("finished")
    passed = report.found["tests"]["exit_code"] in (0, _NO_TESTS)
    return 0 if passed and all(report.found["resumed"].values()) else 1


_NO_TESTS = 5


def run_tests(limit: float) -> dict[str, Any]:
    """Return how the tests ended that need a GPU, with the end of what they printed."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "tests/unit"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=limit / 2
        )
    except subprocess.TimeoutExpired as error:
        return {"exit_code": -1, "printed": str(error)}
    return {"exit_code": done.returncode, "printed": (done.stdout + done.stderr)[-20_000:]}


def variants(device: torch.device, *, compiled: bool) -> Iterator[Variant]:
    """Yield the ways to take steps; the compiler gets the order that is used."""
    graphs = (True, False) if device.type == "cuda" else (False,)
    for precision in formats_of(device):
        for channels_last in (True, False):
            for graph in graphs:
                yield Variant(precision.value, channels_last, graph, compiled=False)
    for precision in formats_of(device) if compiled else ():
        for graph in graphs:
            yield Variant(precision.value, channels_last=True, captured=graph, compiled=True)


def patches_a_second(
    variant: Variant, case: Case, device: torch.device, seconds: float
) -> float | str:
    """Return how many patches a second a network learns from, or what torch said instead."""
    with TemporaryDirectory() as folder, ExitStack() as changed:
        if not variant.captured:
            changed.enter_context(patch.object(captured, "STEPS_BEFORE_CAPTURE", NEVER))
        if not variant.channels_last:
            changed.enter_context(patch.object(steps, "_channels_last", _unchanged))
        pairs = pairs_of(case, device)
        training = Training(
            build_model(case.model, 0).to(device),
            pairs if variant.channels_last else InRows(pairs),
            recipe(case),
            way=Way(Precision(variant.precision), variant.compiled),
            checkpoint=CheckpointFile(Path(folder), "first"),
        )
        try:
            found = case.batch / seconds_a_step(steps_of(training), device, seconds)
        except Exception as error:  # whatever a new machine has to say: the others are measured
            return f"{type(error).__name__}: {error}"[:500]
        finally:
            del training, pairs
            release_memory(device)
    return round(found, 1)


def resumes_to_the_same_bytes(precision: Precision, case: Case, device: torch.device) -> bool:
    """Tell whether a training that is stopped and resumed ends like one that is not."""
    chosen = recipe(case).model_copy(update={"steps": 12, "checkpoint_every": 5})

    def training(folder: Path) -> Training:
        return Training(
            build_model(case.model, 0).to(device),
            pairs_of(case, device),
            chosen,
            way=Way(precision, compiled=False),
            checkpoint=CheckpointFile(folder, "first"),
        )

    with TemporaryDirectory() as name:
        whole = training(Path(name) / "whole")
        whole.run(lambda _: None, lambda _: None, lambda: False)
        stopped = training(Path(name) / "stopped")
        try:
            stopped.run(lambda _: None, lambda _: None, lambda: stopped.step == 7)
        except TrainingStoppedError:
            resumed = training(Path(name) / "stopped")
        resumed.run(lambda _: None, lambda _: None, lambda: False)
        return weights(whole) == weights(resumed)


def _unchanged(network: nn.Module) -> nn.Module:
    return network


if __name__ == "__main__":
    sys.exit(main())
