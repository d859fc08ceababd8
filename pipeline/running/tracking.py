"""The only door to MLflow: what is recorded, and what happens when the tracker is down.

One run an experiment, nested in one run a launch. A launch is what a person started: one
``dvc repro``, one flow. A training opens the experiment's run; an evaluation finds it again by
the checksum of the weights, so that scores of the same weights go to the same run.

MLflow only records: no result depends on it. When it cannot be reached, what would have been
sent is kept in ``.restore/unsent`` and goes out with the next stage that can reach it.
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import psutil
from filelock import FileLock

from pipeline.arrays.pixels import Array
from pipeline.images.files import write_png
from pipeline.running.environment import LAUNCH_VARIABLE, NO_TELEMETRY
from pipeline.settings.params import Protocol

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "restore"
"""Name of the MLflow experiment that holds every run."""

_LONGEST_TAG = 4000

STATE = Path(".restore")
UNSENT = STATE / "unsent"

PROTOCOLS: tuple[str, ...] = (*get_args(Protocol), "train-patches-float")
"""What a PSNR or SSIM may be of; the last is that of a training curve."""

Event = dict[str, Any]


def _quiet_client() -> "MlflowClient":
    """Return a client of the tracker that gives up soon and talks to nobody else."""
    for name, value in {
        **NO_TELEMETRY,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    uri = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    return MlflowClient(tracking_uri=uri)


class Tracker:
    """A connection to MLflow, with its database and its experiment made when they are missing."""

    def __init__(self) -> None:
        STATE.mkdir(exist_ok=True)
        # Several processes on a fresh database break its migration: one at a time.
        with FileLock(STATE / "tracking.lock"):
            self.client = _quiet_client()
            found = self.client.get_experiment_by_name(EXPERIMENT)
            self.experiment_id = (
                found.experiment_id
                if found
                # The kind makes the pages of MLflow speak of training, not of language models.
                else self.client.create_experiment(
                    EXPERIMENT, tags={"mlflow.experimentKind": "custom_model_development"}
                )
            )

    def check(self) -> None:
        """Raise what MLflow raises if it cannot be reached."""
        self.client.get_experiment(self.experiment_id)

    def find(self, tag: str, value: str) -> str | None:
        """Return the id of the newest run with this tag, or None."""
        runs = self.client.search_runs(
            [self.experiment_id], f"tags.`{tag}` = '{value}'", max_results=1
        )
        return runs[0].info.run_id if runs else None

    def create(self, name: str, tags: Mapping[str, str]) -> str:
        """Make a run and return its id."""
        run = self.client.create_run(self.experiment_id, run_name=name, tags=dict(tags))
        return str(run.info.run_id)

    def apply(self, run_id: str, event: Event) -> None:
        """Record one event in a run."""
        _APPLY[event["kind"]](self.client, run_id, event)

    def launch(self) -> str:
        """Return the run of the launch that this process belongs to, made when it is missing."""
        given = os.environ.get(LAUNCH_VARIABLE)
        if given:
            return given
        door, key = _launching_process()
        with FileLock(STATE / "tracking.lock"):
            return self.find("restore.launch", key) or self.open_launch(door, key)

    def open_launch(self, door: str, key: str) -> str:
        """Make the run of a launch."""
        name = f"{door} {time.strftime('%Y-%m-%d %H:%M:%S')}"
        return self.create(name, {"restore.launch": key, "restore.door": door, **_provenance()})


def _launching_process() -> tuple[str, str]:
    """Return name and key of the process that a person started: the outermost DVC, or this one."""
    this = psutil.Process()
    chosen = this
    for ancestor in this.parents():
        try:
            words = [Path(word).name for word in ancestor.cmdline()[:3]]
        except psutil.Error:
            break
        if "dvc" in words:
            chosen = ancestor
    door = "dvc repro" if chosen is not this else "stage"
    return door, f"{chosen.pid}-{chosen.create_time():.2f}"


def _provenance() -> dict[str, str]:
    """Return where the code and the data stand: commit, whether edited, checksum of dvc.lock."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603  (fixed words)
                ["git", *words],  # noqa: S607  (git from PATH, as everywhere)
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()[:_LONGEST_TAG]

    tags = {"git.commit": git("rev-parse", "HEAD") or "unknown"}
    # dvc.lock and the metrics change with every run, by the run itself.
    own = (":!dvc.lock", ":!data")
    edited = git("status", "--porcelain", "-uno", "--", ".", *own)
    tags["git.edited"] = "unknown" if edited is None else edited or "no"
    lock = Path("dvc.lock")
    if lock.exists():
        tags["dvc.lock"] = sha256(lock.read_bytes()).hexdigest()
    return tags


