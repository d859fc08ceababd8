"""What the tracker knows of runs, asked only where there is a record of any."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.commands import CommandError
from pipeline.commands.elsewhere import ask

DATABASE = "mlflow.db"
"""Where the record is unless ``MLFLOW_TRACKING_URI`` names another place."""


def has_record(root: Path) -> bool:
    """Tell whether there is a record of runs: asking for one makes it."""
    return "MLFLOW_TRACKING_URI" in os.environ or (root / DATABASE).is_file()


def ask_of_weights(root: Path, weights: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return what is recorded of the trainings of some weights; a tracker that fails costs a line.

    Args:
        root: Folder of the project.
        weights: Checksums of weights, by experiment.

    Returns:
        What ``pipeline/running/run_records.py`` calls a record, for those that have one.
    """
    if not weights or not has_record(root):
        return {}
    try:
        found = _ask(root, {"weights": dict(weights)})["weights"]
    except CommandError as error:
        print(f"warning: {error}", file=sys.stderr)
        return {}
    return {name: record for name, record in found.items() if record is not None}


def ask_of_run(root: Path, run: str) -> dict[str, Any] | None:
    """Return what is recorded of a run; None if nothing is.

    Args:
        root: Folder of the project.
        run: Its id.

    Raises:
        CommandError: The tracker fails.
    """
    found: dict[str, Any] | None = _ask(root, {"run": run})["run"] if has_record(root) else None
    return found


def _ask(root: Path, request: dict[str, Any]) -> dict[str, Any]:
    module = "pipeline.running.run_records"
    answer: dict[str, Any] = ask(root, module, request, "asking the tracker")
    return answer
