"""The table of runs that MLflow's pages show: what each run says of itself in a few short words.

Scores have long names, one a data set, degradation and protocol. Beside them a run gets the PSNR
that the report leads with, and tags that say of what it is. Runs of older databases get them too.
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.checking.params_file import load_params
from pipeline.measuring.protocols import first_places
from pipeline.running.runs import EXPERIMENT_TAG, LAUNCH, SPEED, size_of
from pipeline.running.stage_runner import PARAMS
from pipeline.running.trial_records import Run, training_seconds
from pipeline.settings.params import Params, Trial

if TYPE_CHECKING:
    from pipeline.running.tracking import Tracker

VIEW = "results"
"""Key of the view in the addresses of MLflow's pages."""

_MODELS = Path("data/models")

_COLUMNS = {
    "metrics.`psnr`": 80,
    "metrics.`gain`": 80,
    "metrics.`parameters`": 100,
    "metrics.`multiply_adds_256`": 150,
    "metrics.`training_seconds`": 140,
    f"metrics.`{SPEED}`": 170,
    "tags.`data_set`": 105,
    "tags.`degradation`": 110,
    "tags.`protocol`": 100,
    "attributes.`Version`": 80,
    f"tags.`{LAUNCH}`": 210,
}
"""In MLflow's words, which calls a commit a version, and how many pixels wide each is."""

_SHOWN = {
    # A filter and an order of one's own keep MLflow from hiding runs below others.
    "searchFilter": f"tags.`{EXPERIMENT_TAG}` != ''",
    "orderByKey": "metrics.`gain`",
    "orderByAsc": False,
    "selectedColumns": list(_COLUMNS),
    "columnOrder": list(_COLUMNS),
    "columnWidths": _COLUMNS,
}


def save_view(tracker: "Tracker") -> str:
    """Save which runs and columns the pages show, and return where they do, below their address.

    The page lists it among the views of the experiment, too.
    """
    now = int(time.time() * 1000)
    view = {"name": "Results", "createdAt": now, "updatedAt": now, "state": json.dumps(_SHOWN)}
    experiment = tracker.experiment_id
    tracker.client.set_experiment_tag(
        experiment, f"mlflow.sharedViewState.{VIEW}", json.dumps(view)
    )
    query = f"workflowType=machine_learning&viewStateShareKey={VIEW}"
    return f"#/experiments/{experiment}/runs?{query}"


def fill_table(tracker: "Tracker") -> None:
    """Write what the table shows of each run that has weights, where it is not there yet.

    Raises:
        OSError: A file of the project cannot be read.
        ValueError: ``params.yaml`` or a card is broken.
    """
    params = load_params(PARAMS) if PARAMS.is_file() else None
    cards = cards_by_weights()
    runs = measured_runs(tracker)
    launches = _names_of_launches(tracker)
    for run in runs:
        metrics = size_of(cards.get(run.data.tags["restore.weights"], {}))
        tags = _origin(run, launches)
        if params is not None:
            scores, place = _leading_score(run, _trials_of(params, run))
            metrics, tags = metrics | scores, tags | place
        if "train/loss" in run.data.metrics and "training_seconds" not in run.data.metrics:
            metrics |= _seconds(tracker, run)
        tracker.note(run.info.run_id, _news(metrics, run.data.metrics), _news(tags, run.data.tags))


def measured_runs(tracker: "Tracker") -> list[Run]:
    """Return the runs that have weights, the newest first."""
    return tracker.search("tags.`restore.weights` != ''")


def cards_by_weights() -> dict[str, dict[str, Any]]:
    """Return the cards of the project's networks, by the checksum of their weights.

    Each names the folder that it is in as ``folder``.

    Raises:
        ValueError: A card is no JSON.
    """
    found = {}
    for path in sorted(_MODELS.glob("*/card.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        found[str(card.get("weights_sha256"))] = {**card, "folder": path.parent}
    return found


def _names_of_launches(tracker: "Tracker") -> dict[str, str]:
    launches = tracker.search("tags.`restore.launch` != ''")
    return {run.info.run_id: run.info.run_name for run in launches}


def _origin(run: Run, launches: Mapping[str, str]) -> dict[str, str]:
    """Return which launch a run is from, and its commit where MLflow's pages look for it."""
    tags = run.data.tags
    found = {}
    # Runs of older databases lie below the run of their launch.
    above = tags.get("mlflow.parentRunId")
    if above in launches:
        found[LAUNCH] = launches[above]
    if tags.get("git.commit", "unknown") != "unknown":
        found["mlflow.source.git.commit"] = tags["git.commit"]
    return found


def _trials_of(params: Params, run: Run) -> Iterable[Trial]:
    """Return the trials of an experiment, or all where params.yaml does not have it any more."""
    name = run.data.tags.get(EXPERIMENT_TAG)
    for section in (params.experiments, params.imported, params.applied, params.programs):
        if name in section:
            return params.benchmarks[section[name].test_on]
    return (trial for trials in params.benchmarks.values() for trial in trials)


def _leading_score(run: Run, trials: Iterable[Trial]) -> tuple[dict[str, float], dict[str, str]]:
    """Return the PSNR that the report leads with and its gain, and what they are of."""
    metrics = run.data.metrics
    for place in first_places(trials):
        name = "/".join(place)
        if f"{name}/psnr" in metrics:
            psnr = metrics[f"{name}/psnr"]
            score = {"psnr": round(psnr, 2)}
            if f"{name}/psnr_input" in metrics:
                score["gain"] = round(psnr - metrics[f"{name}/psnr_input"], 2)
            return score, dict(zip(("data_set", "degradation", "protocol"), place, strict=True))
    return {}, {}


def _seconds(tracker: "Tracker", run: Run) -> dict[str, float]:
    tags = run.data.tags
    seconds = training_seconds(tracker, tags[EXPERIMENT_TAG], tags["restore.weights"])
    return {} if seconds is None else {"training_seconds": round(seconds, 1)}


def _news(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if known.get(name) != value}
