"""A run in words: how the tracker finds or makes it, and what can be told of it."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from pipeline.running.launches import Launch
from pipeline.settings.params import Protocol

PROTOCOLS: tuple[str, ...] = (*get_args(Protocol), "train-patches-float")
"""What a PSNR or SSIM may be of; the last is that of a training curve."""

EXPERIMENT_TAG = "restore.experiment"
"""Tag of a run: the name of its experiment."""

SPEED = "seconds_per_megapixel"
"""Metric of a run: how long restoring takes."""

LAUNCH, LAUNCHED_BY = "launch", "restore.launched_by"
"""Tags of a run: the name of its launch, and the id of the run of that."""

Ending = Literal["FINISHED", "FAILED", "KILLED"]

Event = dict[str, Any]
"""One thing to tell: its ``kind``, its ``time`` in milliseconds since 1970, and what it says."""


def _now() -> int:
    return int(time.time() * 1000)


@dataclass(frozen=True)
class Run:
    """A run of the tracker, wherever it may be made."""

    name: str
    tags: Mapping[str, str]
    launch: Launch | None
    """None where the run is that of a launch itself."""
    find: str | None = None
    """Tag of a run to go on with, if there is one; otherwise a new one is made."""
    began: int = field(default_factory=_now)

    @classmethod
    def of_launch(cls, launch: Launch) -> Self:
        """Return the run of a launch, the same whoever asks."""
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(launch.began / 1000))
        return cls(
            name=f"{launch.door} {began}",
            tags={"restore.launch": launch.key, "restore.door": launch.door, **launch.tags},
            launch=None,
            find="restore.launch",
            began=launch.began,
        )

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Return the run that was written down.

        Raises:
            TypeError: Those are not the fields of a run.
        """
        launch = fields.get("launch")
        return cls(**{**fields, "launch": None if launch is None else Launch.read(launch)})


def new_event(kind: str, **fields: object) -> Event:
    """Return an event of this moment.

    Args:
        kind: One that ``pipeline/running/tracking.py`` can send.
        fields: What it says.

    Raises:
        ValueError: A PSNR or SSIM does not say how it was measured.
    """
    for name in fields.get("metrics", {}):  # type: ignore[attr-defined]  # of one kind
        _refuse_bare_score(name)
    return {"kind": kind, "time": _now(), **fields}


def _refuse_bare_score(name: str) -> None:
    *place, score = name.split("/")
    if score.startswith(("psnr", "ssim")) and (not place or place[-1] not in PROTOCOLS):
        raise ValueError(
            f"metric '{name}': expected PROTOCOL/{score} at its end, for a {score} means nothing "
            f"without its protocol; one of: {', '.join(PROTOCOLS)}"
        )


def flattened(
    nested: Mapping[str, Any], separator: str, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield every leaf of nested mappings, under all its keys with ``separator`` between them."""
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from flattened(value, separator, f"{prefix}{key}{separator}")
        else:
            yield f"{prefix}{key}", value


def size_of(card: Mapping[str, Any]) -> dict[str, float]:
    """Return what the card of a network says of its size and its cost."""
    names = ("parameters", "multiply_adds_256")
    return {name: float(card[name]) for name in names if card.get(name) is not None}
