"""What MLflow's pages need before they are shown: the runs as a table, and where it is.

A process of its own prepares it, ``python -m pipeline.running.pages``, JSON in, JSON out: MLflow
takes seconds to load.
"""

import contextlib
import io
import json
import sys

from pipeline.running.request import read_request
from pipeline.running.runs_table import save_view
from pipeline.running.tracking import Tracker, cause_of, describe, send_kept


def main() -> None:
    """Deliver what waits, save the view, and say where runs and view are, with all warnings."""
    read_request()
    warnings = io.StringIO()
    try:
        with contextlib.redirect_stderr(warnings):
            tracker = Tracker()
            send_kept(tracker)
            describe(tracker)
            view = save_view(tracker)
    except Exception as error:  # whatever an unknown tracker raises
        sys.exit(f"MLflow cannot be reached: {cause_of(error)}")
    answer = {"store": tracker.client.tracking_uri, "view": view, "warnings": warnings.getvalue()}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
