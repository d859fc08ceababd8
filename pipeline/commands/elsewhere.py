"""Work that a command leaves to another process: torch is slow to import, and files may be bad."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.commands import FAILURE, INTERRUPTED, CommandError
from pipeline.running.request import lifeline

_PATIENCE = 2.0
"""Seconds in which what a terminal interrupted ends by itself."""


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
    with lifeline() as kept:
        done = subprocess.run(  # noqa: S603  (a module of this project)
            [sys.executable, "-m", module],
            cwd=root,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            **kept,
        )
    if done.returncode != 0:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise CommandError(f"{what} ended with exit code {done.returncode} ({last}){hint}")
    return json.loads(done.stdout)


def hand_over(module: str, request: dict[str, Any]) -> int:
    """Run a module that takes a request as JSON and speaks to people itself; return an exit code.

    It gets SIGTERM when this process is interrupted or ends, and Ctrl-C from a terminal at once.

    Args:
        module: Module to run.
        request: What it gets.
    """
    with lifeline() as kept:
        process = subprocess.Popen(  # noqa: S603  (a module of this project)
            [sys.executable, "-m", module], stdin=subprocess.PIPE, text=True, **kept
        )
        try:
            process.communicate(json.dumps(request))
        except KeyboardInterrupt:
            _end(process)
            return INTERRUPTED
    return process.returncode if process.returncode >= 0 else FAILURE


def _end(process: subprocess.Popen[str]) -> None:
    """Wait for a process to end, and ask it to when nobody else has."""
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