# --------------------------------------------------------------------- events of a run


def _send_params(client: "MlflowClient", run_id: str, event: Event) -> None:
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(k, v) for k, v in event["params"].items()])


def _send_tags(client: "MlflowClient", run_id: str, event: Event) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(k, v) for k, v in event["tags"].items()])


def _send_metrics(client: "MlflowClient", run_id: str, event: Event) -> None:
    from mlflow.entities import Metric

    client.log_batch(
        run_id,
        metrics=[
            Metric(key, value, event["time"], event["step"])
            for key, value in event["metrics"].items()
        ],
    )


def _send_input(client: "MlflowClient", run_id: str, event: Event) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    # A digest of MLflow has 36 characters at most.
    data = Dataset(
        name=event["name"],
        digest=event["digest"][:32],
        source_type="local",
        source=json.dumps({"path": event["source"]}),
    )
    client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])


def _send_file(client: "MlflowClient", run_id: str, event: Event) -> None:
    client.log_artifact(run_id, event["path"], event["folder"])


def _send_end(client: "MlflowClient", run_id: str, event: Event) -> None:
    client.set_terminated(run_id, event["state"], event["time"])


_APPLY: dict[str, Callable[["MlflowClient", str, Event], None]] = {
    "params": _send_params,
    "tags": _send_tags,
    "metrics": _send_metrics,
    "input": _send_input,
    "file": _send_file,
    "end": _send_end,
}


# -------------------------------------------------------------------------- recording


class Recorder:
    """Record the events of one run in MLflow, or on disk while MLflow cannot be reached.

    Args:
        name: Name of the run.
        tags: Of the run; the journal keeps them too.
        find: Tag of a run to go on with, if there is one; otherwise a new run is made.
    """

    def __init__(self, name: str, tags: Mapping[str, str], find: str | None = None) -> None:
        self.header: dict[str, Any] = {
            "name": name,
            "tags": dict(tags),
            "find": find,
            "run_id": None,
            "writer": os.getpid(),
        }
        self.tracker: Tracker | None = None
        self.run_id = ""
        self.journal: Path | None = None
        try:
            self.tracker = Tracker()
            send_unsent(self.tracker)
            self.run_id = _open_run(self.tracker, self.header)
        except Exception as error:  # no fault of a tracker may cost a result
            self._lose_tracker(error)

    def record(self, **fields: object) -> None:
        """Record one event, now or later.

        Raises:
            ValueError: A PSNR or SSIM does not say how it was measured.
        """
        for name in fields.get("metrics", {}):  # type: ignore[attr-defined]  # of one kind
            _refuse_bare_score(name)
        event: Event = {"time": int(time.time() * 1000), **fields}
        if self.tracker is not None:
            try:
                self.tracker.apply(self.run_id, event)
            except Exception as error:  # as above
                self._lose_tracker(error)
            else:
                return
        self._keep(event)

    def _lose_tracker(self, error: Exception) -> None:
        self.tracker = None
        first_line = (str(error).splitlines() or [type(error).__name__])[0][:200]
        sys.stderr.write(
            f"warning: MLflow cannot be reached ({first_line}); the run is kept in {UNSENT} and "
            "sent with the next stage that can reach it\n"
        )

    def _keep(self, event: Event) -> None:
        try:
            if self.journal is None:
                self.journal = UNSENT / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}"
                self.journal.mkdir(parents=True)
                header = {**self.header, "run_id": self.run_id or None}
                (self.journal / "run.json").write_text(json.dumps(header))
            if event["kind"] == "file":
                kept = self.journal / f"{time.time_ns()}" / Path(event["path"]).name
                kept.parent.mkdir()
                shutil.copyfile(event["path"], kept)
                event = {**event, "path": str(kept)}
            with (self.journal / "events.jsonl").open("a") as file:
                file.write(json.dumps(event) + "\n")
        except OSError as error:
            sys.stderr.write(f"warning: an event of the tracker is lost: {error}\n")


