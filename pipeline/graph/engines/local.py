"""Stages as processes of this machine."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.graph.dag import Stage
from pipeline.graph.slots import Slots, list_gpus
from pipeline.graph.supervise import Children
from pipeline.running.environment import child_environment
from pipeline.running.workers import count_cores


class LocalEngine:
    """Runs each command below a supervisor, on the cores and GPUs of this machine."""

    def __init__(self) -> None:
        self._children = Children()

    @property
    def cores(self) -> int:
        """Cores of this machine."""
        return count_cores()

    def slots(self, at_once: int | None) -> Slots:
        """Return the cores and GPUs of this machine, as ``Engine`` has it."""
        return Slots(cores=self.cores, gpus=list_gpus(), at_once=at_once)

    def run(
        self,
        stage: Stage,  # noqa: ARG002 - the slots have seen to what it needs
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None],
    ) -> int:
        """Run a command, as ``Engine`` has it."""
        process = self._children.start(
            command, cwd=cwd, environment=child_environment() | {**environment}
        )
        with process:
            for line in process.stdout or ():
                say(line.rstrip("\n"))
        return process.returncode

    def close(self) -> None:
        """End all commands, as ``Engine`` has it."""
        self._children.close()
