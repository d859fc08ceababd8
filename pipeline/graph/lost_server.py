"""A run outlives Prefect's server: what came of its stages counts, not what Prefect can record."""

import atexit
import os
import sys
import threading

from pipeline.graph.prefect_server import who_answers

_BETWEEN_LOOKS = 1.0
_LOOKS = 3
"""As often in a row nobody answers where a server was that is no more."""


class LostServer:
    """Ends this process when its stages have ended and Prefect would wait for a server for minutes.

    To be made before Prefect is imported: it watches as long as Prefect sends what it has left.

    Args:
        url: Address of the API.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        atexit.register(self._over.set)

    def watch(self, code: int, message: str) -> None:
        """Begin to look whether the server is still there.

        Args:
            code: Exit code that is due.
            message: What came of the run.
        """
        threading.Thread(target=self._look, args=(code, message), daemon=True).start()

    def _look(self, code: int, message: str) -> None:
        missed = 0
        while not self._over.wait(_BETWEEN_LOOKS):
            missed = missed + 1 if who_answers(self._url) == "nobody" else 0
            if missed == _LOOKS:
                sys.stderr.write(
                    f"restore: Prefect's server at {self._url} has ended, so its pages lack the "
                    f"end of this run; no result is lost\n{message}\n"
                )
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
