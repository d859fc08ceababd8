"""Work that a command leaves to another process: torch is slow to import, and files may be bad."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.commands import CommandError


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
