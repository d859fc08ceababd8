"""Recognition in the literature, one number a row of ``published_recognition.csv``.

``task`` is the name of the catalogue of the data, or what the literature calls other data;
``protocol`` says which samples trained and which were tested on, as ``protocol_of`` does. Figures
from memory are marked: they may be shown, but nothing is compared with them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.arrays.tables import read_lines
from pipeline.settings.tasks import CubeTask, DisjointSplit, FoldSplit, PublishedSplit, Task

SHIPPED = Path(__file__).with_name("published_recognition.csv")
"""The numbers that come with the project."""

_Measure = Literal["accuracy", "aa", "kappa", "map_image_to_text", "map_text_to_image", "map"]

MEASURES: Mapping[_Measure, str] = {
    "accuracy": "share of the samples whose class was recognised (OA)",
    "aa": "mean over the classes of the share that was recognised",
    "kappa": "Cohen's kappa",
    "map_image_to_text": "mean average precision of texts found by an image",
    "map_text_to_image": "mean average precision of images found by a text",
    "map": "mean of both directions",
}
"""What was published, and what it means."""

_Unit = Literal["percent", "fraction"]

UNITS: Mapping[_Unit, float] = {"percent": 0.01, "fraction": 1.0}
"""Units of the values, and what one of them is."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of ``published_recognition.csv``, its columns in this order."""

    system: str
    task: str
    protocol: str
    measure: _Measure
    value: str
    unit: _Unit
    source: str
    from_memory: bool


@dataclass(frozen=True, kw_only=True)
class PublishedRecognition:
    """One published number.

    Args:
        system: Name in the literature.
        task: Which data.
        protocol: Which samples trained, and which were tested on.
        measure: One of ``MEASURES``.
        value: A fraction, at most 1.
        source: Where it stands, and what to know about it.
        from_memory: Not read in its source; nothing is compared with it.
    """

    system: str
    task: str
    protocol: str
    measure: str
    value: float
    source: str
    from_memory: bool


def protocol_of(task: Task) -> str:
    """Return which samples train and which are tested on, in the words of the table.

    Such as ``published``, ``random-10`` (10 % drawn at random train), ``disjoint-40`` (of the rows
    or columns) or ``folds-5``.
    """
    split = task.split
    if isinstance(split, PublishedSplit):
        return "published"
    if isinstance(split, FoldSplit):
        return f"folds-{split.folds}"
    way = "disjoint" if isinstance(split, DisjointSplit) else "random"
    return f"{way}-{100 * split.train:g}"


def data_of(task: Task) -> str:
    """Return the name of the data of a task: that of its catalogue, or of the user's folder."""
    return Path(task.source).name


def read_published_recognition(path: Path = SHIPPED) -> list[PublishedRecognition]:
    """Read all published numbers, in the order of the file.

    Raises:
        ValueError: The columns or a value are wrong, or two rows say the same thing; the message
            names the line.
    """
    numbers: list[PublishedRecognition] = []
    lines: dict[tuple[str, ...], int] = {}
    for line, row in read_lines(path, Line):
        number = _number(row, f"{path}, line {line}")
        key = (number.system, number.task, number.protocol, number.measure)
        earlier = lines.setdefault(key, line)
        if earlier != line:
            raise ValueError(
                f"{path}, line {line}: expected one number for {', '.join(key)}; line {earlier} "
                "has it already"
            )
        numbers.append(number)
    return numbers


def recognising_systems(path: Path = SHIPPED) -> list[str]:
    """Return the names of all systems that numbers were published of, sorted."""
    return sorted({number.system for number in read_published_recognition(path)})


def find_published(
    numbers: Iterable[PublishedRecognition], system: str | None, measure: str, task: Task
) -> PublishedRecognition | None:
    """Return the number of a system that is nearest to what a task measures.

    That of the same data and protocol if there is one; else of the same protocol, or the first;
    ``is_same_test`` tells which.

    Args:
        numbers: As read.
        system: Name in the literature; None for no system.
        measure: One of ``MEASURES``.
        task: What is measured here.
    """
    data, protocol = data_of(task), protocol_of(task)
    found = [one for one in numbers if (one.system, one.measure) == (system, measure)]
    return min(
        found,
        key=lambda one: (one.task != data, one.protocol != protocol, one.from_memory),
        default=None,
    )


def is_same_test(number: PublishedRecognition, task: Task) -> bool:
    """Tell whether a number may be compared with what a task measures.

    All numbers of scenes are about all of their classes.
    """
    same = (number.task, number.protocol) == (data_of(task), protocol_of(task))
    return same and not number.from_memory and not ignored_classes(task)


def ignored_classes(task: Task) -> list[str]:
    """Return the classes that a task leaves out."""
    return task.ignore if isinstance(task, CubeTask) else []


def _number(row: Line, where: str) -> PublishedRecognition:
    return PublishedRecognition(
        system=row.system,
        task=row.task,
        protocol=row.protocol,
        measure=row.measure,
        value=_value(row, where),
        source=row.source,
        from_memory=row.from_memory,
    )


def _value(row: Line, where: str) -> float:
    """Return the number as a fraction; its range depends on measure and unit."""
    unit = UNITS[row.unit]
    try:
        value = float(row.value)
    except ValueError:
        value = math.nan
    lowest = -1.0 if row.measure == "kappa" else 0.0
    if not lowest <= value * unit <= 1 + 1e-9:
        raise ValueError(
            f"{where}: expected {row.measure} from {lowest / unit:g} to {1 / unit:g} "
            f"({row.unit}); came '{row.value}'"
        )
    return value * unit
