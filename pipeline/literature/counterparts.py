"""Systems that a run is to be compared with, and tests that they have no number for."""

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import SequenceMatcher

from pipeline.literature.published import Key, Published

Place = tuple[str, str, str]
"""Data set, level and protocol."""


def without_counterpart(
    system: str, places: Iterable[Place], numbers: Mapping[Key, Published]
) -> list[str]:
    """Say for which tests a system has no number to compare with, and what it has instead.

    Args:
        system: As ``published.csv`` names it.
        places: What was or will be measured, by every protocol that applies: a number by one of
            them is enough for a data set and a level.
        numbers: Of the literature, figures from memory included: these are never compared with.

    Returns:
        One sentence a data set that has such levels; empty if there is a number for each.
    """
    known = {
        key[1:]: number
        for key, number in numbers.items()
        if key[0] == system and not number.from_memory
    }
    tests: dict[str, dict[str, list[Place]]] = {}
    for place in places:
        tests.setdefault(place[0], {}).setdefault(place[1], []).append(place)
    said = []
    for data_set, by_level in tests.items():
        missing = {level: by for level, by in by_level.items() if not set(by) & known.keys()}
        if missing:
            first, *_ = [place for by in missing.values() for place in by]
            said.append(
                f"{system} has no number for {data_set} at {', '.join(missing)}; "
                f"{_nearest(first, known)}"
            )
    return said


def _nearest(place: Place, known: Collection[Place]) -> str:
    """Say which place of a system is most like one that it has no number for."""
    if not known:
        return "it has none that was read in its source"
    data_set, level, protocol = min(known, key=lambda other: _distance(place, other))
    return f"the nearest it has is {data_set} at {level} by {protocol}"


def _distance(one: Place, other: Place) -> tuple[float, ...]:
    alike = SequenceMatcher(None, one[0], other[0]).ratio()
    return (
        _kind(one[1]) != _kind(other[1]),
        (one[0] != other[0]) + (_value(one[1]) != _value(other[1])),
        1 - alike,
        abs(_value(one[1]) - _value(other[1])),
        one[1] != other[1],
        one[2] != other[2],
    )


def _kind(level: str) -> str:
    return level.partition("_")[0]


def _value(level: str) -> float:
    found = re.search(r"\d+(\.\d+)?", level)
    return float(found.group()) if found else 0.0
