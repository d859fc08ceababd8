"""Recording in MLflow, with a database in a temporary folder, and without one that answers."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.running import tracking
from pipeline.running.tracking import Recorder, log_evaluation, training_run

CAUSES = {"experiment": "e1", "recipe": {"steps": 3, "schedule": {"kind": "constant"}}, "seed": 0}
INPUTS = {"clean": (Path("data/patches"), "abc" * 20)}
MEANS = {"set5": {"bicubic_x2": {"y-shave": {"psnr": 33.66, "ssim": 0.93}}}}


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty database of MLflow: making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(database, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri())
    monkeypatch.delenv("RESTORE_LAUNCH", raising=False)
    return tmp_path


def uri() -> str:
    """Return the address of the database, absolute: MLflow remembers a store by its address."""
    return f"sqlite:///{Path.cwd() / 'mlflow.db'}"


def runs() -> list[Run]:
    client = MlflowClient(uri())
    experiment = client.get_experiment_by_name("restore")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def checksum(weights: Path) -> str:
    found: str = json.loads((weights / "card.json").read_text())["weights_sha256"]
    return found


def run_named(name: str) -> Run:
    (found,) = [run for run in runs() if run.info.run_name == name]
    return found


def write_weights(folder: Path, content: bytes = b"weights") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "weights.safetensors").write_bytes(content)
    (folder / "card.json").write_text(json.dumps({"weights_sha256": content.hex()}))
    (folder / "curve.csv").write_text("step,loss\n1,0.5\n")
    return folder


def record_training(folder: Path) -> None:
    with training_run("e1", CAUSES, INPUTS, InterruptedError) as run:
        run.log_point(1, {"train/loss": 0.5})
        run.log_point(2, {"train/loss": 0.25})
        weights = write_weights(folder / "model")
        run.finish(weights / "weights.safetensors", weights, weights / "curve.csv")


def test_a_training_is_recorded_with_params_curve_data_and_weights(folder: Path) -> None:
    record_training(folder)

    run = run_named("e1")
    client = MlflowClient(uri())
    assert run.info.status == "FINISHED"
    assert run.data.params["recipe.schedule.kind"] == "constant"
    curve = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in curve] == [(1, 0.5), (2, 0.25)]
    assert run.inputs is not None
    assert run.inputs.dataset_inputs[0].dataset.name == "clean"
    stored = {item.path for item in client.list_artifacts(run.info.run_id, "weights")}
    assert stored == {"weights/weights.safetensors", "weights/card.json", "weights/curve.csv"}


def test_an_experiment_is_nested_in_its_launch(folder: Path) -> None:
    record_training(folder)

    parent = run_named("e1").data.tags["mlflow.parentRunId"]

    (launch,) = [run for run in runs() if run.info.run_id == parent]
    assert launch.data.tags["restore.door"] == "stage"
    assert "git.commit" in launch.data.tags


def test_stages_of_one_process_tree_share_one_launch(folder: Path) -> None:
    record_training(folder)
    log_evaluation("e2", checksum(write_weights(folder / "other", b"others")), MEANS, {}, [])

    parents = {run_named(name).data.tags["mlflow.parentRunId"] for name in ("e1", "e2")}

    assert len(parents) == 1


def test_scores_go_to_the_run_of_the_same_weights(folder: Path) -> None:
    record_training(folder)
    picture = np.full((12, 12, 1), 0.5, np.float32)

    log_evaluation("e1", checksum(folder / "model"), MEANS, {"set5": picture}, [])

    run = run_named("e1")
    assert run.data.metrics["set5/bicubic_x2/y-shave/psnr"] == 33.66
    stored = MlflowClient(uri()).list_artifacts(run.info.run_id, "pictures")
    assert [item.path for item in stored] == ["pictures/set5.png"]


@pytest.mark.parametrize("name", ["psnr", "train/psnr", "set5/bicubic_x2/psnr", "set5/ssim_input"])
def test_score_without_its_protocol_is_refused(folder: Path, name: str) -> None:
    with training_run("e1", CAUSES, INPUTS, InterruptedError) as run:
        with pytest.raises(ValueError, match="means nothing without its protocol"):
            run.log_point(1, {name: 30.0})
        weights = write_weights(folder / "model")
        run.finish(weights / "weights.safetensors", weights, weights / "curve.csv")

    assert name not in run_named("e1").data.metrics


def test_scores_of_weights_that_no_run_made_get_a_run_of_their_own(folder: Path) -> None:
    log_evaluation("e1", checksum(write_weights(folder / "model")), MEANS, {}, [])

    assert run_named("e1").data.metrics["set5/bicubic_x2/y-shave/ssim"] == 0.93


def test_a_failed_training_is_recorded_as_failed() -> None:
    with (
        pytest.raises(ValueError, match="diverged"),
        training_run("e1", CAUSES, {}, InterruptedError),
    ):
        raise ValueError("diverged")

    assert run_named("e1").info.status == "FAILED"


def test_an_interrupted_training_is_recorded_as_killed() -> None:
    with pytest.raises(InterruptedError), training_run("e1", CAUSES, {}, InterruptedError):
        raise InterruptedError

    assert run_named("e1").info.status == "KILLED"


def test_events_that_a_living_stage_still_keeps_are_left_alone(folder: Path) -> None:
    kept = folder / tracking.UNSENT / "1-alive"
    kept.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stage:
        header: dict[str, Any] = {
            "name": "alive",
            "tags": {},
            "find": None,
            "run_id": None,
            "writer": stage.pid,
        }
        (kept / "run.json").write_text(json.dumps(header))
        (kept / "events.jsonl").write_text('{"kind": "end", "state": "FINISHED", "time": 1}\n')

        record_training(folder)
        left_alone = kept.exists()
        stage.communicate(b"\n")
    record_training(folder)

    assert left_alone
    assert not kept.exists()
    assert run_named("alive").info.status == "FINISHED"


def test_an_unreachable_tracker_costs_nothing_and_gets_everything_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    record_training(folder)
    (folder / "model/weights.safetensors").unlink()
    warning = capsys.readouterr().err

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri())
    Recorder("next", {}).record(kind="end", state="FINISHED")

    run = run_named("e1")
    assert "MLflow cannot be reached" in warning
    assert run.info.status == "FINISHED"
    assert run.data.metrics["train/loss"] == 0.25
    stored = MlflowClient(uri()).list_artifacts(run.info.run_id, "weights")
    assert "weights/weights.safetensors" in {item.path for item in stored}
    assert list(tracking.UNSENT.iterdir()) == []


def test_a_kept_run_that_is_refused_does_not_keep_later_ones_from_being_recorded(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = folder / tracking.UNSENT / "1-broken"
    kept.mkdir(parents=True)
    header: dict[str, Any] = {"name": "lost", "tags": {}, "find": None, "run_id": "no-such-run"}
    (kept / "run.json").write_text(json.dumps(header))
    (kept / "events.jsonl").write_text('{"kind": "tags", "tags": {"a": "b"}, "time": 1}\n')

    record_training(folder)

    assert run_named("e1").info.status == "FINISHED"
    assert "MLflow refused a kept run" in capsys.readouterr().err
    assert (folder / ".restore/refused/1-broken/run.json").exists()


def test_several_processes_may_make_the_database_at_once(folder: Path) -> None:
    (folder / "mlflow.db").unlink()
    command = [sys.executable, "-c", "from pipeline.running.tracking import Tracker; Tracker()"]

    started = [subprocess.Popen(command, cwd=folder) for _ in range(3)]

    assert [process.wait(timeout=120) for process in started] == [0, 0, 0]
    assert len(MlflowClient(uri()).search_experiments()) == 2  # and MLflow's own


def test_a_launch_opened_for_the_flow_is_the_parent_of_its_stages(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracking.main(["open", "--door", "restore run"])
    launch = capsys.readouterr().out.strip()
    monkeypatch.setenv("RESTORE_LAUNCH", launch)

    record_training(folder)
    tracking.main(["close", launch, "--state", "FAILED"])

    assert run_named("e1").data.tags["mlflow.parentRunId"] == launch
    (parent,) = [run for run in runs() if run.info.run_id == launch]
    assert parent.info.status == "FAILED"
