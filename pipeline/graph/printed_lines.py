"""What a stage printed, without what DVC says around it."""

import re
from collections import deque

_LINES_KEPT = 200
_NOISE = (
    "Updating lock file",
    "Generating lock file",
    "To track the changes with git, run:",
    "\tgit add",
    "To enable auto staging, run:",
    "\tdvc config core.autostage true",
    "Use `dvc push` to send your updates",
)
"""What DVC says after each stage, which is nothing to do in the middle of a run."""

_EXITED = re.compile(r"ERROR: failed to reproduce '.*': failed to run: .*, exited with (-?\d+)\s*")
"""What DVC says of a command that failed: its own exit code is another one."""

_BEGINS = "Running stage '"
"""What DVC says before the command of a stage, also when a job of a cluster begins again."""


class PrintedLines:
    """The last lines of a stage, and the exit code of its own command."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        """As DVC says it; None if it has not."""
        self._kept: deque[str] = deque(maxlen=_LINES_KEPT)

    @property
    def lines(self) -> list[str]:
        """What was kept, the oldest first."""
        return list(self._kept)

    def hear(self, line: str) -> bool:
        """Take in a line, and tell whether it is worth showing."""
        if line.startswith(_BEGINS):
            self.exit_code = None
            self._kept.clear()
        exited = _EXITED.fullmatch(line)
        if exited:
            self.exit_code = int(exited[1])
        if self.exit_code is not None or not line.strip() or line.startswith(_NOISE):
            return False
        self._kept.append(line.rstrip())
        return True
