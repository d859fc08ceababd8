"""Git, as the head and the workers call it: it asks nobody, and says nothing secret."""

import os
import subprocess
from pathlib import Path

from pipeline.graph.engines.addresses import without_password


class GitError(RuntimeError):
    """Git cannot do what it was asked for; the message is its own, in one line."""


def run_git(folder: Path, *arguments: str, patience: float | None = None) -> str:
    """Return what a command of Git prints.

    Args:
        folder: Where it runs.
        arguments: The command and its words.
        patience: Seconds that it may take; None for as long as it needs.

    Raises:
        GitError: It failed, took too long, or is not installed.
    """
    try:
        done = subprocess.run(  # noqa: S603 - arguments of our own
            ["git", *arguments],  # noqa: S607 - the user's Git
            cwd=folder,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GitError(f"no answer in {patience:.0f} s") from error
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from error
    if done.returncode:
        raise GitError(without_password(" ".join(done.stderr.split()) or "git failed"))
    return done.stdout.strip("\n")
