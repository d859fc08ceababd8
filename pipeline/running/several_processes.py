"""One training by several processes: who starts them, who ends them, and which of them this is.

The process of a stage starts torchrun, torchrun starts the stage once more for each process. Only
the names of torchrun's environment variables are known here, so that nothing loads torch.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
import types
from argparse import ArgumentParser
from collections.abc import Mapping

import psutil

TORCHRUN_VARIABLE = "RESTORE_TORCHRUN"
"""Options of torchrun that lead several machines together, such as ``--nnodes 2 ...``."""

_ONE_MACHINE = ("--standalone", "--local-addr", "127.0.0.1")
_POLL = 0.1


def is_one_of_several() -> bool:
    """Tell whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def processes_here() -> int:
    """Return how many processes of this machine share its cores and memory with one training."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if is_one_of_several() else 1


def position() -> int:
    """Return which of the processes of a training this is, from 0; 0 where there is but one."""
    return int(os.environ["RANK"]) if is_one_of_several() else 0


def processes_each(processes: int) -> int:
    """Return how many of the processes of a training a machine starts.

    Raises:
        ValueError: The machines that ``RESTORE_TORCHRUN`` speaks of cannot have equally many.
    """
    machines = _machines()
    if processes % machines:
        raise ValueError(
            f"resources.train.processes: expected a multiple of the {machines} machines that "
            f"{TORCHRUN_VARIABLE} names, came {processes}"
        )
    return processes // machines


def _machines() -> int:
    options = ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--nnodes", default="1")
    found = options.parse_known_args(_options())[0].nnodes
    if not found.isdecimal() or int(found) < 1:
        raise ValueError(
            f"{TORCHRUN_VARIABLE}: expected '--nnodes' and the number of machines, came '{found}'"
        )
    return int(found)


def _options() -> list[str]:
    return shlex.split(os.environ.get(TORCHRUN_VARIABLE, ""))


def start_processes(processes: int, environment: Mapping[str, str]) -> int:
    """Run this very command in several processes, and return 0 if all of them succeeded, else 1.

    The first SIGTERM or Ctrl-C goes on to them, and so they end when whoever started this process
    is gone. When one of them fails or is killed, all end.

    Args:
        processes: How many, on all machines together.
        environment: Variables beside those of this process.

    Raises:
        ValueError: They cannot be shared out to the machines.
    """
    module = sys.modules["__main__"].__spec__
    if module is None:
        raise ValueError("expected a stage that was started as 'python -m stages.NAME'")
    command = [
        *(sys.executable, "-m", "pipeline.training.torchrun"),
        *("--nproc-per-node", str(processes_each(processes)), *(_options() or _ONE_MACHINE)),
        *("-m", module.name, "--", *sys.argv[1:]),
    ]
    signals: list[int] = []

    def note(number: int, frame: types.FrameType | None) -> None:  # noqa: ARG001  (a handler)
        signals.append(number)

    parent = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    # In a session of its own: a terminal's Ctrl-C reaches torchrun once, by way of this process,
    # and a second signal would keep it from waiting for the checkpoint.
    child = subprocess.Popen(  # noqa: S603  (this very program)
        command, env={**os.environ, **environment}, start_new_session=True
    )
    asked = False
    while child.poll() is None:
        if not asked and (signals or os.getppid() != parent):
            child.send_signal(signal.SIGTERM)
            asked = True
        time.sleep(_POLL)
    return 1 if child.returncode else 0


class Starter:
    """Whoever started this process; of one process of several, torchrun and who started that."""

    def __init__(self) -> None:
        self._expected = _starters()

    @property
    def is_gone(self) -> bool:
        """Whether nobody is left who would take a result."""
        return _starters() != self._expected


def _starters() -> tuple[int, ...]:
    parent = os.getppid()
    if not is_one_of_several():
        return (parent,)
    try:
        return parent, psutil.Process(parent).ppid()
    except psutil.Error:
        return (parent,)
