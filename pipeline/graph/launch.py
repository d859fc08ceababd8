"""The launch of one fan-out: its stages are told of it, and the tracker of how it ended.

The tracker (``pipeline/running/tracking.py``) is asked in a process of its own, so that neither its
imports nor its faults come into this one.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.running.environment import child_environment
from pipeline.running.journal import Journal
from pipeline.running.launches import Launch, begin_launch
from pipeline.running.runs import Ending, Run, new_event

PATIENCE = 120.0
"""Seconds that the tracker has to answer."""


class TrackerError(RuntimeError):
    """The tracker gave no answer."""


@dataclass
class OpenLaunch:
    """One launch that goes on; its owner says at the end whether it succeeded."""

    launch: Launch | None
    """None when nobody tracks it."""
    succeeded: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """Variables that stages of this launch need."""
        return {} if self.launch is None else self.launch.environment


@contextmanager
def open_launch(
    root: Path, *, door: str, warn: Callable[[str], None], patience: float = PATIENCE
) -> Iterator[OpenLaunch]:
    """Open a launch, and at its end let the tracker have what came of it and of its stages.

    A tracker that fails or hangs costs no result: what it should record is kept. A project
    without ``pipeline/running/tracking.py`` is not tracked.

    Args:
        root: Folder of the project.
        door: By which way the launch was asked for.
        warn: Gets told when the tracker fails.
        patience: Seconds that the tracker has to answer.
    """
    if not (root / "pipeline" / "running" / "tracking.py").is_file():
        yield OpenLaunch(launch=None)
        return
    launch = begin_launch(root, door)
    opened = OpenLaunch(launch)
    state: Ending = "KILLED"
    # There from the beginning: if this process is killed, it tells that the launch is over.
    journal = _journal(launch, root, warn)
    try:
        yield opened
        state = "FINISHED" if opened.succeeded else "FAILED"
    finally:
        try:
            if journal is not None:
                with journal:
                    journal.write(new_event("end", state=state))
            for warning in _deliver(root, patience):
                warn(warning)
        except (OSError, TrackerError) as error:
            warn(f"the tracker does not know yet that this run is {state}: {error}")


def _journal(launch: Launch, root: Path, warn: Callable[[str], None]) -> Journal | None:
    try:
        return Journal(Run.of_launch(launch), root=root)
    except OSError as error:
        warn(f"the tracker will not know how this run ends: {error}")
        return None


def _deliver(root: Path, patience: float) -> list[str]:
    """Let the tracker have all that is kept for it, and return its warnings."""
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "pipeline.running.tracking", "deliver"],
            cwd=root,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise TrackerError(f"no answer in {patience:.0f} s") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise TrackerError(said[-1]) from error
    mark = "warning: "
    said = answer.stderr.splitlines()
    return [line.removeprefix(mark) for line in said if line.startswith(mark)]
