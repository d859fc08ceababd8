"""The launch under which the tracker files the runs of one fan-out.

The tracker (``pipeline/running/tracking.py``) is asked in a process of its own, so that neither its
imports nor its faults come into this one.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.running.environment import LAUNCH_VARIABLE, child_environment

PATIENCE = 120.0
"""Seconds that the tracker has to answer."""


class TrackerError(RuntimeError):
    """The tracker gave no answer."""


@dataclass
class Launch:
    """One launch; its owner says at the end whether it succeeded."""

    identity: str | None
    """None when nobody tracks it."""
    succeeded: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """Variables that stages of this launch need."""
        return {} if self.identity is None else {LAUNCH_VARIABLE: self.identity}


@contextmanager
def open_launch(
    root: Path, *, door: str, warn: Callable[[str], None], patience: float = PATIENCE
) -> Iterator[Launch]:
    """Open a launch with the project's tracker, and close it with what came of it.

    A tracker that fails or hangs costs no result: the stages then run without a launch. A
    project without ``pipeline/running/tracking.py`` is not tracked.

    Args:
        root: Folder of the project.
        door: By which way the launch was asked for.
        warn: Gets told when the tracker fails.
        patience: Seconds that the tracker has to answer.
    """
    launch = Launch(identity=None)
    if (root / "pipeline" / "running" / "tracking.py").is_file():
        try:
            launch.identity = _ask(root, patience, "open", "--door", door)
        except TrackerError as error:
            warn(f"this run is not tracked: {error}")
    state = "KILLED"
    try:
        yield launch
        state = "FINISHED" if launch.succeeded else "FAILED"
    finally:
        if launch.identity is not None:
            try:
                _ask(root, patience, "close", launch.identity, "--state", state)
            except TrackerError as error:
                warn(f"the tracker does not know that this run is {state}: {error}")


def _ask(root: Path, patience: float, *request: str) -> str:
    question = f"tracking {request[0]}"
    try:
        answer = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "pipeline.running.tracking", *request],
            cwd=root,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise TrackerError(f"{question}: no answer in {patience:.0f} s") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise TrackerError(f"{question}: {said[-1]}") from error
    return answer.stdout.strip()
