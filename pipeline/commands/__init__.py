"""Commands of ``restore`` that need more than a few lines: one module a command.

A module has ``SUMMARY``, ``add_options`` and ``run``. It imports what it needs when it runs, so
that help and errors come at once.
"""

SUCCESS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""


class CommandError(Exception):
    """What a command was asked for cannot be done; carries the exit code."""

    def __init__(self, message: str, code: int = FAILURE) -> None:
        super().__init__(message)
        self.code = code
