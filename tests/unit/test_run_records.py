"""What the tracker tells of runs, in a database in a temporary folder."""

import io
import json
import sys
from collections.abc import Mapping

import pytest
from mlflow.entities import Metric

from pipeline.running import run_records
from pipeline.running.run_records import record_of_run, record_of_weights
from pipeline.running.tracking import Tracker


def record(tracker: Tracker, tags: Mapping[str, str]) -> str:
    """Record a training from second 100 to 107, which ends."""
    run = tracker.client.create_run(tracker.experiment_id, start_time=100_000, tags=dict(tags))
    identity = str(run.info.run_id)
    tracker.client.log_batch(identity, metrics=[Metric("train/loss", 0.5, 107_000, 1)])
    tracker.client.set_terminated(identity, "FINISHED", 110_000)
    return identity


def test_weights_lead_to_the_run_that_trained_them(tracker: Tracker) -> None:
    trained = {"restore.experiment": "small", "restore.weights": "a", "git.commit": "c"}
    run = record(tracker, trained | {"git.edited": "no"})
    record(tracker, trained | {"restore.weights": "b"})
    record(tracker, trained | {"restore.experiment": "other"})

    found = record_of_weights(tracker, "small", "a")

    assert found is not None
    assert (found["id"], found["state"], found["seconds"]) == (run, "FINISHED", 7)
    assert (found["commit"], found["edited"]) == ("c", "no")


def test_weights_that_nobody_trained_have_no_record(tracker: Tracker) -> None:
    assert record_of_weights(tracker, "nobody", "a") is None
    assert record_of_run(tracker, "0" * 32) is None


@pytest.mark.parametrize("tag", ["restore.launched_by", "mlflow.parentRunId"])
def test_the_run_of_a_command_names_the_experiments_that_it_ran(tag: str, tracker: Tracker) -> None:
    launch = record(tracker, {"restore.launch": "key"})
    record(tracker, {"restore.experiment": "one", tag: launch})

    found = record_of_run(tracker, launch)

    assert found is not None
    assert (found["experiment"], found["below"]) == (None, ["one"])


def test_all_runs_are_found_however_many_come_at_once(tracker: Tracker) -> None:
    made = [record(tracker, {"restore.experiment": "many"}) for _ in range(5)]

    found = tracker.search("tags.`restore.experiment` = 'many'", at_once=2)

    assert sorted(run.info.run_id for run in found) == sorted(made)


def test_requests_come_and_go_as_json(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(tracker, {"restore.experiment": "asked", "restore.weights": "w"})
    request = {"weights": {"asked": "w", "nobody": "x"}, "run": run}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request)))
    monkeypatch.setattr(run_records, "Tracker", lambda: tracker)

    run_records.main()

    answer = json.loads(capsys.readouterr().out)
    assert answer["weights"]["asked"]["id"] == run
    assert answer["weights"]["nobody"] is None
    assert answer["run"]["weights"] == "w"
