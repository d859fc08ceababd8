"""The only door to MLflow, and the delivery of what is kept for it.

One run an experiment, with the name of its launch, which has a run too. A training tells MLflow
of its run while it goes on; all others write a journal, which whoever reaches MLflow next
delivers. An evaluation finds the run of a training by its name and the checksum of the weights,
so that scores of the same weights go to the same run.

MLflow only records: no result depends on it.
"""

import argparse
import errno
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pipeline.running.environment import NO_TELEMETRY
from pipeline.running.journal import (
    STATE,
    UNSENT,
    Journal,
    is_left,
    kept_journals,
    note_id,
    read_events,
    read_run,
    remove,
)
from pipeline.running.launches import current_launch
from pipeline.running.runs import EXPERIMENT_TAG, LAUNCH, LAUNCHED_BY, Event, Run, new_event
from pipeline.running.tracking_database import artifacts_of, bring_home, make_sure_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE = Path("mlflow.db")
"""Where runs are recorded unless ``MLFLOW_TRACKING_URI`` names another place."""

PATIENCE = 120.0
"""Seconds that another process may take to make the database: no result waits for ever."""

EXPERIMENT = "restore"
"""Name of the MLflow experiment that holds every run."""


def _quiet_client() -> "MlflowClient":
    """Return a client of the tracker that gives up soon and talks to nobody else."""
    for name, value in {
        **NO_TELEMETRY,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }.items():
        os.environ.setdefault(name, value)
    # Here, because it takes seconds.
    from mlflow import MlflowClient

    # They log with a traceback what they raise as well, and ``unreachable`` says in a sentence.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    chosen = os.environ.get("MLFLOW_TRACKING_URI")
    if chosen is None:
        _warn_of_a_passing_copy()
        make_sure_of(DATABASE, lambda aside: MlflowClient(aside).get_experiment_by_name(EXPERIMENT))
        bring_home(DATABASE, EXPERIMENT)
    return MlflowClient(chosen or f"sqlite:///{DATABASE}")


def _warn_of_a_passing_copy() -> None:
    """Say that DVC deletes this folder, where it has a copy of the project for an experiment."""
    project = Path(os.environ.get("DVC_ROOT", "."))
    if (project / ".dvc" / "tmp" / "exps").resolve() in Path.cwd().resolve().parents:
        sys.stderr.write(
            "warning: DVC deletes this copy of the project after the experiment, and MLflow's "
            f"record of it too; MLFLOW_TRACKING_URI=sqlite:///{project / DATABASE} before the "
            "command records it in the project\n"
        )


def _artifacts() -> str | None:
    """Return where the files of runs go, None where the tracker decides."""
    return None if "MLFLOW_TRACKING_URI" in os.environ else artifacts_of(DATABASE, EXPERIMENT)


