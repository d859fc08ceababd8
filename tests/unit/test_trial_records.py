"""What the tracker has on tries, in a database in a temporary folder."""

import io
import json
import sys
from collections.abc import Mapping

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from pipeline.running import trial_records
from pipeline.running.tracking import Tracker
from pipeline.running.trial_records import mark_runs, training_seconds

WEIGHTS = "restore.weights"


def record(
    tracker: Tracker,
    experiment: str,
    start: int,
    points: list[int],
    *,
    end: int | None = None,
    status: str = "FINISHED",
    steps: int = 9,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Record a run, with seconds for times."""
    client: MlflowClient = tracker.client
    named = {"restore.experiment": experiment, **(tags or {})}
    run = client.create_run(tracker.experiment_id, start_time=start * 1000, tags=named)
    identity = str(run.info.run_id)
    client.log_batch(
        identity,
        metrics=[Metric("train/loss", 0.5, at * 1000, step) for step, at in enumerate(points)],
        params=[Param("recipe.steps", str(steps))],
    )
    if end is not None:
        client.set_terminated(identity, status, end * 1000)
    return identity


def test_runs_of_a_try_are_marked_once_with_where_the_code_stood(tracker: Tracker) -> None:
    client = tracker.client
    launch = client.create_run(tracker.experiment_id, tags={"git.edited": "M a.py"}).info.run_id
    run = record(tracker, "marked", 0, [1], tags={"mlflow.parentRunId": launch, "git.edited": "no"})
    other = record(tracker, "original", 0, [1])

    found = mark_runs(tracker, "marked", "original"), mark_runs(tracker, "marked", "original")

    tags = client.get_run(run).data.tags
    assert found == (1, 0)
    assert (tags["restore.try"], tags["restore.try_of"]) == ("marked", "original")
    assert tags["git.edited"] == "M a.py"
    assert "restore.try" not in client.get_run(other).data.tags


def test_a_training_ends_with_its_curve_and_not_with_the_evaluation(tracker: Tracker) -> None:
    record(tracker, "plain", 100, [101, 107], end=150, tags={WEIGHTS: "a"})

    assert training_seconds(tracker, "plain", "a") == 7
    assert training_seconds(tracker, "plain", "b") is None
    assert training_seconds(tracker, "never", "a") is None


def test_what_was_interrupted_counts_too_and_what_was_another_training_does_not(
    tracker: Tracker,
) -> None:
    record(tracker, "long", 0, [5], end=6, steps=8, status="KILLED")
    record(tracker, "long", 10, [12, 14], end=15, status="FINISHED", tags={WEIGHTS: "old"})
    record(tracker, "long", 20, [21, 23], end=24, status="KILLED")
    record(tracker, "long", 30, [31, 35])  # it was killed, and nobody could say so
    record(tracker, "long", 40, [40, 47], end=60, tags={WEIGHTS: "new"})

    assert training_seconds(tracker, "long", "new") == 3 + 5 + 7


def test_weights_that_were_only_measured_here_have_no_length(tracker: Tracker) -> None:
    record(tracker, "measured", 0, [], end=9, tags={WEIGHTS: "far"})

    assert training_seconds(tracker, "measured", "far") is None


def test_requests_come_and_go_as_json(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(tracker, "asked", 10, [14], tags={WEIGHTS: "c"})
    request = {"mark": {"asked": "other"}, "seconds": {"asked": "c", "nobody": "d"}}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request)))
    monkeypatch.setattr(trial_records, "Tracker", lambda: tracker)

    trial_records.main()

    assert json.loads(capsys.readouterr().out) == {"seconds": {"asked": 4.0, "nobody": None}}
    assert tracker.client.get_run(run).data.tags["restore.try_of"] == "other"
