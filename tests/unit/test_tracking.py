"""Recording in MLflow, with a database in a temporary folder, and without one that answers."""

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from pipeline.running import runs as recorded
from pipeline.running import tracking, training_record
from pipeline.running.evaluation_record import log_evaluation
from pipeline.running.journal import UNSENT, Journal, kept_journals
from pipeline.running.launches import Launch, begin_launch, current_launch
from pipeline.running.runs import new_event
from pipeline.running.tracking import deliver, unreachable
from pipeline.running.training_record import Recorder, training_run

CAUSES = {"experiment": "e1", "recipe": {"steps": 3, "schedule": {"kind": "constant"}}, "seed": 0}
INPUTS = {"clean": (Path("data/patches"), "abc" * 20)}
MEANS = {"set5": {"bicubic_x2": {"y-shave": {"psnr": 33.66, "ssim": 0.93}}}}
PSNR = "set5/bicubic_x2/y-shave/psnr"

EVALUATE = """\
import json, os, sys
from pathlib import Path
from pipeline.running.evaluation_record import log_evaluation
for name in sys.argv[1:]:
    weights = json.loads((Path(name) / "card.json").read_text())["weights_sha256"]
    log_evaluation(name, weights, {"a": {"y-float": {"psnr": 30.0}}}, {}, [])
"""
"""Code of a process that evaluates the weights in the folders that its arguments name."""


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
    monkeypatch.setattr(training_record, "LIVE_AFTER", 0.0)
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


def launches() -> list[Run]:
    return [run for run in runs() if "restore.launch" in run.data.tags]


def launch_of(run: Run) -> Run:
    (found,) = [one for one in runs() if one.info.run_id == run.data.tags["restore.launched_by"]]
    return found


def now() -> int:
    return int(time.time() * 1000)


def run_named(name: str) -> Run:
    (found,) = [run for run in runs() if run.info.run_name == name]
    return found


@pytest.fixture
def nobody() -> Iterator[str]:
    """Return the address of a tracker that does not answer."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


def python(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write_weights(folder: Path, content: bytes = b"weights") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "weights.safetensors").write_bytes(content)
    card = {"weights_sha256": content.hex(), "parameters": 7}
    (folder / "card.json").write_text(json.dumps(card))
    (folder / "curve.csv").write_text("step,loss\n1,0.5\n")
    return folder


def record_training(folder: Path) -> None:
    with training_run("e1", CAUSES, INPUTS, InterruptedError) as run:
        run.log_point(1, {"train/loss": 0.5})
        run.log_point(2, {"train/loss": 0.25})
        weights = write_weights(folder / "model")
        run.finish(weights / "weights.safetensors", weights, weights / "curve.csv")


def test_a_short_training_does_not_start_mlflow_and_is_left_to_whoever_delivers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_record, "LIVE_AFTER", 60.0)
    record_training(folder)
    (kept,) = kept_journals()
    experiment = MlflowClient(uri()).get_experiment_by_name("restore")

    deliver()

    run = run_named("e1")
    assert experiment is None
    assert not kept.exists()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["train/loss"] == 0.25
    assert run.info.end_time - run.info.start_time < 10_000


def test_a_training_that_lasts_is_in_mlflow_from_its_beginning_while_it_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_record, "LIVE_AFTER", 0.5)
    client = MlflowClient(uri())
    with training_run("e1", CAUSES, INPUTS, InterruptedError) as training:
        training.log_point(1, {"train/loss": 0.5})
        before = client.get_experiment_by_name("restore")
        time.sleep(0.5)
        training.log_point(2, {"train/loss": 0.25})
        meanwhile = run_named("e1")
        weights = write_weights(folder / "model")
        training.finish(weights / "weights.safetensors", weights, weights / "curve.csv")

    curve = client.get_metric_history(meanwhile.info.run_id, "train/loss")
    assert before is None
    assert meanwhile.info.status == "RUNNING"
    assert meanwhile.data.params["seed"] == "0"
    assert [(point.step, point.value) for point in curve] == [(1, 0.5), (2, 0.25)]
    assert run_named("e1").info.status == "FINISHED"
    assert kept_journals() == []


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
    assert run.data.metrics["parameters"] == 7


def test_an_experiment_names_its_launch_and_is_not_hidden_below_it(folder: Path) -> None:
    record_training(folder)

    run = run_named("e1")

    launch = launch_of(run)
    assert run.data.tags["launch"] == launch.info.run_name
    assert "mlflow.parentRunId" not in run.data.tags
    assert launch.data.tags["restore.door"] == "stage"
    assert "git.commit" in launch.data.tags


def test_stages_of_one_process_tree_share_one_launch(folder: Path) -> None:
    record_training(folder)
    log_evaluation("e2", checksum(write_weights(folder / "other", b"others")), MEANS, {}, [])
    deliver()

    parents = {run_named(name).data.tags["restore.launched_by"] for name in ("e1", "e2")}

    assert len(parents) == 1


def test_scores_go_to_the_run_of_the_same_weights(folder: Path) -> None:
    record_training(folder)
    picture = np.full((12, 12, 1), 0.5, np.float32)

    log_evaluation("e1", checksum(folder / "model"), MEANS, {"set5": picture}, [])
    deliver()

    run = run_named("e1")
    assert run.data.metrics["set5/bicubic_x2/y-shave/psnr"] == 33.66
    stored = MlflowClient(uri()).list_artifacts(run.info.run_id, "pictures")
    assert [item.path for item in stored] == ["pictures/set5.png"]


def test_weights_that_are_applied_in_another_way_get_a_run_of_their_own(folder: Path) -> None:
    record_training(folder)
    better = {"set5": {"bicubic_x2": {"y-shave": {"psnr": 34.0, "ssim": 0.94}}}}

    log_evaluation("e1", checksum(folder / "model"), MEANS, {}, [])
    log_evaluation("e1_ensemble", checksum(folder / "model"), better, {}, [])
    deliver()

    scores = [run_named(name).data.metrics[PSNR] for name in ("e1", "e1_ensemble")]
    assert scores == [33.66, 34.0]


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
    deliver()

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
    code = """\
