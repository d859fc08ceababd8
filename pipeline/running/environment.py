"""Environment variables of the processes that the project starts."""

import os
import sys
from pathlib import Path

NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
"""What keeps Prefect, DVC and MLflow from reporting to their makers what is done here."""

MLFLOW_PORT = 8601
"""Where `restore ui` shows MLflow's pages, unless it is taken: the same each time, since a browser
keeps for each address what it was told to hide."""

LAUNCH_VARIABLE = "RESTORE_LAUNCH"
"""Tells a stage the launch that it belongs to, which becomes a run of the tracker."""


def child_environment() -> dict[str, str]:
    """Return the variables for a child: ``python`` is this one, and output comes line by line."""
    # The commands in dvc.yaml take `python` from PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, **NO_TELEMETRY, "PATH": path, "PYTHONUNBUFFERED": "1"}
