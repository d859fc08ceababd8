"""What the flow asks of whatever runs the command of a stage."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pipeline.graph.dag import Stage
from pipeline.graph.slots import Slots
from pipeline.running.passing import PassingError


class EngineError(RuntimeError):
    """An engine cannot be had, or cannot run a stage; the message says what to do."""


class LostPlaceError(EngineError, PassingError):
    """The machine that a stage was on, or the way to it, was lost."""


class Engine(Protocol):
    """Runs commands somewhere; they end when it is closed or this process ends."""

    @property
    def cores(self) -> int:
        """Cores that one stage can have at most, for as much as is known here."""
        ...

    def slots(self, at_once: int | None) -> Slots:
        """Return what the order of stages has to share out itself.

        Where a cluster does that, only the limit ``at_once`` is left.

        Args:
            at_once: Limit on the number of stages at once, or None.
        """
        ...

    def run(
        self,
        stage: Stage,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None],
    ) -> int:
        """Run the command of one stage to its end; called from a thread for each stage.

        Args:
            stage: What it needs of a machine.
            command: Program and arguments; the program is this Python.
            cwd: Folder to run in, the project's.
            environment: Variables to add to those that every child has
                (``child_environment``), also how long it may take (``SECONDS_VARIABLE``). Of
                cores and GPUs it says what this machine's slots granted; an engine that shares
                out itself puts its own in their place.
            say: Told each line of the output, without its end, as it comes.

        Returns:
            The exit code of the command, 128 + number when a signal ended it.

        Raises:
            EngineError: It did not run, or nobody knows how it ended; it is ``LostPlaceError``
                where that says nothing of the stage.
        """
        ...

    def close(self) -> None:
        """End what runs as ``supervise`` does, wait for that, and run nothing any more."""
        ...