from pipeline.running.journal import Journal
from pipeline.running.runs import Run, new_event
with Journal(Run("alive", {}, None)) as journal:
    journal.write(new_event("tags", tags={"half": "done"}))
    print(flush=True)
    input()
    journal.write(new_event("end", state="FINISHED"))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as stage:
        assert stage.stdout is not None
        stage.stdout.readline()
        (kept,) = (folder / UNSENT).iterdir()

        record_training(folder)
        left_alone = kept.exists()
        stage.communicate(b"\n")
    record_training(folder)

    assert left_alone
    assert not kept.exists()
    assert run_named("alive").info.status == "FINISHED"


def test_a_deleted_experiment_comes_back_to_take_new_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_training(folder)
    client = MlflowClient(uri())
    experiment = client.get_experiment_by_name("restore")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)

    record_training(folder)

    assert [run.info.status for run in runs() if run.info.run_name == "e1"] == ["FINISHED"] * 2
    assert "MLflow's experiment 'restore' was deleted; it is back" in capsys.readouterr().err
    assert not (folder / ".restore" / "refused").exists()


def test_an_unreachable_tracker_costs_nothing_and_gets_everything_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nobody: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", nobody)
    record_training(folder)
    (folder / "model/weights.safetensors").unlink()
    warning = capsys.readouterr().err

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri())
    recorder = Recorder(recorded.Run("next", {}, None))
    recorder.record(new_event("end", state="FINISHED"))
    recorder.close()

    run = run_named("e1")
    assert "MLflow cannot be reached" in warning
    assert run.info.status == "FINISHED"
    assert run.data.metrics["train/loss"] == 0.25
    stored = MlflowClient(uri()).list_artifacts(run.info.run_id, "weights")
    assert "weights/weights.safetensors" in {item.path for item in stored}
    assert list(UNSENT.iterdir()) == []


