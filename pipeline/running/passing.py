"""Failures whose cause lies outside of the project, so that the same may succeed later."""

MAY_PASS = 75
"""Exit code of a stage that failed so; ``EX_TEMPFAIL`` of ``sysexits.h``."""


class PassingError(Exception):
    """Something outside failed, such as a connection or a machine, and may be there again soon.

    Whoever raises it knows that by what failed, never by its words.
    """
