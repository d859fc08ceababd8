"""Who works with a Prefect server that ends: its stages count, not what Prefect can record."""

import atexit
import os
import sys
import threading

from pipeline.graph.prefect_server import who_answers

_BETWEEN_LOOKS = 1.0
_LOOKS = 3
"""As often in a row nobody answers where a server was that is no more."""


class LostServer:
    """Ends this process when nothing is left to do but to wait minutes for a server.

    Args:
        url: Address of the API.
        ours: Whether this process ends the server when it exits. To be made before Prefect is
            imported then: it watches as long as Prefect sends what it has left, and no longer.
    """

    def __init__(self, url: str, *, ours: bool = True) -> None:
        self._url = url
        self._over = threading.Event()
        if ours:
            atexit.register(self._over.set)

    def watch(
        self,
        code: int,
        message: str,
        lost: str = "so its pages lack the end of this run; no result is lost",
    ) -> None:
        """Begin to look whether the server is still there.

        Args:
            code: Exit code that is due.
            message: What came of the run, or what to do.
            lost: What its end means.
        """
        threading.Thread(target=self._look, args=(code, message, lost), daemon=True).start()

    def _look(self, code: int, message: str, lost: str) -> None:
        missed = 0
        while not self._over.wait(_BETWEEN_LOOKS):
            missed = missed + 1 if who_answers(self._url) == "nobody" else 0
            if missed == _LOOKS:
                sys.stderr.write(
                    f"restore: Prefect's server at {self._url} has ended, {lost}\n{message}\n"
                )
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
