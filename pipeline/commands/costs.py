"""What experiments would cost before they run: data to fetch, disk to fill, steps to train.

Nothing here computes: sizes come from catalogues and from the headers of images that are there.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.arrays.patches import Grid
from pipeline.checking.training_sets import bank_of
from pipeline.datasets.set_facts import describe, describe_source, image_sizes
from pipeline.degradations.levels import in_8bit, levels, reduction_of, versions
from pipeline.settings.params import Params, Patches, Trial

Sizes = Sequence[tuple[int, int]]
"""Heights and widths of the images of a data set."""


@dataclass(frozen=True)
class SetCost:
    """A data set that experiments need.

    Args:
        name: Its name in ``params.yaml``.
        images: How many; None if nobody knows before it is there.
        bytes: What is to be downloaded for it; None if nobody knows.
        fetched: Whether it is here already.
        must_accept: Whether its terms are still to be accepted.
    """

    name: str
    images: int | None
    bytes: int | None
    fetched: bool
    must_accept: bool


@dataclass(frozen=True)
class DiskCost:
    """What the stages would write.

    Args:
        parts: Bytes by kind of output.
        unknown: Data sets whose images are not counted: their sizes are not known yet.
    """

    parts: Mapping[str, int]
    unknown: Sequence[str]


@dataclass(frozen=True)
class TrainingCost:
    """One training."""

    experiment: str
    model: str
    steps: int
    batch: int
    seconds_per_step: float

    @property
    def seconds(self) -> float:
        """Return how long it takes."""
        return self.steps * self.seconds_per_step


def set_costs(
    root: Path, params: Params, experiments: Iterable[str], benchmarks: Iterable[str] = ()
) -> list[SetCost]:
    """Return the data sets that are trained or tested on, in the order of the params.

    Args:
        root: Folder of the project.
        params: The settings.
        experiments: Names of those to train and to test.
        benchmarks: Names of those whose images are needed besides.

    Raises:
        DatasetError: A catalogue cannot be read.
    """
    needed = _sets_of(params, experiments, benchmarks)
    found = []
    for name, dataset in params.datasets.items():
        if name in needed:
            facts = describe(dataset, root, name)
            found.append(SetCost(name, facts.images, facts.bytes, facts.fetched, facts.must_accept))
    return found


def task_costs(root: Path, params: Params, tasks: Iterable[str]) -> list[SetCost]:
    """Return the labelled data of recognition tasks; tasks with the same data count once.

    Args:
        root: Folder of the project.
        params: The settings.
        tasks: Names of those to collect.

    Raises:
        DatasetError: A catalogue cannot be read.
    """
    first: dict[str, str] = {}
    for name in tasks:
        first.setdefault(params.tasks[name].source, name)
    found = []
    for source, name in first.items():
        facts = describe_source(Path(source), root, name)
        found.append(SetCost(name, facts.images, facts.bytes, facts.fetched, facts.must_accept))
    return found


def _sets_of(params: Params, experiments: Iterable[str], benchmarks: Iterable[str]) -> set[str]:
    chosen = [params.experiments[name] for name in experiments]
    trained = {bank_of(one, params).dataset for one in chosen}
    tested = {*benchmarks, *(one.test_on for one in chosen)}
    return trained | {trial.dataset for name in tested for trial in params.benchmarks[name]}


def disk_needed(
    root: Path,
    params: Params,
    sets: Sequence[SetCost],
    experiments: Sequence[str],
    benchmarks: Sequence[str] = (),
    imported: Sequence[str] = (),
) -> DiskCost:
    """Return about how much the stages would write.

    Args:
        root: Folder of the project.
        params: The settings.
        sets: The data sets that all of these need, from ``set_costs``.
        experiments: Names of those to train and to test.
        benchmarks: Names of those whose test images are written besides.
        imported: Names of published and applied weights to test, and of results from elsewhere.

    Raises:
        DatasetError: A catalogue cannot be read.
    """
    sizes = {one.name: image_sizes(params.datasets[one.name], root, one.name) for one in sets}
    count = _Counter(params, {name: known for name, known in sizes.items() if known is not None})
    count.add("raw images", sum(one.bytes or 0 for one in sets))
    chosen = [params.experiments[name] for name in experiments]
    trained = [params.pairs[name] for name in sorted({one.train_on for one in chosen})]
    for bank in sorted({pairs.bank for pairs in trained}):
        count.bank(params.patches[bank])
    for pairs in trained:
        count.pairs(params.patches[pairs.bank], pairs.degradation)
    for benchmark in sorted({*benchmarks, *(one.test_on for one in chosen)}):
        for trial in params.benchmarks[benchmark]:
            count.tests(trial, "test images", _TEST_BYTES)
    sections = (params.imported, params.applied, params.programs, params.outside)
    tested = {name: one.test_on for part in sections for name, one in part.items()}
    measured = [*(one.test_on for one in chosen), *(tested[name] for name in imported)]
    for benchmark in measured:
        for trial in params.benchmarks[benchmark]:
            count.tests(trial, "restored images", _TEST_BYTES)
    return DiskCost(count.parts, [name for name, known in sizes.items() if known is None])


_TEST_BYTES = 4 + 0.7
"""Of a value of a test image: float32, and about this much in a PNG beside it."""


@dataclass
class _Counter:
    params: Params
    sizes: Mapping[str, Sizes]
    parts: dict[str, int] = field(default_factory=dict)

    def bank(self, bank: Patches) -> None:
        self.add("patches", _patches(self.sizes.get(bank.dataset, []), bank) * _values(bank))

    def pairs(self, bank: Patches, degradation: str) -> None:
        settings = self.params.degradations[degradation]
        every = versions(settings)
        stored = [version.stored for version in every if version.stored]
        if not stored:
            return  # noise is drawn anew at every step, not stored
        each = _patches(self.sizes.get(bank.dataset, []), bank) * _values(bank)
        if settings.kind == "paired":
            self.add("patches", each)  # the bank has the degraded partners too
        width = 1 if in_8bit(every) else 2
        smaller = reduction_of(stored[0]) ** 2
        self.add("degraded", round(each * width * len(every) / smaller))

    def tests(self, trial: Trial, what: str, bytes_each: float) -> None:
        pixels = sum(height * width for height, width in self.sizes.get(trial.dataset, []))
        channels = 3 if trial.colour == "rgb" else 1
        count = len(levels(trial.degradation))
        self.add(what, round(pixels * channels * count * bytes_each))

    def add(self, what: str, size: int) -> None:
        self.parts[what] = self.parts.get(what, 0) + size


def _values(bank: Patches) -> int:
    return bank.size**2 * (3 if bank.colour == "rgb" else 1)


def _patches(sizes: Sizes, bank: Patches) -> int:
    return sum(
        len(
            Grid(
                math.ceil(height * scale - 1e-9),
                math.ceil(width * scale - 1e-9),
                bank.size,
                bank.stride,
            )
        )
        for height, width in sizes
        for scale in bank.scales
    )


def training_costs(
    params: Params, experiments: Iterable[str], seconds_per_step: Mapping[str, float]
) -> list[TrainingCost]:
    """Return the trainings of some experiments.

    Args:
        params: The whole params.
        experiments: Names.
        seconds_per_step: As a probe measured them, by experiment.
    """
    return [
        TrainingCost(
            name,
            f"{params.experiments[name].arch}.{params.experiments[name].model}",
            params.recipes[params.experiments[name].recipe].steps,
            params.recipes[params.experiments[name].recipe].batch,
            seconds_per_step[name],
        )
        for name in experiments
    ]