def test_a_kept_run_that_is_refused_does_not_keep_later_ones_from_being_recorded(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal(recorded.Run("lost", {}, None), run_id="no-such-run") as journal:
        journal.write(new_event("tags", tags={"a": "b"}))

    record_training(folder)

    assert run_named("e1").info.status == "FINISHED"
    assert "MLflow refused a kept run" in capsys.readouterr().err
    assert (folder / ".restore/refused" / journal.folder.name / "run.json").exists()


def test_several_processes_may_make_the_database_at_once(folder: Path) -> None:
    (folder / "mlflow.db").unlink()
    command = [sys.executable, "-c", "from pipeline.running.tracking import Tracker; Tracker()"]

    started = [subprocess.Popen(command, cwd=folder) for _ in range(3)]

    # Three databases' worth of migrations: minutes where other programs take the cores.
    assert [process.wait(timeout=600) for process in started] == [0, 0, 0]
    assert len(MlflowClient(uri()).search_experiments()) == 2  # and MLflow's own


@pytest.mark.parametrize("content", [None, "", '{"name": "ol', "[" * 100_000])
def test_a_half_written_run_is_set_aside_with_a_word_and_ends_no_delivery(
    content: str | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = folder / UNSENT / "1-half"
    half.mkdir(parents=True)
    if content is None:
        (half / "run.json").mkdir()
    else:
        (half / "run.json").write_text(content)
    evaluate(folder, "measured")

    deliver()

    assert "expected a run as this version" in capsys.readouterr().err
    assert [path.name for path in (folder / ".restore/refused").iterdir()] == ["1-half"]
    assert run_named("measured").data.metrics[PSNR] == 33.66
    assert list(UNSENT.iterdir()) == []


def test_a_kept_run_of_another_version_is_set_aside_with_a_word(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = folder / UNSENT / "1-old"
    old.mkdir(parents=True)
    (old / "events.jsonl").write_text('{"kind": "tags", "tags": {"a": "b"}, "time": 1}\n')
    (old / "run.json").write_text('{"name": "old", "writer": 7, "run_id": null}')

    deliver()

    assert "expected a run as this version" in capsys.readouterr().err
    assert (folder / ".restore/refused/1-old/events.jsonl").exists()


# ------------------------------------------------------------------------------ delivery


def evaluate(folder: Path, name: str = "e1", content: bytes = b"weights") -> None:
    weights = write_weights(folder / name, content)
    picture = np.full((12, 12, 1), 0.5, np.float32)
    log_evaluation(name, checksum(weights), MEANS, {"set5": picture}, [weights / "curve.csv"])


def test_an_evaluation_waits_without_a_word(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(folder)

    assert len(list(UNSENT.iterdir())) == 1
    assert MlflowClient(uri()).get_experiment_by_name("restore") is None
    assert capsys.readouterr() == ("", "")


def test_a_training_delivers_what_an_evaluation_left(folder: Path) -> None:
    evaluate(folder, "measured", b"imported")

    record_training(folder)

    assert run_named("measured").data.metrics[PSNR] == 33.66
    assert list(UNSENT.iterdir()) == []


def test_pictures_and_tables_are_delivered_too(folder: Path) -> None:
    evaluate(folder)
    shutil.rmtree(folder / "e1")

    deliver()

    client, run_id = MlflowClient(uri()), run_named("e1").info.run_id
    (picture,) = client.list_artifacts(run_id, "pictures")
    (table,) = client.list_artifacts(run_id, "scores")
    assert (picture.path, table.path) == ("pictures/set5.png", "scores/curve.csv")
    assert list(UNSENT.iterdir()) == []


def test_where_nothing_waits_mlflow_is_not_started(folder: Path) -> None:
    (folder / "mlflow.db").unlink()
    code = """\
import sys
from pipeline.running.tracking import deliver, main
deliver()
main(["deliver"])
sys.exit("mlflow" in sys.modules)
"""

    ended = python(code)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert not (folder / "mlflow.db").exists()


def test_scores_of_a_stage_that_was_killed_right_after_them_are_delivered(folder: Path) -> None:
    record_training(folder)
    (folder / "model").rename("e1")

    ended = python(f"{EVALUATE}\nos.kill(os.getpid(), 9)", "e1")
    deliver()

    assert ended.returncode == -signal.SIGKILL
    assert run_named("e1").data.metrics["a/y-float/psnr"] == 30
    assert list(UNSENT.iterdir()) == []


def test_the_whole_events_of_a_stage_killed_among_them_are_delivered() -> None:
    code = """\
import os
from pipeline.running.journal import Journal
from pipeline.running.runs import Run, new_event
journal = Journal(Run("half", {}, None))
journal.write(new_event("metrics", step=0, metrics={"whole": 1.0}))
with (journal.folder / "events.jsonl").open("a") as file:
    file.write('{"kind": "metrics", "ti')
os.kill(os.getpid(), 9)
"""
    python(code)

    deliver()

    run = run_named("half")
    assert run.data.metrics == {"whole": 1.0}
    assert run.info.status == "KILLED"
    assert list(UNSENT.iterdir()) == []


@pytest.mark.parametrize(
    "damaged",
    [
        '{"kind": "metrics", "ti',
        "",
        "5",
        '{"kind": "tags", "tags": {"a": "b"}}',
        '{"kind": "file", "path": "1/gone.png", "folder": "pictures", "time": 1}',
        "[" * 100_000,
    ],
    ids=["half", "empty", "number", "timeless", "gone", "deep"],
)
def test_a_damaged_event_is_dropped_with_a_word_and_the_others_are_delivered(
    damaged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal(recorded.Run("some", {}, None)) as journal:
        journal.write(new_event("metrics", step=0, metrics={"before": 1.0}))
        with (journal.folder / "events.jsonl").open("a") as file:
            file.write(f"{damaged}\n")
        journal.write(new_event("end", state="FINISHED"))

    deliver()

    run = run_named("some")
    assert run.data.metrics == {"before": 1.0}
    assert run.info.status == "FINISHED"
    assert "1 of 3 kept events of a run are damaged" in capsys.readouterr().err
    assert list(UNSENT.iterdir()) == []


def test_a_delivery_that_is_killed_goes_on_later_in_the_same_run() -> None:
    with Journal(recorded.Run("long", {}, current_launch({}))) as journal:
        for step in range(100):
            journal.write(new_event("metrics", step=step, metrics={"loss": 1.0}))
        journal.write(new_event("end", state="FINISHED"))
    command = [sys.executable, "-m", "pipeline.running.tracking", "deliver"]
    with subprocess.Popen(command) as delivering:
        while json.loads((journal.folder / "run.json").read_text())["run_id"] is None:
            assert delivering.poll() is None
            time.sleep(0.005)
        delivering.kill()

    deliver()

    run = run_named("long")
    assert len(MlflowClient(uri()).get_metric_history(run.info.run_id, "loss")) == 100
    assert run.info.status == "FINISHED"
    assert list(UNSENT.iterdir()) == []


def test_scores_reach_the_run_of_weights_that_were_trained_while_the_tracker_was_down(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nobody: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", nobody)
    record_training(folder)
    log_evaluation("e1", checksum(folder / "model"), MEANS, {}, [])
    capsys.readouterr()
    deliver()
    warning = capsys.readouterr().err

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri())
    deliver()

    assert warning.count("\n") == 1
    assert "MLflow cannot be reached" in warning
    run = run_named("e1")
    assert run.data.metrics[PSNR] == 33.66
    assert run.data.metrics["train/loss"] == 0.25


@pytest.mark.fault  # MLflow waits 20 seconds for a lock
def test_a_database_that_somebody_locks_refuses_nothing_for_good(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_training(folder)
    log_evaluation("e1", checksum(folder / "model"), MEANS, {}, [])
    connection = sqlite3.connect(folder / "mlflow.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")

    deliver()
    warning = capsys.readouterr().err
    connection.close()
    deliver()

    assert "database is locked" in warning
    assert run_named("e1").data.metrics[PSNR] == 33.66
    assert not (folder / ".restore/refused").exists()


def test_a_database_that_fails_is_quoted_and_not_the_advice_to_programmers() -> None:
    cause = OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
    cause.add_detail("raised as a result of Query-invoked autoflush; consider no_autoflush")
    error = MlflowException(str(cause))
    error.__cause__ = cause

    assert unreachable(error).startswith("MLflow cannot be reached (database is locked);")


def test_a_process_that_makes_the_database_for_ever_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE", 0.5)
    (folder / ".restore").mkdir()
    with FileLock(folder / ".restore/tracking.lock"):
        record_training(folder)

    said = capsys.readouterr().err
    assert "tracking.lock" in said
    assert len(said.splitlines()) == 1
    deliver()
    assert run_named("e1").info.status == "FINISHED"


def test_a_copy_that_dvc_deletes_warns_of_its_record_and_the_project_does_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setenv("DVC_ROOT", str(folder))
    copy = folder / ".dvc/tmp/exps/standalone/tmp1"
    copy.mkdir(parents=True)

    record_training(folder)
    there = capsys.readouterr().err
    shutil.copyfile(folder / "mlflow.db", copy / "mlflow.db")
    monkeypatch.chdir(copy)
    record_training(copy)
    here = capsys.readouterr().err

    assert there == ""
    assert f"MLFLOW_TRACKING_URI=sqlite:///{folder}/mlflow.db before the command" in here


def test_a_command_that_cannot_deliver_says_so_and_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, nobody: str
) -> None:
    evaluate(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", nobody)

    with pytest.raises(SystemExit, match="MLflow cannot be reached"):
        tracking.main(["deliver"])

    assert len(list(UNSENT.iterdir())) == 1


def test_a_file_that_is_gone_costs_a_warning_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = checksum(write_weights(folder / "model"))

    log_evaluation("e1", card, MEANS, {}, [folder / "gone.csv", folder / "model/curve.csv"])
    deliver()

    assert "an event of the tracker is lost" in capsys.readouterr().err
    run = run_named("e1")
    assert run.data.metrics[PSNR] == 33.66
    (table,) = MlflowClient(uri()).list_artifacts(run.info.run_id, "scores")
    assert table.path == "scores/curve.csv"


def test_a_disk_that_takes_no_journal_costs_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".restore").write_text("a file where a folder should be")

    evaluate(folder)

    assert "an event of the tracker is lost" in capsys.readouterr().err


def test_a_training_that_neither_mlflow_nor_the_disk_takes_does_not_claim_to_be_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".restore").write_text("a file where a folder should be")

    record_training(folder)

    said = capsys.readouterr().err
    assert "what it should record from now on is lost" in said
    assert "is kept in" not in said
    assert len(said.splitlines()) == 2


def test_several_stages_may_write_while_others_deliver(folder: Path) -> None:
    names = [f"w{number}" for number in range(12)]
    for name in names:
        write_weights(folder / name, name.encode())
    writers = [
        subprocess.Popen([sys.executable, "-c", EVALUATE, *names[first::3]]) for first in range(3)
    ]
    loop = """\
import sys, time
from pipeline.running.tracking import deliver, unreachable
until = time.monotonic() + 4
while time.monotonic() < until:
    deliver()
    time.sleep(0.02)
"""
    senders = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(2)]
    codes = [process.wait(timeout=600) for process in (*writers, *senders)]
    deliver()

    assert set(codes) == {0}
    assert [run_named(name).data.metrics["a/y-float/psnr"] for name in names] == [30.0] * 12
    assert list(UNSENT.iterdir()) == []


# --------------------------------------------------------------------- runs of launches


def dvc_repro(folder: Path, *stages: str) -> None:
    """Evaluate weights in a process each, below one that is called like DVC."""
    code = f"""\
import subprocess, sys
for stage in sys.argv[1:]:
    subprocess.run([sys.executable, "-c", {EVALUATE!r}, stage], check=True)
"""
    (folder / "dvc").write_text(code)
    subprocess.run([sys.executable, folder / "dvc", *stages], check=True)


def test_stages_of_one_dvc_repro_are_one_launch_and_those_of_another_are_another(
    folder: Path,
) -> None:
    for name in ("w1", "w2", "w3"):
        write_weights(folder / name, name.encode())

    dvc_repro(folder, "w1", "w2")
    dvc_repro(folder, "w3")
    deliver()

    first, second, other = (launch_of(run_named(name)) for name in ("w1", "w2", "w3"))
    assert first.info.run_id == second.info.run_id != other.info.run_id
    assert len(launches()) == 2
    assert {run.data.tags["restore.door"] for run in launches()} == {"dvc repro"}


@pytest.fixture
def flow_launch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Launch:
    """Return the launch of a flow whose stage this process is."""
    launch = begin_launch(folder, "restore run")
    for name, value in launch.environment.items():
        monkeypatch.setenv(name, value)
    return launch


def end_flow(launch: Launch, state: str) -> None:
    with Journal(recorded.Run.of_launch(launch)) as journal:
        journal.write(new_event("end", state=state))
    tracking.main(["deliver"])


def test_a_launch_of_the_flow_is_the_parent_of_its_stages_and_ends_as_it_says(
    folder: Path, flow_launch: Launch
) -> None:
    record_training(folder)
    evaluate(folder, "e2", b"others")
    deliver()
    (still_open,) = launches()

    end_flow(flow_launch, "FAILED")

    (launch,) = launches()
    assert still_open.info.status == "RUNNING"
    assert launch.info.status == "FAILED"
    assert launch.info.start_time == flow_launch.began
    assert launch_of(run_named("e1")).info.run_id == launch.info.run_id
    assert launch_of(run_named("e2")).info.run_id == launch.info.run_id


def test_a_launch_of_the_flow_that_recorded_nothing_else_has_a_run(flow_launch: Launch) -> None:
    end_flow(flow_launch, "KILLED")

    (launch,) = launches()
    assert launch.info.status == "KILLED"
    assert launch.info.end_time is not None
    assert launch.info.end_time >= launch.info.start_time == flow_launch.began


def test_the_runs_of_launches_say_the_same_whatever_their_door(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "dvc.lock").write_text("stages: {}")
    evaluate(folder, "e1", b"one")
    flow = begin_launch(folder, "restore/train-all")
    for name, value in flow.environment.items():
        monkeypatch.setenv(name, value)
    evaluate(folder, "e2", b"two")
    deliver()

    one, other = (launch_of(run_named(name)).data.tags for name in ("e1", "e2"))

    assert one.keys() == other.keys()
    assert {"restore.launch", "restore.door", "git.commit", "git.edited", "dvc.lock"} <= one.keys()
    assert (one["restore.door"], other["restore.door"]) == ("stage", "restore/train-all")


def test_what_a_launch_began_with_is_noted_when_it_begins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "dvc.lock").write_text("before")
    flow = begin_launch(folder, "restore run")
    for name, value in flow.environment.items():
        monkeypatch.setenv(name, value)
    (folder / "dvc.lock").write_text("after a stage")

    evaluate(folder)
    deliver()

    run = run_named("e1")
    assert launch_of(run).data.tags["dvc.lock"] == flow.tags["dvc.lock"]
    assert run.data.tags["dvc.lock"] != flow.tags["dvc.lock"]


def test_runs_last_as_long_as_what_they_record_not_until_its_delivery(folder: Path) -> None:
    write_weights(folder / "w1")
    before = now()
    dvc_repro(folder, "w1")
    after = now()
    time.sleep(0.05)

    deliver()

    for run in (run_named("w1"), launch_of(run_named("w1"))):
        assert run.info.status == "FINISHED"
        # The time of birth of a process, here DVC's, is known to a second.
        assert before - 1000 <= run.info.start_time <= run.info.end_time <= after


def test_the_last_stage_of_a_launch_ends_it_when_it_delivers(folder: Path) -> None:
    evaluate(folder)
    time.sleep(0.05)
    evaluated = now()

    deliver()

    (launch,) = launches()
    assert launch.info.status == "FINISHED"
    assert launch.info.end_time is not None
    assert launch.info.end_time >= evaluated


def test_a_launch_in_which_a_stage_failed_stays_failed(folder: Path) -> None:
    with pytest.raises(ValueError, match="diverged"), training_run("e1", CAUSES, {}, OSError):
        raise ValueError("diverged")

    evaluate(folder, "e2")
    deliver()

    (launch,) = launches()
    assert launch.info.status == "FAILED"


def test_scores_do_not_make_a_training_longer(folder: Path) -> None:
    record_training(folder)
    ended = run_named("e1").info.end_time
    time.sleep(0.05)

    log_evaluation("e1", checksum(folder / "model"), MEANS, {}, [])
    deliver()

    assert run_named("e1").info.end_time == ended


def test_a_launch_that_nobody_understands_costs_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESTORE_LAUNCH", "12")

    evaluate(folder)
    warning = capsys.readouterr().err
    deliver()

    assert "RESTORE_LAUNCH: expected what the flow gives its stages, came '12'" in warning
    assert launch_of(run_named("e1")).data.tags["restore.door"] == "stage"
