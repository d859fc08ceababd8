"""Work that a command leaves to another process: torch is slow to import, and files may be bad."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.commands import FAILURE, INTERRUPTED, CommandError


def ask(root: Path, module: str, request: dict[str, Any], what: str, hint: str = "") -> Any:  # noqa: ANN401  (JSON)
    """Run a module that takes a request and gives an answer, both JSON.

    Args:
        root: Folder of the project.
        module: Module to run, such as ``pipeline.exchange.exporting``.
        request: What it gets.
        what: What it is asked to do, for the message if it fails.
        hint: What may be the reason, behind that message.

    Raises:
        CommandError: It ended otherwise than well.
    """
    done = subprocess.run(  # noqa: S603  (a module of this project)
        [sys.executable, "-m", module],
        cwd=root,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise CommandError(f"{what} ended with exit code {done.returncode} ({last}){hint}")
    return json.loads(done.stdout)


def hand_over(module: str, request: dict[str, Any], *, ends: bool = False) -> int:
    """Run a module that takes a request as JSON and speaks to people itself; return an exit code.

    Ctrl-C in a terminal comes to it too.

    Args:
        module: Module to run.
        request: What it gets.
        ends: Whether it is ended where an interruption came to this process alone; otherwise it
            finishes what it does.
    """
    process = subprocess.Popen(  # noqa: S603  (a module of this project)
        [sys.executable, "-m", module], stdin=subprocess.PIPE, text=True
    )
    try:
        process.communicate(json.dumps(request))
    except KeyboardInterrupt:
        if ends:
            process.terminate()
        process.wait()
        return INTERRUPTED
    return process.returncode if process.returncode >= 0 else FAILURE
