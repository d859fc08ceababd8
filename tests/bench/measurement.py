"""A measured figure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """What was measured several times; the reader makes medians and spreads of it.

    Args:
        group: What belongs together, such as one stage.
        name: What was measured.
        unit: Of the values; more is better, but for ``s`` and ``MB``.
        values: One figure a repetition.
        limit: What the median should reach, or stay below where less is better.
        note: What a reader has to know.
    """

    group: str
    name: str
    unit: str
    values: tuple[float, ...]
    limit: float | None = None
    note: str = ""
