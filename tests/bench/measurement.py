"""One figure of a benchmark, measured several times."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True)
class Measurement:
    """A figure, as often as it was measured.

    Args:
        group: What it belongs to.
        name: What was measured.
        unit: Of the values; more is better, but for ``s``, ``MB`` and ``times``.
        values: One a repetition.
        limit: What the machine would give at its best, in the same unit, or what is aimed at.
        note: What to know about it.
    """

    group: str
    name: str
    unit: str
    values: tuple[float, ...]
    limit: float | None = None
    note: str = ""

    @property
    def middle(self) -> float:
        """The median of the values."""
        return median(self.values)

    @property
    def spread(self) -> float:
        """Half the distance of the smallest and the largest value, over their median."""
        return (max(self.values) - min(self.values)) / 2 / self.middle if self.middle else 0.0


def as_lines(measurements: Iterable[Measurement]) -> Iterator[str]:
    """Yield each measurement as a line of JSON."""
    for one in measurements:
        yield json.dumps(asdict(one))


def print_lines(measurements: Iterable[Measurement]) -> None:
    """Print each measurement as a line of JSON as soon as it is there."""
    for line in as_lines(measurements):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def from_lines(lines: Iterable[str]) -> list[Measurement]:
    """Return the measurements of lines that ``as_lines`` made; other lines are passed over."""
    found = []
    for line in lines:
        if line.startswith('{"group"'):
            fields = json.loads(line)
            found.append(Measurement(**{**fields, "values": tuple(fields["values"])}))
    return found
