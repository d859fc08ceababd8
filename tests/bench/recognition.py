"""Speed of learning to recognise, beside bare steps: ``python -m tests.bench.recognition``.

Prints one line of JSON a figure. The limit is what the same network does with one batch that is
there already: forward, loss, backward and Adam, without drawing, turning, curve or checkpoints.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.machine.precision import Precision
from pipeline.running.process import compute_environment, restart_with, usable_threads

if __name__ == "__main__":
    restart_with(compute_environment(usable_threads(64)))

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from pipeline.machine.devices import pick_device
from pipeline.models.dscmr.settings import DSCMR
from pipeline.models.hybridsn.settings import HybridSN
from pipeline.models.mobilenet_v1.settings import MobileNetV1
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.recognition.labelled.samples import Labelled, Part
from pipeline.recognition.learning.gathering import open_samples
from pipeline.recognition.learning.labelled_batches import LabelledBatches
from pipeline.recognition.learning.recogniser_objectives import build_objective
from pipeline.settings.params import Recipe
from pipeline.training.checkpoints import CheckpointFile
from pipeline.training.loop import Training
from pipeline.training.step import Way
from tests.bench.measurement import Measurement, print_lines
from tests.bench.training import Steps, seconds_a_step, steps_of, usual_loop
from tests.recognition_data import cube, features, images, network_of, recipe_of


@dataclass(frozen=True)
class Case:
    """A network at the size of its source, with samples of chance that are as large as its own."""

    model: Recogniser
    data: Labelled
    batch: int


def cases() -> Mapping[str, Case]:
    """Return what is measured, by name."""
    mobilenet = MobileNetV1(
        width=1.0,
        resolution=1.0,
        stem_stride=1,
        blocks=[
            (64, 1),
            (128, 2),
            (128, 1),
            (256, 2),
            (256, 1),
            (512, 2),
            (512, 1),
            (1024, 2),
            (1024, 1),
        ],
        separable=True,
        squeeze=0,
    )
    hybridsn = HybridSN(
        window=25,
        components=30,
        whiten=True,
        fit_on="all",
        spectral=[(8, 7), (16, 5), (32, 3)],
        spatial=[64],
        hidden=[256, 128],
        dropout=0.4,
        hidden_activation=True,
    )
    return {
        "MobileNetV1, 32x32": Case(mobilenet, images(4096, 32, 32, shift=4), 64),
        "HybridSN, 25x25x30": Case(hybridsn, cube(145, 145, 200), 64),
        "DSCMR, 4096 and 300": Case(DSCMR(hidden=2048, common=1024), features(800, 4096, 300), 100),
    }


def main() -> None:
    """Print the figures."""
    known = cases()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each figure in each round")
    parser.add_argument("--networks", nargs="+", choices=known, default=list(known))
    options = parser.parse_args()
    device = pick_device(usable_threads(64))
    for name in options.networks:
        print_lines(measure(name, known[name], device, options.rounds, options.seconds))


def measure(
    name: str, case: Case, device: torch.device, rounds: int, seconds: float
) -> Iterator[Measurement]:
    """Yield what the loop of stage ``learn`` and a usual script do, in turn with bare steps."""
    recipe = recipe_of(
        case.model,
        steps=10**9,
        batch=case.batch,
        learning_rate=1e-9,
        augment=True,
        log_every=50,
        checkpoint_every=500,
    )
    with TemporaryDirectory() as folder:
        runners: dict[str, Steps] = {
            "bare steps": bare_steps(case, recipe, device),
            "stage learn": our_steps(case, recipe, device, Path(folder)),
            "usual script": usual_steps(case, recipe, device),
        }
        for take in runners.values():
            take(2)
        rates: dict[str, list[float]] = {runner: [] for runner in runners}
        for _ in range(rounds):
            for runner, take in runners.items():
                rates[runner].append(case.batch / seconds_a_step(take, device, seconds))
    limit = sorted(rates.pop("bare steps"))[rounds // 2]
    for runner, found in rates.items():
        note = f"float32, batch {case.batch}"
        yield Measurement(f"learning {name}", runner, "samples/s", tuple(found), limit, note)


def our_steps(case: Case, recipe: Recipe, device: torch.device, folder: Path) -> Steps:
    """Return the loop of the stage, with its checkpoints and its curve."""
    network = network_of(case.model, case.data).to(device)
    samples = open_samples(case.data, case.model, network, device)
    training = Training(
        network,
        LabelledBatches(samples, case.data, (0, "benchmark"), case.batch, recipe.augment, device),
        recipe,
        way=Way(Precision.FLOAT32, compiled=False),
        checkpoint=CheckpointFile(folder, "benchmark"),
        objective=build_objective(recipe),
    )
    return steps_of(training)


def bare_steps(case: Case, recipe: Recipe, device: torch.device) -> Steps:
    """Return steps on one batch that is there already, in the layout that convolutions like."""
    network = network_of(case.model, case.data).to(device).train()
    positions = case.data.positions(Part.TRAIN)[: case.batch]
    batch = open_samples(case.data, case.model, network, device).at(positions).contiguous()
    if batch.dim() == 4 and not isinstance(case.model, HybridSN):
        batch = batch.contiguous(memory_format=torch.channels_last)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    labels = torch.from_numpy(case.data.labels.ravel()[positions].astype(np.int64)).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-9, fused=True)
    objective = build_objective(recipe)

    def take(steps: int) -> None:
        for _ in range(steps):
            optimiser.zero_grad()
            loss, _ = objective(network(batch), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    return take


class UsualDataset(Dataset[tuple[Tensor, int]]):
    """What the usual scripts have: one sample at a time, moved, mirrored or cut out in Python."""

    def __init__(self, case: Case, network: nn.Module) -> None:
        self._data = case.data
        self._positions = case.data.positions(Part.TRAIN)
        self._rng = np.random.default_rng(0)
        self._side = case.model.window if isinstance(case.model, HybridSN) else 0
        values: NDArray[Any] = case.data.values
        if self._side:
            with torch.no_grad():
                components = network.project(torch.from_numpy(values)).numpy()  # type: ignore[operator]
            margin = self._side // 2
            values = np.pad(components, ((0, 0), (margin, margin), (margin, margin)))
        elif case.data.kind == "images":
            shift = case.data.shift
            values = np.pad(values, ((0, 0), (shift, shift), (shift, shift), (0, 0)), "edge")
        self._values = values

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        position = self._positions[index]
        return self._sample(position), int(self._data.labels.ravel()[position])

    def _sample(self, position: np.int64) -> Tensor:
        if self._side:
            row, column = divmod(position, self._data.labels.shape[1])
            window = self._values[:, row : row + self._side, column : column + self._side]
            window = np.rot90(window, int(self._rng.integers(4)), (1, 2))
            return torch.from_numpy(np.ascontiguousarray(window))
        if self._data.kind == "features":
            return torch.from_numpy(self._values[position])
        _, height, width, _ = self._data.values.shape
        down, right = self._rng.integers(2 * self._data.shift + 1, size=2)
        image = self._values[position, down : down + height, right : right + width]
        if self._rng.integers(2):
            image = image[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


def usual_steps(case: Case, recipe: Recipe, device: torch.device) -> Steps:
    """Return the loop of the usual scripts."""
    network, objective = network_of(case.model, case.data), build_objective(recipe)
    dataset = UsualDataset(case, network)
    return usual_loop(
        dataset, case.batch, network, lambda output, labels: objective(output, labels)[0], device
    )


if __name__ == "__main__":
    main()