def _refuse_bare_score(name: str) -> None:
    *place, score = name.split("/")
    if score.startswith(("psnr", "ssim")) and (not place or place[-1] not in PROTOCOLS):
        raise ValueError(
            f"metric '{name}': expected PROTOCOL/{score} at its end, for a {score} means nothing "
            f"without its protocol; one of: {', '.join(PROTOCOLS)}"
        )


def _open_run(tracker: Tracker, header: Mapping[str, Any]) -> str:
    """Return the run that a header asks for: a known one, one with its tag, or a new one."""
    if header["run_id"]:
        return str(header["run_id"])
    tags = header["tags"]
    if header["find"]:
        found = tracker.find(header["find"], tags[header["find"]])
        if found:
            return found
    parent = tags.get("mlflow.parentRunId") or tracker.launch()
    return tracker.create(header["name"], {**tags, "mlflow.parentRunId": parent})


def send_unsent(tracker: Tracker) -> None:
    """Send what was kept while the tracker could not be reached, oldest first.

    What a tracker that answers refuses, because its run was deleted for example, is set aside:
    it must not keep later runs from being recorded.

    Raises:
        mlflow.MlflowException: The tracker fails again; what is unsent stays.
    """
    if not UNSENT.exists():
        return
    with FileLock(STATE / "unsent.lock"):
        for journal in sorted(UNSENT.iterdir()):
            if _is_being_written(journal):
                continue
            try:
                _send(tracker, journal)
            except Exception as error:
                tracker.check()
                refused = STATE / "refused" / journal.name
                refused.parent.mkdir(exist_ok=True)
                journal.rename(refused)
                sys.stderr.write(f"warning: MLflow refused a kept run ({error}); see {refused}\n")
            else:
                shutil.rmtree(journal)


def _is_being_written(journal: Path) -> bool:
    """Tell whether the stage that keeps its events here still runs beside this one."""
    header = journal / "run.json"
    if not header.exists():  # it is just being made
        return True
    writer: int = json.loads(header.read_text()).get("writer", 0)
    return writer != os.getpid() and psutil.pid_exists(writer)


def _send(tracker: Tracker, journal: Path) -> None:
    header = json.loads((journal / "run.json").read_text())
    run_id = _open_run(tracker, header)
    # Sending may fail again: the rest then belongs to the same run.
    (journal / "run.json").write_text(json.dumps({**header, "run_id": run_id}))
    for line in (journal / "events.jsonl").read_text().splitlines():
        tracker.apply(run_id, json.loads(line))


# ---------------------------------------------------------------------- what is recorded


