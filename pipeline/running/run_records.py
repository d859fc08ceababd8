"""What the tracker has on runs: where their code stood, and how long their training took.

Asked in a process of its own: ``python -m pipeline.running.run_records``, JSON in, JSON out.
"""

import json
import sys
from typing import Any

from pipeline.running.request import read_request
from pipeline.running.runs import LAUNCHED_BY
from pipeline.running.tracking import Tracker
from pipeline.running.trial_records import training_seconds

Run = Any
"""A run as MLflow's client returns it; only the tracker's own module imports MLflow."""

Record = dict[str, Any]
"""What is told of a run: ``id``, ``experiment``, ``weights``, ``commit``, ``edited``, ``state``,
``began`` in milliseconds since 1970, ``seconds`` of training; None for what is not known."""


def record_of_weights(tracker: Tracker, experiment: str, weights: str) -> Record | None:
    """Return the record of the run that trained some weights.

    Args:
        tracker: Has its runs.
        experiment: Name of the experiment.
        weights: Checksum of the weights.

    Returns:
        None if the tracker does not know them.
    """
    runs = tracker.client.search_runs(
        [tracker.experiment_id],
        f"tags.`restore.weights` = '{weights}' AND tags.`restore.experiment` = '{experiment}'",
        max_results=1,
    )
    return _record(tracker, runs[0]) if runs else None


def record_of_run(tracker: Tracker, identity: str) -> Record | None:
    """Return the record of a run, with the experiments below it where it is that of a launch.

    Args:
        tracker: May have it.
        identity: Its id.

    Returns:
        None if the tracker does not know it.
    """
    # MLflow raises for an id that is not there, as it does for a tracker that fails.
    found = tracker.client.search_runs(
        [tracker.experiment_id], f"attributes.run_id = '{identity}'", max_results=1
    )
    if not found:
        return None
    # The second is what older databases have.
    below = [
        run
        for tag in (LAUNCHED_BY, "mlflow.parentRunId")
        for run in reversed(tracker.search(f"tags.`{tag}` = '{identity}'"))
    ]
    names = [run.data.tags.get("restore.experiment", run.info.run_name) for run in below]
    return {**_record(tracker, found[0]), "below": names}


def _record(tracker: Tracker, run: Run) -> Record:
    tags = run.data.tags
    experiment, weights = tags.get("restore.experiment"), tags.get("restore.weights")
    known = experiment is not None and weights is not None
    return {
        "id": run.info.run_id,
        "name": run.info.run_name,
        "experiment": experiment,
        "weights": weights,
        "commit": tags.get("git.commit"),
        "edited": tags.get("git.edited"),
        "state": run.info.status,
        "began": run.info.start_time,
        "seconds": training_seconds(tracker, experiment, weights) if known else None,
    }


def main() -> None:
    """Answer one request: tell of the runs that trained some weights, of one run, or of both."""
    request = read_request()
    tracker = Tracker()
    weights = {
        experiment: record_of_weights(tracker, experiment, checksum)
        for experiment, checksum in request.get("weights", {}).items()
    }
    run = record_of_run(tracker, request["run"]) if "run" in request else None
    sys.stdout.write(json.dumps({"weights": weights, "run": run}) + "\n")


if __name__ == "__main__":
    main()
