"""The command of one stage as a job of Slurm, on the node where Slurm has put it."""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.graph.supervise import Children
from pipeline.running.environment import child_environment
from pipeline.running.workers import CORES_VARIABLE, count_cores

ALIVE = "alive"
"""A file that whoever asked for the jobs of a folder touches as long as it lives."""

_BETWEEN_LOOKS = 0.2
_CORES_OF_SLURM = "SLURM_CPUS_PER_TASK"


@dataclass
class SlurmStage:
    """Runs one command; submitit pickles it and calls it in the job.

    The job ends its command, which writes a checkpoint, when Slurm says that its time is nearly
    over, and when ``ALIVE`` in the folder of its files has gone or is touched no more.
    """

    command: Sequence[str]
    """Program and arguments."""
    cwd: str
    """Folder to run in."""
    environment: Mapping[str, str]
    """Variables to add to those of the job."""
    cores: int
    """How many it may use where Slurm does not say."""
    files: str
    """Beginning of the paths of its files: ``.out`` has the lines, ``.code`` the exit code."""
    silence: float
    """Seconds without a touch of ``ALIVE`` after which nobody waits for the job any more."""
    _code: list[int] = field(default_factory=list)
    _children: list[Children] = field(default_factory=list)

    def __call__(self) -> int:
        """Run the command to its end and return its exit code."""
        alive = _Pulse(Path(self.files).with_name(ALIVE), self.silence)
        if not alive.beats():
            return self._end(128)
        self._children.append(Children())
        # submitit's signals interrupt this thread, which must hold no lock then.
        threading.Thread(target=self._run, args=(self._children[0],)).start()
        while not self._code:
            time.sleep(_BETWEEN_LOOKS)
            if not alive.beats():
                self._children[0].stop()
        return self._end(self._code[0])

    def checkpoint(self) -> object:
        """End the command, which writes a checkpoint, and return what runs when there is room."""
        from submitit.helpers import DelayedSubmission

        for children in self._children:
            children.stop()
            while not self._code:
                time.sleep(_BETWEEN_LOOKS)
        again = (self.command, self.cwd, self.environment, self.cores, self.files, self.silence)
        return DelayedSubmission(SlurmStage(*again))

    def _run(self, children: Children) -> None:
        granted = os.environ.get(_CORES_OF_SLURM) or str(min(self.cores, count_cores()))
        environment = {**self.environment, CORES_VARIABLE: granted}
        code = 127
        try:
            with Path(f"{self.files}.out").open("a", encoding="utf-8") as output, children:
                code = children.start(
                    self.command,
                    cwd=Path(self.cwd),
                    environment=child_environment() | environment,
                    output=output,
                ).wait()
        finally:
            self._code.append(code)

    def _end(self, code: int) -> int:
        draft = Path(f"{self.files}.draft")
        draft.write_text(str(code), encoding="utf-8")
        draft.rename(f"{self.files}.code")
        return code


class _Pulse:
    """Whether a file is still touched; clocks of two machines need not agree."""

    def __init__(self, path: Path, silence: float) -> None:
        self._path = path
        self._silence = silence
        self._last = 0
        self._seen = time.monotonic()

    def beats(self) -> bool:
        try:
            touched = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        except OSError:  # a server of files that does not answer for a while
            touched = self._last
        now = time.monotonic()
        if touched != self._last:
            self._last, self._seen = touched, now
        return now - self._seen < self._silence
