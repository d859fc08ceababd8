"""The command of one stage on a node of a Ray cluster; Ray makes an actor of it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.graph.supervise import Children
from pipeline.running.environment import NO_TELEMETRY
from pipeline.running.workers import CORES_VARIABLE

_OF_RAY = ("RAY_", "OMP_NUM_THREADS")
"""Variables that Ray sets in its own processes, and that are none of a stage's business."""


class RayStage:
    """Runs one command; it ends when it is told to, or when its process dies."""

    def __init__(self) -> None:
        self._children = Children()

    def run(
        self, command: Sequence[str], cwd: str, environment: Mapping[str, str], cores: int
    ) -> Iterator[str | int | None]:
        """Run a command, and yield None when it has begun, its lines, and its exit code.

        Args:
            command: Program and arguments.
            cwd: Folder to run in.
            environment: Variables to add to those of this node.
            cores: How many it may use.
        """
        own = {name: value for name, value in os.environ.items() if not name.startswith(_OF_RAY)}
        path = os.pathsep.join([str(Path(command[0]).parent), own.get("PATH", os.defpath)])
        process = self._children.start(
            command,
            cwd=Path(cwd),
            environment=own
            | {**NO_TELEMETRY, "PATH": path, "PYTHONUNBUFFERED": "1"}
            | {**environment, CORES_VARIABLE: str(cores)},
        )
        yield None
        with process:
            for line in process.stdout or ():
                yield line.rstrip("\n")
        yield process.returncode

    def stop(self) -> None:
        """Begin to end the command."""
        self._children.stop()
