"""DVC, as ``python -m pipeline.graph.unhurried_dvc ...``, that finishes what it writes.

SIGTERM ends its stage, not itself: it says that the stage failed, or records one that had just
ended, and then ends by itself. DVC as it comes would leave half of a ``dvc.lock``.
"""

import signal
import sys

from dvc.cli import main

from pipeline.graph.engines.guard import heed_guard
from pipeline.graph.lock_entries import by_entries
from pipeline.graph.params_reading import reading_params_once

if __name__ == "__main__":
    # Not SIG_IGN, which the stage would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    heed_guard()
    with by_entries(), reading_params_once():
        code = main()
    # Now it may be: Python lets a signal kill it again while it shuts down, which would be a lie.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(code)
