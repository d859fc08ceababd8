"""What a process of ours is asked by the one that started it, and how it ends with that one.

A command leaves work to a process of its own. Whatever becomes of the command, a terminal that is
closed or SIGKILL, that process must not go on alone. So it holds one end of a pipe whose other end
closes with the command.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_VARIABLE = "RESTORE_LIFELINE"


@contextmanager
def lifeline() -> Iterator[dict[str, Any]]:
    """Give what ``subprocess`` needs to start a process that ends no later than this context."""
    theirs, ours = os.pipe()
    try:
        yield {"pass_fds": [theirs], "env": {**os.environ, _VARIABLE: str(theirs)}}
    finally:
        os.close(theirs)
        os.close(ours)


def read_request() -> Any:  # noqa: ANN401  (JSON)
    """Return what this process is asked, and have it end when whoever asks is gone."""
    end_with_starter()
    return json.load(sys.stdin)


def end_with_starter() -> None:
    """Have SIGTERM come to this process when the one that started it is gone."""
    pipe = os.environ.pop(_VARIABLE, None)
    if pipe is not None:
        threading.Thread(target=_wait, args=[int(pipe)], daemon=True).start()


def _wait(pipe: int) -> None:
    os.read(pipe, 1)  # nobody ever writes
    os.kill(os.getpid(), signal.SIGTERM)
