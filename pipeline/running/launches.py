"""The launch that a process belongs to: what a person started, one ``dvc repro`` or one flow.

The tracker has a run of each launch, above those of its experiments. Stages need not know it:
they write down the launch, and whoever reaches the tracker first makes the run.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from pipeline.running.environment import LAUNCH_VARIABLE
from pipeline.running.provenance import provenance


@dataclass(frozen=True)
class Launch:
    """One launch, as its stages write it down."""

    key: str
    """What sets it apart from all others."""
    door: str
    """By which way it was started, such as 'dvc repro'."""
    began: int
    """In milliseconds since 1970, like every time that the tracker is told."""
    attended: bool
    """Whether its door stays to say how it ended; otherwise its last stage does."""
    tags: Mapping[str, str]
    """Where code and data stood when it began."""

    @property
    def environment(self) -> dict[str, str]:
        """Variables that tell a stage of this launch."""
        return {LAUNCH_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Return the launch that was written down.

        Raises:
            TypeError: Those are not the fields of a launch.
        """
        return cls(**fields)


def begin_launch(root: Path, door: str) -> Launch:
    """Return a new launch, which the caller attends.

    Args:
        root: Folder of the project.
        door: By which way it was started.
    """
    return Launch(
        key=uuid.uuid4().hex,
        door=door,
        began=int(time.time() * 1000),
        attended=True,
        tags=provenance(root),
    )


def current_launch(tags: Mapping[str, str]) -> Launch:
    """Return the launch of this process: the one that it was told, or that of the outermost DVC.

    Args:
        tags: Where code and data stand, for a launch that nobody told of.
    """
    told = os.environ.get(LAUNCH_VARIABLE)
    if told:
        try:
            return Launch.read(json.loads(told))
        except (TypeError, ValueError):
            sys.stderr.write(
                f"warning: {LAUNCH_VARIABLE}: expected what the flow gives its stages, came "
                f"'{told[:200]}'; unset it; the tracker takes this stage for a launch of its own\n"
            )
    process = _outermost_dvc()
    door = "stage" if process is None else "dvc repro"
    process = process or psutil.Process()
    born = process.create_time()
    return Launch(
        key=f"{process.pid}-{born:.2f}",
        door=door,
        # The time of birth is known to a second; what begins later must not seem to be earlier.
        began=int(min(born, time.time()) * 1000),
        attended=False,
        tags=tags,
    )


def _outermost_dvc() -> psutil.Process | None:
    """Return the DVC that a person started, if this process comes from one."""
    outermost = None
    for ancestor in psutil.Process().parents():
        try:
            words = [Path(word).name for word in ancestor.cmdline()[:3]]
        except psutil.Error:
            break
        if "dvc" in words:
            outermost = ancestor
    return outermost
