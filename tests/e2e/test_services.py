"""A run that tracks to MLflow on Postgres and S3, and that asks a Prefect server on Postgres."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient

from pipeline.photographs.registered import fetch_weights
from pipeline.running.champions import crown
from pipeline.running.journal import Journal
from pipeline.running.runs import Run, new_event
from pipeline.running.tracking import Tracker, send_kept
from tests.project import ROOT
from tests.services import SECRETS, Services, all_services
from tests.toy import call, make_toy

pytestmark = pytest.mark.slow

for _needed in ("psycopg2", "moto.server", "boto3"):
    pytest.importorskip(_needed, reason="the extra [services] is not installed")

PLACE = "photos_test/gaussian_25/gray-uint8"


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    # Not below the folder of pytest, which the user that Postgres runs as may not enter.
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        with all_services(home) as running:
            yield running


@pytest.fixture
def reached(services: Services) -> dict[str, str]:
    """Return what a machine that computes has in its environment."""
    return {
        "MLFLOW_TRACKING_URI": services.url("mlflow"),
        "PREFECT_API_URL": f"{services.url('prefect')}/api",
        "PREFECT_API_AUTH_STRING": SECRETS["PREFECT_AUTH"],
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a toy that evaluates weights."""
    root = make_toy(tmp_path / "toy")
    (root / "pipeline").symlink_to(ROOT / "pipeline")
    (root / "aside.card").write_text('{"weights_sha256": "aside"}')
    return root


def test_a_run_reaches_both_and_no_secret_is_in_what_it_says(
    project: Path, services: Services, reached: dict[str, str]
) -> None:
    ended = call(project, "restore", "run", **reached)
    page = call(project, "restore", "ui", "--no-browser", **reached)
    names = names_of_runs(reached)

    client = MlflowClient(reached["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("restore")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert [name.partition(",")[0] for name in names] == ["restore run: 5 stages"]
    assert {run.data.tags.get("restore.experiment", "") for run in runs} == {"", "aside"}
    assert [run.data.metrics for run in runs if run.data.metrics] == [{"set/y-float/psnr": 30.0}]
    assert page.stdout.startswith(f"{services.url('mlflow')}/#/"), page.stderr
    assert experiment.artifact_location.startswith("mlflow-artifacts:/")
    assert not (project / "mlflow.db").exists()
    logs = said + page.stdout + services.log("mlflow") + services.log("prefect")
    for name in ("POSTGRES_PASSWORD", "S3_PASSWORD", "PREFECT_AUTH"):
        assert SECRETS[name] not in logs, name


def names_of_runs(reached: dict[str, str]) -> list[str]:
    """Return the names of the flow runs that Prefect's server knows, which it tells nobody else."""
    asked = requests.post(f"{reached['PREFECT_API_URL']}/flow_runs/filter", json={}, timeout=30)
    assert asked.status_code == 401
    user, _, password = reached["PREFECT_API_AUTH_STRING"].partition(":")
    told = requests.post(asked.url, json={}, auth=(user, password), timeout=30)
    return [run["name"] for run in told.json()]


def test_params_files_and_the_best_weights_of_a_run_come_back(
    reached: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", reached["MLFLOW_TRACKING_URI"])
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    weights = tmp_path / "data/models/net"
    weights.mkdir(parents=True)
    (weights / "weights.safetensors").write_bytes(b"the best")
    (weights / "card.json").write_text(json.dumps({"weights_sha256": "net"}))
    tags = {"restore.experiment": "net", "restore.weights": "net"}
    with Journal(Run(name="net", tags=tags, launch=None, find="restore.weights")) as journal:
        journal.write(new_event("params", params={"recipe.steps": "750"}))
        journal.write(new_event("metrics", step=0, metrics={f"{PLACE}/psnr": 29.0}))
        journal.write(new_event("file", path=str(weights / "card.json"), folder="scores"))
        journal.write(new_event("end", state="FINISHED"))

    tracker = Tracker()
    send_kept(tracker)
    crown(tracker)

    champion = tracker.client.get_model_version_by_alias("denoise_25", "champion")
    run = tracker.client.get_run(str(champion.run_id))
    scores = tracker.client.download_artifacts(run.info.run_id, "scores/card.json")
    fetched = fetch_weights("models:/denoise_25@champion")
    assert run.data.params == {"recipe.steps": "750"}
    assert json.loads(Path(scores).read_text()) == {"weights_sha256": "net"}
    assert (fetched / "weights.safetensors").read_bytes() == b"the best"
