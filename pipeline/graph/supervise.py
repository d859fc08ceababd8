"""Start commands that never outlive the process that started them, however it ends.

Each command runs below a small supervisor (this file, run as a script) that holds the reading
end of a pipe. When the starting process lets go of the writing end, because it asks for the
stop or because it was killed, the supervisor ends the command and all that the command
started: SIGTERM, some time to write a checkpoint, then SIGKILL.
"""

import contextlib
import ctypes
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

GRACE = 20.0
"""Seconds between SIGTERM and SIGKILL."""

SECONDS_VARIABLE = "RESTORE_SECONDS"
"""Variable of a supervisor that says how long its command may take; the command has it not."""

TIMED_OUT = 124
"""Exit code of a command that took longer and did not succeed; that of ``timeout``."""

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_POLL = 0.05
_ASK_AGAIN = 1.0
_YEAR = 365 * 86400.0
_PR_SET_CHILD_SUBREAPER = 36


class Children:
    """Commands of this process; they stop when the ``with`` block or the process ends.

    The block is left when all have ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe: tuple[int, int] | None = os.pipe()
        self._supervisors: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        output: int | IO[str] = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start ``command`` under a supervisor, in a session of its own.

        Args:
            command: Program and arguments.
            cwd: Folder to run in.
            environment: All of its environment variables.
            output: Where its output and its errors go.

        Returns:
            The supervisor; its exit code is the command's.

        Raises:
            RuntimeError: ``stop`` was called before.
        """
        # A thread that comes late must not start what nobody would stop.
        with self._lock:
            if self._pipe is None:
                raise RuntimeError(f"not started, all is being stopped: {' '.join(command)}")
            supervisor = subprocess.Popen(  # noqa: S603 - what to run is the caller's business
                [sys.executable, "-I", "-S", __file__, *command],
                cwd=cwd,
                env=dict(environment),
                stdin=self._pipe[0],
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._supervisors.append(supervisor)
            return supervisor

    def stop(self) -> None:
        """Make every supervisor end its command; return without waiting for them."""
        with self._lock:
            if self._pipe is not None:
                for end in self._pipe:
                    os.close(end)
                self._pipe = None

    def close(self) -> None:
        """Make every supervisor end its command, and wait until all have done so."""
        self.stop()
        for supervisor in self._supervisors:
            supervisor.wait()


def supervise(
    command: Sequence[str], lifeline: int, grace: float = GRACE, seconds: float = math.inf
) -> int:
    """Run ``command`` until it ends, its time is over, a stop signal comes or ``lifeline`` goes.

    Args:
        command: Program and arguments; it gets a session of its own and no input.
        lifeline: Descriptor of the reading end of a pipe to which nobody writes.
        grace: Seconds between SIGTERM and SIGKILL.
        seconds: How long it may take.

    Returns:
        The exit code of the command, 128 + number when a signal ended it, and ``TIMED_OUT``
        when it was ended for its time and did not succeed all the same.
    """
    alarm = _catch_signals()
    _adopt_orphans()
    try:
        child = subprocess.Popen(  # noqa: S603 - what to run is the caller's business
            command, stdin=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        return 127
    over = time.monotonic() + seconds
    timed_out = False
    while child.poll() is None:
        left = over - time.monotonic()
        timed_out = left <= 0
        if timed_out:
            break
        # Longer than a year is no number of the system's.
        ready, _, _ = select.select([lifeline, alarm], [], [], min(left, _YEAR))
        if not ready:
            continue
        # SIGCHLD only wakes the loop up: the condition looks whether it was this child.
        if lifeline in ready or set(os.read(alarm, 4096)) & set(_STOP_SIGNALS):
            break
    _end_group(child, grace)
    code = child.wait()
    if code and timed_out:
        return TIMED_OUT
    return code if code >= 0 else 128 - code


def _catch_signals() -> int:
    """Return a descriptor from which the number of each arriving signal can be read."""
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (*_STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reader


def _adopt_orphans() -> None:
    """Become the parent of processes whose own parent dies, so that they can be reaped here.

    In a container the first process often reaps nobody, and the dead would look alive.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_group(child: subprocess.Popen[bytes], grace: float) -> None:
    """End what is left of the command's process group."""
    deadline = time.monotonic() + grace
    asked = -math.inf
    while _group_lives(child):
        now = time.monotonic()
        if now > deadline:
            _signal_group(child.pid, signal.SIGKILL)
        elif now - asked > _ASK_AGAIN:  # what a command starts while it ends is to end too
            _signal_group(child.pid, signal.SIGTERM)
            asked = now
        time.sleep(_POLL)


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group; tell whether there was anybody to get it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
        return False
    return True


def _group_lives(child: subprocess.Popen[bytes]) -> bool:
    # Before the command itself is reaped, reaping its group could swallow its exit code.
    if child.poll() is not None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-child.pid, os.WNOHANG)[0]:
                pass
    return _signal_group(child.pid, 0)


if __name__ == "__main__":
    _time = float(os.environ.pop(SECONDS_VARIABLE, "inf"))
    sys.exit(supervise(sys.argv[1:], lifeline=sys.stdin.fileno(), seconds=_time))
