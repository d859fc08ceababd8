"""What runs say of themselves in MLflow's table, in a database in a temporary folder."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from mlflow.entities import Metric, Run

from pipeline.running.runs_table import fill_table, save_view
from pipeline.running.tracking import Tracker, describe

PARAMS = Path(__file__).parents[2] / "pipeline/checking/presets/quick.yaml"

PLACE = "photos_test/gaussian_25/gray-uint8"
"""What the report leads with for ``dncnn_s25`` of the preset."""


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """Return a tracker with a database of its own, in a project: making one takes seconds."""
    folder = tmp_path_factory.mktemp("tracker")
    shutil.copyfile(PARAMS, folder / "params.yaml")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        yield Tracker()


def record(
    tracker: Tracker,
    experiment: str,
    metrics: Mapping[str, float],
    *,
    start: int = 0,
    end: int = 9,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Record a run with scores, with seconds for times."""
    named = {"restore.experiment": experiment, "restore.weights": experiment, **(tags or {})}
    made = tracker.client.create_run(tracker.experiment_id, start * 1000, named)
    points = [Metric(name, value, end * 1000, 0) for name, value in metrics.items()]
    tracker.client.log_batch(made.info.run_id, metrics=points)
    return str(made.info.run_id)


def found(tracker: Tracker, run_id: str) -> Run:
    return tracker.client.get_run(run_id)


def write_card(name: str, weights: str) -> None:
    folder = Path("data/models") / name
    folder.mkdir(parents=True)
    card = {"weights_sha256": weights, "parameters": 56097, "multiply_adds_256": 3661627392}
    (folder / "card.json").write_text(json.dumps(card))


def test_a_run_says_its_leading_psnr_its_gain_and_what_they_are_of(tracker: Tracker) -> None:
    other = "photos_test/gaussian_25/gray-float"
    scores = {f"{PLACE}/psnr": 28.811, f"{PLACE}/psnr_input": 20.412, f"{other}/psnr": 28.8}
    run = record(tracker, "dncnn_s25", scores)

    fill_table(tracker)

    data = found(tracker, run).data
    assert (data.metrics["psnr"], data.metrics["gain"]) == (28.81, 8.4)
    said = [data.tags[name] for name in ("data_set", "degradation", "protocol")]
    assert "/".join(said) == PLACE


def test_a_score_that_the_report_does_not_lead_with_does_not_stand_for_the_run(
    tracker: Tracker,
) -> None:
    run = record(tracker, "elsewhere", {"unknown_set/gaussian_25/gray-uint8/psnr": 30.0})

    fill_table(tracker)

    data = found(tracker, run).data
    assert "psnr" not in data.metrics
    assert "protocol" not in data.tags


def test_an_experiment_that_params_do_not_have_any_more_keeps_its_score(tracker: Tracker) -> None:
    run = record(tracker, "renamed_since", {f"{PLACE}/psnr": 27.0})

    fill_table(tracker)

    assert found(tracker, run).data.metrics["psnr"] == 27


def test_a_run_says_how_large_its_network_is_and_how_long_it_was_trained(tracker: Tracker) -> None:
    write_card("trained", "trained")
    run = record(tracker, "trained", {"train/loss": 0.5}, start=100, end=107)

    fill_table(tracker)

    metrics = found(tracker, run).data.metrics
    assert (metrics["parameters"], metrics["multiply_adds_256"]) == (56097, 3661627392)
    assert metrics["training_seconds"] == 7


def test_a_run_of_an_older_database_says_its_launch_and_its_commit(tracker: Tracker) -> None:
    launch = tracker.client.create_run(
        tracker.experiment_id, tags={"restore.launch": "k"}, run_name="dvc repro 2026-01-01"
    ).info.run_id
    run = record(tracker, "old", {}, tags={"mlflow.parentRunId": launch, "git.commit": "abc123"})

    fill_table(tracker)

    tags = found(tracker, run).data.tags
    assert tags["launch"] == "dvc repro 2026-01-01"
    assert tags["mlflow.source.git.commit"] == "abc123"


def test_new_scores_change_what_a_run_says(tracker: Tracker) -> None:
    run = record(tracker, "edsr_s25", {f"{PLACE}/psnr": 29.0})
    fill_table(tracker)
    tracker.client.log_metric(run, f"{PLACE}/psnr", 29.5)

    fill_table(tracker)
    fill_table(tracker)

    assert found(tracker, run).data.metrics["psnr"] == 29.5
    assert len(tracker.client.get_metric_history(run, "psnr")) == 2


def test_the_view_shows_every_run_of_an_experiment_flat_and_no_launch(tracker: Tracker) -> None:
    record(tracker, "seen", {})

    address = save_view(tracker)

    tags = tracker.client.get_experiment(tracker.experiment_id).tags
    view = json.loads(tags["mlflow.sharedViewState.results"])
    state = json.loads(view["state"])
    shown = tracker.client.search_runs([tracker.experiment_id], state["searchFilter"])
    names = {run.data.tags.get("restore.experiment") for run in shown}
    assert address.endswith("/runs?workflowType=machine_learning&viewStateShareKey=results")
    assert {"seen"} <= names
    assert None not in names
    # By the time they began, MLflow would put runs below others.
    assert state["orderByKey"] == "metrics.`gain`"
    assert state["selectedColumns"][:2] == ["metrics.`psnr`", "metrics.`gain`"]


def test_a_broken_card_costs_a_warning_and_nothing_else(
    tracker: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Path("data/models/broken/card.json")
    broken.parent.mkdir(parents=True)
    broken.write_text("{")

    describe(tracker)

    broken.unlink()
    assert "table of runs is not brought up to date" in capsys.readouterr().err