class TrainingRun:
    """The run of one experiment while its network is trained."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def log_point(self, step: int, values: Mapping[str, float]) -> None:
        """Record a point of the training curve.

        Args:
            step: Steps done.
            values: Numbers by name.
        """
        self._recorder.record(kind="metrics", step=step, metrics=dict(values))

    def finish(self, weights: Path, folder: Path, curve: Path) -> None:
        """Record the results of a training.

        Args:
            weights: File of the weights.
            folder: Holds them and their card.
            curve: CSV of the training curve.
        """
        card = json.loads((folder / "card.json").read_text())
        self._recorder.record(kind="tags", tags={"restore.weights": card["weights_sha256"]})
        for path in (weights, folder / "card.json", curve):
            self._recorder.record(kind="file", path=str(path), folder="weights")


@contextmanager
def training_run(
    experiment: str,
    causes: Mapping[str, Any],
    inputs: Mapping[str, tuple[Path, str]],
    interruption: type[Exception],
) -> Iterator[TrainingRun]:
    """Record a training as the run of its experiment.

    Args:
        experiment: Name of the experiment.
        causes: Everything that decides the result but the data, nested.
        inputs: Folder and checksum of the data, by name.
        interruption: What a training raises that was asked to stop: its run counts as killed.
    """
    recorder = Recorder(experiment, {"restore.experiment": experiment, **_provenance()})
    flat = {key: str(value) for key, value in _flattened(causes, ".")}
    recorder.record(kind="params", params=flat)
    for name, (folder, digest) in inputs.items():
        recorder.record(kind="input", name=name, digest=digest, source=str(folder))
    recorder.record(
        kind="tags", tags={f"data.{name}": value for name, (_, value) in inputs.items()}
    )
    state = "FAILED"
    try:
        yield TrainingRun(recorder)
        state = "FINISHED"
    except interruption:
        state = "KILLED"
        raise
    finally:
        recorder.record(kind="end", state=state)
        _touch_launch(recorder, state)


def _touch_launch(recorder: Recorder, state: str) -> None:
    """Note in the launch's run that one of its stages has ended.

    Nobody stays to close the launch of a plain ``dvc repro``: its last stage does.
    """
    if recorder.tracker is None or os.environ.get(LAUNCH_VARIABLE):
        return
    try:
        recorder.tracker.client.set_terminated(recorder.tracker.launch(), state)
    except Exception as error:  # no fault of a tracker may cost a result
        sys.stderr.write(f"warning: the launch's run is not closed: {error}\n")


def _flattened(
    nested: Mapping[str, Any], separator: str, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, separator, f"{prefix}{key}{separator}")
        else:
            yield f"{prefix}{key}", value


def log_evaluation(
    experiment: str,
    weights: str,
    means: Mapping[str, Any],
    pictures: Mapping[str, Array],
    tables: Sequence[Path],
) -> None:
    """Record scores in the run of the weights that were measured.

    Args:
        experiment: Name of the experiment.
        weights: Checksum of the weights, which finds the run.
        means: Mean scores, nested by data set, degradation and protocol.
        pictures: ``(H, W, C)`` in [0, 1] by name.
        tables: Files to keep with the run.
    """
    tags = {"restore.experiment": experiment, "restore.weights": weights, **_provenance()}
    recorder = Recorder(experiment, tags, find="restore.weights")
    recorder.record(kind="metrics", step=0, metrics=dict(_flattened(means, "/")))
    with tempfile.TemporaryDirectory() as folder:
        for name, picture in pictures.items():
            path = Path(folder) / f"{name}.png"
            write_png(path, picture)
            recorder.record(kind="file", path=str(path), folder="pictures")
    for table in tables:
        recorder.record(kind="file", path=str(table), folder="scores")
    recorder.record(kind="end", state="FINISHED")
    _touch_launch(recorder, "FINISHED")


# ---------------------------------------------------------------- for the flow: a launch


def main(arguments: Sequence[str] | None = None) -> None:
    """Open or close the run of a launch, for a door that cannot import MLflow itself."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.running.tracking", description=main.__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    opening = commands.add_parser("open", help="make the database and a run; print the run's id")
    opening.add_argument("--door", required=True, help="what was started, such as 'restore run'")
    closing = commands.add_parser("close", help="end a launch's run")
    closing.add_argument("id")
    closing.add_argument("--state", choices=["FINISHED", "FAILED", "KILLED"], required=True)
    given = parser.parse_args(arguments)
    tracker = Tracker()
    if given.command == "open":
        send_unsent(tracker)
        sys.stdout.write(tracker.open_launch(given.door, uuid.uuid4().hex) + "\n")
    else:
        tracker.client.set_terminated(given.id, given.state)


if __name__ == "__main__":
    main()
