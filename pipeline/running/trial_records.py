"""What the tracker has on tries: marks on their runs, and how long trainings took.

Asked in a process of its own: ``python -m pipeline.running.trial_records``, JSON in, JSON out.
"""

import json
import sys
from typing import Any

from pipeline.running.request import read_request
from pipeline.running.runs import EXPERIMENT_TAG, LAUNCHED_BY
from pipeline.running.tracking import Tracker

TRY, TRY_OF = "restore.try", "restore.try_of"
"""Tags of a try's runs: its name, and the experiment that it changed."""

Run = Any
"""A run as MLflow's client returns it; only the tracker's own module imports MLflow."""


def mark_runs(tracker: Tracker, name: str, experiment: str) -> int:
    """Tag the runs of a try, and return how many were not tagged before.

    Where the code stood is taken from the launch: a workspace lies outside of what Git watches.

    Args:
        tracker: Has them.
        name: Of the try.
        experiment: What it changed.
    """
    new = [run for run in _runs_of(tracker, name) if TRY not in run.data.tags]
    for run in new:
        tags = {TRY: name, TRY_OF: experiment}
        # The second is what older databases have.
        launch = run.data.tags.get(LAUNCHED_BY) or run.data.tags.get("mlflow.parentRunId")
        if launch:
            above = tracker.client.get_run(launch).data.tags
            tags |= {key: above[key] for key in ("git.commit", "git.edited") if key in above}
        for key, value in tags.items():
            tracker.client.set_tag(run.info.run_id, key, value)
    return len(new)


def training_seconds(tracker: Tracker, experiment: str, weights: str) -> float | None:
    """Return how long a training took, with what it took before it was interrupted.

    Args:
        tracker: Has its runs.
        experiment: Its name.
        weights: Checksum of its weights.

    Returns:
        None if the tracker does not know.
    """
    runs = _runs_of(tracker, experiment)
    finished = [
        at for at, run in enumerate(runs) if run.data.tags.get("restore.weights") == weights
    ]
    # Weights that another project trained have scores here, and no curve.
    trained = [at for at in finished if _curve_ends(tracker, runs[at])]
    if not trained:
        return None
    last = trained[-1]
    total = _seconds(tracker, runs[last])
    for run in reversed(runs[:last]):
        if run.info.status == "FINISHED" or run.data.params != runs[last].data.params:
            break
        total += _seconds(tracker, run)
    return total


def _runs_of(tracker: Tracker, experiment: str) -> list[Run]:
    """Return the runs of an experiment, the oldest first."""
    return tracker.search(f"tags.`{EXPERIMENT_TAG}` = '{experiment}'")[::-1]


def _curve_ends(tracker: Tracker, run: Run) -> int | None:
    """Return when the last point of a training's curve was recorded, in milliseconds."""
    points = tracker.client.get_metric_history(run.info.run_id, "train/loss")
    return max((point.timestamp for point in points), default=None)


def _seconds(tracker: Tracker, run: Run) -> float:
    # What comes after the last point of the curve is no training.
    end = _curve_ends(tracker, run)
    return 0.0 if end is None else max(0.0, (end - run.info.start_time) / 1000)


def main() -> None:
    """Answer one request: mark runs, tell durations, or both."""
    request = read_request()
    tracker = Tracker()
    for name, experiment in request.get("mark", {}).items():
        mark_runs(tracker, name, experiment)
    seconds = {
        experiment: training_seconds(tracker, experiment, weights)
        for experiment, weights in request.get("seconds", {}).items()
    }
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