class Tracker:
    """A connection to MLflow, with its database and its experiment made when they are missing."""

    def __init__(self) -> None:
        STATE.mkdir(exist_ok=True)
        self._lock = FileLock(STATE / "tracking.lock", timeout=PATIENCE)
        # Several processes on a fresh database break its migration: one at a time.
        with self._lock:
            self.client = _quiet_client()
            found = self.client.get_experiment_by_name(EXPERIMENT)
            if found is not None and found.lifecycle_stage == "deleted":
                # A deleted one takes no runs, and keeps its name from a new one.
                self.client.restore_experiment(found.experiment_id)
                sys.stderr.write(
                    f"warning: MLflow's experiment '{EXPERIMENT}' was deleted; it is back, with "
                    "its runs, to take new ones\n"
                )
            self.experiment_id = (
                found.experiment_id
                if found
                # The kind makes the pages of MLflow speak of training, not of language models.
                else self.client.create_experiment(
                    EXPERIMENT,
                    artifact_location=_artifacts(),
                    tags={"mlflow.experimentKind": "custom_model_development"},
                )
            )

    def check(self) -> None:
        """Raise what MLflow raises if it cannot be reached."""
        self.client.get_experiment(self.experiment_id)

    def open(self, run: Run) -> str:
        """Return the id of a run: of one that is there with its tag, or of a new one."""
        if run.find is None:
            return self._create(run)
        with self._lock:  # whoever comes first makes it
            return self._find(run) or self._create(run)

    def search(self, condition: str, *, at_once: int = 1000) -> list[Any]:
        """Return all runs of this project that a condition in MLflow's words holds for.

        Args:
            condition: As MLflow's pages take it.
            at_once: How many to ask for at a time.

        Returns:
            Runs as MLflow's client gives them, the newest first.
        """
        found: list[Any] = []
        token: str | None = ""
        while token is not None:
            page = self.client.search_runs(
                [self.experiment_id], condition, max_results=at_once, page_token=token or None
            )
            found += page
            token = page.token or None
        return found

    def apply(self, run: Run, run_id: str, event: Event) -> None:
        """Record one event of a run; one that ends it ends its launch too, if nobody else will."""
        if event["kind"] == "end":
            self._end(run, run_id, event)
        else:
            _SEND[event["kind"]](self.client, run_id, event)

    def note(self, run_id: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Write numbers and words of a run at once, so that none is there without the others."""
        from mlflow.entities import Metric, RunTag

        if metrics or tags:
            now = int(time.time() * 1000)
            self.client.log_batch(
                run_id,
                metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
                tags=[RunTag(name, value) for name, value in tags.items()],
            )

    def _find(self, run: Run) -> str | None:
        """Return the id of the newest run with the tag to find it by, or None."""
        # Weights that are applied in two ways are two experiments, each with its own scores.
        names = [name for name in run.tags if name in (run.find, EXPERIMENT_TAG)]
        condition = " and ".join(f"tags.`{name}` = '{run.tags[name]}'" for name in names)
        runs = self.client.search_runs([self.experiment_id], condition, max_results=1)
        return str(runs[0].info.run_id) if runs else None

    def _create(self, run: Run) -> str:
        tags = dict(run.tags)
        if run.launch is not None:
            # No run lies below that of its launch: MLflow's pages hide what does.
            above = Run.of_launch(run.launch)
            tags |= {LAUNCH: above.name, LAUNCHED_BY: self.open(above)}
        made = self.client.create_run(
            self.experiment_id, start_time=run.began, tags=tags, run_name=run.name
        )
        return str(made.info.run_id)

    def _end(self, run: Run, run_id: str, event: Event) -> None:
        so_far = self.client.get_run(run_id).info
        if so_far.status == "RUNNING":
            self.client.set_terminated(run_id, event["state"], event["time"])
        # Scores that come later make no training longer, but a launch lasts as long as its stages.
        elif run.launch is None and event["time"] > so_far.end_time:
            failed = so_far.status != "FINISHED"
            state = so_far.status if failed else event["state"]
            self.client.set_terminated(run_id, state, event["time"])
        if run.launch is not None and not run.launch.attended:
            above = Run.of_launch(run.launch)
            self._end(above, self.open(above), event)


# ------------------------------------------------------------------------------- events


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


_SEND: dict[str, Callable[["MlflowClient", str, Event], None]] = {
    "params": _send_params,
    "tags": _send_tags,
    "metrics": _send_metrics,
    "input": _send_input,
    "file": _send_file,
}


# ----------------------------------------------------------------------------- delivery


def send_kept(tracker: Tracker, *, patience: float = 60.0) -> None:
    """Send what was kept on disk, oldest first.

    What a tracker that answers refuses, because its run was deleted for example, is set aside:
    it must not keep later runs from being recorded.

    Args:
        tracker: Where to.
        patience: Seconds to wait while another process sends; then it is left to that one.

    Raises:
        mlflow.MlflowException: The tracker fails; what is unsent stays.
    """
    if not kept_journals():
        return
    try:
        with FileLock(STATE / "unsent.lock", timeout=patience):
            for journal in filter(is_left, kept_journals()):
                try:
                    _send(tracker, journal)
                except Exception as error:
                    if _will_pass(error):
                        raise
                    tracker.check()
                    refused = STATE / "refused" / journal.name
                    refused.parent.mkdir(exist_ok=True)
                    journal.rename(refused)
                    sys.stderr.write(
                        f"warning: MLflow refused a kept run ({cause_of(error)}); see {refused}\n"
                    )
                else:
                    remove(journal)
    except Timeout:
        return


def _will_pass(error: Exception) -> bool:
    """Tell a database that others lock, or a full disk, from a refusal for good."""
    locked = getattr(error, "error_code", None) == "TEMPORARILY_UNAVAILABLE"
    return locked or getattr(error, "errno", None) == errno.ENOSPC


def _send(tracker: Tracker, journal: Path) -> None:
    run, run_id = read_run(journal)
    events = read_events(journal)
    if not events and run_id is None and run.launch is not None:
        return  # nothing is known of it but that it was to be
    if not events or events[-1]["kind"] != "end":  # its writer was killed
        last = events[-1]["time"] if events else int(journal.stat().st_mtime * 1000)
        events.append({"kind": "end", "state": "KILLED", "time": last})
    if run_id is None:
        run_id = tracker.open(run)
        # Sending may fail again: the rest then belongs to the same run.
        note_id(journal, run_id)
    for event in events:
        tracker.apply(run, run_id, event)


def deliver() -> None:
    """Send what waits, as the last stage of a launch does; a tracker that fails costs a warning.

    Where nothing waits, MLflow is not even started.
    """
    try:
        journals = kept_journals()
        if journals:
            _end_own_launch(journals)
            tracker = Tracker()
            send_kept(tracker)
            describe(tracker)
    except Exception as error:  # no fault of a tracker may cost a result
        sys.stderr.write(f"warning: {unreachable(error)}\n")


def describe(tracker: Tracker) -> None:
    """Say of the runs what MLflow's pages show first, and register the best of their weights.

    It is only a look at what is recorded, so a failure costs a warning.
    """
    # They ask this module.
    from pipeline.running.champions import crown
    from pipeline.running.runs_table import fill_table

    try:
        fill_table(tracker)
        crown(tracker)
    except Exception as error:  # of MLflow, or of a file that was edited meanwhile
        sys.stderr.write(
            f"warning: MLflow's table of runs is not brought up to date ({cause_of(error)})\n"
        )


def _end_own_launch(journals: Sequence[Path]) -> None:
    """Note that the launch of this process has ended, unless somebody else will."""
    launch = current_launch({})
    if launch.attended:
        return
    for path in journals:
        try:
            noted = read_run(path)[0].launch
        except ValueError:  # it will be refused
            continue
        if noted is not None and noted.key == launch.key:
            with Journal(Run.of_launch(noted)) as journal:
                journal.write(new_event("end", state="FINISHED"))
            return


def fetch_registered(address: str) -> Path:
    """Return a folder with the files of a model in MLflow's registry.

    Args:
        address: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

    Raises:
        FileNotFoundError: There is no database here, and no other place is named.
        mlflow.MlflowException: The tracker fails, or has no such model.
    """
    if "MLFLOW_TRACKING_URI" not in os.environ and not DATABASE.is_file():
        raise FileNotFoundError(f"no {DATABASE} here, and no MLFLOW_TRACKING_URI")
    client = _quiet_client()
    from mlflow.artifacts import download_artifacts

    # People are told the folder's name as that of the network.
    folder = Path(tempfile.mkdtemp()) / address.removeprefix("models:/").replace("/", "-")
    folder.mkdir()
    taken = {"dst_path": str(folder), "tracking_uri": client.tracking_uri}
    return Path(download_artifacts(address, **taken))


def unreachable(error: Exception, *, kept: bool = True) -> str:
    """Return what to say of a tracker that fails.

    Args:
        error: What it raised.
        kept: Whether a journal keeps what it should record.
    """
    outcome = f"is kept in {UNSENT} and sent with the next stage that can reach it"
    return (
        f"MLflow cannot be reached ({cause_of(error)}); what it should record "
        f"{outcome if kept else 'from now on is lost'}"
    )


def cause_of(error: Exception) -> str:
    """Return one line that says what failed: the database's own word if it was a database.

    What MLflow makes of that begins with advice to programmers, or with its statement.
    """
    said = str(getattr(error.__cause__, "orig", None) or error)
    return (said.splitlines() or [type(error).__name__])[0][:200]


def main(arguments: Sequence[str] | None = None) -> None:
    """Deliver what waits, for a door that cannot import MLflow itself."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.running.tracking", description=main.__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("deliver", help=f"send what is kept in {UNSENT}")
    parser.parse_args(arguments)
    try:
        if kept_journals():
            tracker = Tracker()
            send_kept(tracker)
            describe(tracker)
    except Exception as error:  # whatever an unknown tracker raises
        sys.exit(unreachable(error))


if __name__ == "__main__":
    main()
