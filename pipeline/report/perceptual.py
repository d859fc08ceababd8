"""Perceptual measures on the page: a table of their own, in which lower is better."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pipeline.arrays.tables import Number, read_table, write_table
from pipeline.measuring.perceptual_measures import MEASURES
from pipeline.measuring.perceptual_table import CLEAN, Perceived, Seen, mean_of
from pipeline.measuring.score_table import INPUT
from pipeline.measuring.statistics import Difference, paired_difference
from pipeline.settings.perceptual import Perceptual

Values = Mapping[str, float | None]
"""What was measured of each image, by its name; None of an image without texture."""

Kind = Literal["clean", "input", "classical", "network"]

Mean = Annotated[float, Number(".4f")]
"""In a table."""


@dataclass(frozen=True, kw_only=True)
class PerceptualRow:
    """Mean over the images of what one method made of them.

    Args:
        name: Of the experiment or the classical method; ``clean`` or ``input``.
        kind: Which of these it is.
        value: Lower is better; None where an image has no texture.
        to_input: This minus the degraded input, negative where it is better; None where one of the
            two is unknown.
        is_best: Whether no other restored row is lower.
    """

    name: str
    kind: Kind
    value: float | None
    to_input: Difference | None
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class PerceptualBlock:
    """What may be compared: one benchmark, data set, level and measure.

    Args:
        benchmark: Name of the benchmark.
        data_set: Name of the test set.
        degradation: Label of the level.
        measure: Name of the measure.
        images: How many were measured.
        rows: The clean images first, if the measure asks for none of its own, then the degraded
            ones, then the lowest.
    """

    benchmark: str
    data_set: str
    degradation: str
    measure: Perceptual
    images: int
    rows: Sequence[PerceptualRow]

    @property
    def title(self) -> str:
        """The measure with its version and its network."""
        return MEASURES[self.measure].title

    @property
    def digits(self) -> int:
        """How many digits after the point its values are shown with."""
        return MEASURES[self.measure].digits

    @property
    def compares(self) -> bool:
        """Whether the measure compares with the clean images."""
        return MEASURES[self.measure].network is not None


@dataclass(frozen=True, kw_only=True)
class PerceptualLine:
    """A row of ``perceptual.csv``: a mean over the images, lower for the better."""

    benchmark: str
    experiment: str
    data_set: str
    degradation: str
    measure: Perceptual
    images: int
    value: Mean | None
    value_input: Mean | None
    value_clean: Mean | None


def read_perceived(path: Path, stage: str) -> list[Perceived]:
    """Read the perceptual measures that a stage wrote.

    Args:
        path: File to read.
        stage: Stage of ``dvc.yaml`` that writes it, for the messages.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The columns or a value are not what the stage writes.
    """
    return read_table(path, Perceived, stage)


def compare_looks(
    benchmark: str, methods: Iterable[Perceived], networks: Iterable[Perceived]
) -> list[PerceptualBlock]:
    """Put all that was measured of one benchmark side by side.

    Args:
        benchmark: Its name.
        methods: Rows of the clean and degraded images and of classical methods.
        networks: Rows of all that was tested on it.
    """
    kinds: dict[str, Kind] = {}
    found: dict[Seen, dict[str, dict[str, float | None]]] = {}
    for rows, kind in ((methods, "classical"), (networks, "network")):
        for row in rows:
            special = kind == "classical" and row.experiment in {CLEAN, INPUT}
            # An experiment may be called what a method or a row is called.
            name = row.experiment if special else f"{kind} {row.experiment}"
            kinds[name] = row.experiment if special else kind  # type: ignore[assignment]
            found.setdefault(row.seen, {}).setdefault(name, {})[row.image] = row.value
    return [_block(benchmark, seen, values, kinds) for seen, values in found.items()]


def _block(
    benchmark: str, seen: Seen, values: Mapping[str, Values], kinds: Mapping[str, Kind]
) -> PerceptualBlock:
    means = {name: mean_of(of_image.values()) for name, of_image in values.items()}
    first = {"clean": 0, "input": 1}

    def is_restored(name: str) -> bool:
        return kinds[name] not in first and means[name] is not None

    restored = [mean for name, mean in means.items() if mean is not None and is_restored(name)]

    def order(name: str) -> tuple[int, float, str]:
        mean = means[name]
        return (first.get(kinds[name], 2), float("inf") if mean is None else mean, name)

    return PerceptualBlock(
        benchmark=benchmark,
        data_set=seen[0],
        degradation=seen[1],
        measure=seen[2],
        images=max(map(len, values.values())),
        rows=[
            PerceptualRow(
                name=name.removeprefix(f"{kinds[name]} "),
                kind=kinds[name],
                value=means[name],
                to_input=None if name == INPUT else _difference(values[name], values.get(INPUT)),
                is_best=is_restored(name) and means[name] == min(restored, default=None),
            )
            for name in sorted(values, key=order)
        ],
    )


def _difference(one: Values, other: Values | None) -> Difference | None:
    numbers = [_all_numbers(values) for values in (one, other or {})]
    return paired_difference(*numbers) if all(numbers) else None


def _all_numbers(values: Values) -> dict[str, float]:
    """Return the values if all are known, and none of them otherwise."""
    known = {image: value for image, value in values.items() if value is not None}
    return known if len(known) == len(values) else {}


def write_perceptual(path: Path, blocks: Iterable[PerceptualBlock]) -> None:
    """Write ``perceptual.csv``, one row for every restored one of the page.

    Args:
        path: File to write.
        blocks: In the order to write.
    """
    write_table(path, PerceptualLine, (line for block in blocks for line in _lines(block)))


def _lines(block: PerceptualBlock) -> Iterable[PerceptualLine]:
    values = {row.kind: row.value for row in block.rows}
    for row in block.rows:
        if row.kind in {"classical", "network"}:
            yield PerceptualLine(
                benchmark=block.benchmark,
                experiment=row.name,
                data_set=block.data_set,
                degradation=block.degradation,
                measure=block.measure,
                images=block.images,
                value=row.value,
                value_input=values.get("input"),
                value_clean=values.get("clean"),
            )
