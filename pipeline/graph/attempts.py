"""How often a stage is tried, and how long it may take.

Only a failure whose cause lies outside is tried again. What a stage says of itself is its exit
code, what an engine says of its machines the type of its error; no text is read for it.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.graph.dag import Stage
from pipeline.graph.supervise import GRACE, SECONDS_VARIABLE

PAUSE_VARIABLE = "RESTORE_RETRY_AFTER"
"""Seconds before a stage is tried for the second time; each further pause is twice as long."""

UNATTENDED_RETRIES = 4
"""Where nobody is there to try again; a quarter of an hour in all."""

_FIRST_PAUSE = 60.0
_LONGEST_PAUSE = 86400.0
_LATE = 2 * GRACE
_HOUR = 3600.0


class PauseError(ValueError):
    """The environment asks for a pause that is none."""


@dataclass(frozen=True)
class Fault:
    """Why a stage did not come to its end."""

    message: str
    may_pass: bool = False
    """Whether its cause lies outside."""
    out_of_time: bool = False


@dataclass(frozen=True)
class Attempts:
    """What the stages of one run may take, counted from when this is made.

    Args:
        retries: How often a stage is tried again.
        hours: After which the run is over; None where it has all the time.
        first_pause: Seconds before a stage is tried for the second time.
    """

    retries: int = 0
    hours: float | None = None
    first_pause: float = _FIRST_PAUSE
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the run ends: nothing is tried again."""
    _began: float = field(default_factory=time.monotonic)

    def make(self, once: Callable[[], Fault | None], say: Callable[[str], None]) -> Fault | None:
        """Do something until it succeeds, or fails for good, or was tried often enough.

        Args:
            once: Does it, and returns what went wrong.
            say: Told of each failure after which it is tried again.
        """
        for number in range(1, self.retries + 1):
            fault = once()
            if fault is None or not fault.may_pass:
                return fault
            pause = self.first_pause * 2 ** (number - 1)
            say(
                f"{fault.message}\nits cause lies outside: tried again in {pause:g} s "
                f"({number} of {self.retries})"
            )
            if self.over.wait(min(pause, self._seconds_left())) or self.are_over:
                return fault
        return once()

    @property
    def are_over(self) -> bool:
        """Whether the time of the run is over."""
        return self._seconds_left() <= 0

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """End what goes on for long after the time of the run.

        The supervisors of stages end them in time, but they do not begin to count before a cluster
        has room for the stage.

        Args:
            end: Ends it, and lets nothing begin.
        """
        seconds = min(max(0.0, self._seconds_left()) + _LATE, threading.TIMEOUT_MAX)
        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def seconds_for(self, stage: Stage) -> float:
        """Return how long a stage may take that begins now; nothing or less if it may not."""
        return min(stage.hours * _HOUR, self._seconds_left())

    def environment(self, stage: Stage) -> dict[str, str]:
        """Return what tells the supervisor of a stage when to end it."""
        seconds = self.seconds_for(stage)
        return {SECONDS_VARIABLE: f"{seconds:.3f}"} if seconds < math.inf else {}

    def judge(self, stage: Stage, fault: Fault) -> Fault:
        """Return a fault, or that the run ended the stage, which knows not why it was ended."""
        return self.out_of_time(stage) if self.are_over else fault

    def out_of_time(self, stage: Stage) -> Fault:
        """Return that a stage was ended."""
        return Fault(
            f"it ran out of time and was told to write a checkpoint: {self.why_over(stage)}; the "
            "next run goes on from there",
            out_of_time=True,
        )

    def why_over(self, stage: Stage) -> str:
        """Return whose time is over when a stage is ended, or is not begun."""
        if not self.are_over:
            return f"the {stage.hours:g} h that meta.hours of dvc.yaml gives it are over"
        return f"the {self.hours:g} h that the run was given are over"

    def _seconds_left(self) -> float:
        if self.hours is None:
            return math.inf
        return self._began + self.hours * _HOUR - time.monotonic()


def read_first_pause() -> float:
    """Return the first pause that the environment asks for.

    Raises:
        PauseError: It is no number of seconds.
    """
    text = os.environ.get(PAUSE_VARIABLE, str(_FIRST_PAUSE))
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_PAUSE:
        raise PauseError(
            f"{PAUSE_VARIABLE}: expected seconds, from 0 to those of a day, came '{text}'"
        )
    return seconds
