"""What the tracker gets of a training, while it goes on."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.running.journal import Journal, lost_with_a_warning
from pipeline.running.launches import current_launch
from pipeline.running.provenance import provenance
from pipeline.running.runs import Ending, Event, Run, flattened, new_event
from pipeline.running.tracking import Tracker, send_kept, unreachable


class Recorder:
    """Record the events of one run in MLflow, or in a journal once MLflow cannot be reached.

    The journal is there from the beginning: if this process is killed, it tells that the run is
    over.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._run_id: str | None = None
        self._tracker: Tracker | None = None
        self._journal: Journal | None = None
        fault: Exception | None = None
        try:
            self._tracker = Tracker()
            send_kept(self._tracker, patience=0)
            self._run_id = self._tracker.open(run)
        except Exception as error:  # no fault of a tracker may cost a result
            fault = error
        with lost_with_a_warning():
            self._journal = Journal(run, run_id=self._run_id)
        if fault is not None:
            self._lose_tracker(fault)

    def record(self, event: Event) -> None:
        """Record one event, now or later."""
        if self._tracker is not None and self._run_id is not None:
            try:
                self._tracker.apply(self._run, self._run_id, event)
            except Exception as error:  # as above
                self._lose_tracker(error)
            else:
                return
        if self._journal is not None:
            with lost_with_a_warning():
                self._journal.write(event)

    def close(self) -> None:
        """Leave to others what MLflow has not got."""
        if self._journal is None:
            return
        if self._tracker is not None:
            self._journal.discard()
        else:
            self._journal.close()

    def _lose_tracker(self, error: Exception) -> None:
        self._tracker = None
        sys.stderr.write(f"warning: {unreachable(error, kept=self._journal is not None)}\n")


class TrainingRun:
    """The run of one experiment while its network is trained."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def log_point(self, step: int, values: Mapping[str, float]) -> None:
        """Record a point of the training curve.

        Args:
            step: Steps done.
            values: Numbers by name.

        Raises:
            ValueError: A PSNR or SSIM does not say how it was measured.
        """
        self._recorder.record(new_event("metrics", step=step, metrics=dict(values)))

    def finish(self, weights: Path, folder: Path, curve: Path) -> None:
        """Record the results of a training.

        Args:
            weights: File of the weights.
            folder: Holds them and their card.
            curve: CSV of the training curve.
        """
        card = json.loads((folder / "card.json").read_text())
        tags = {"restore.weights": card["weights_sha256"]}
        self._recorder.record(new_event("tags", tags=tags))
        for path in (weights, folder / "card.json", curve):
            self._recorder.record(new_event("file", path=str(path), folder="weights"))


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
    stand = provenance(Path())
    tags = {"restore.experiment": experiment, **stand}
    recorder = Recorder(Run(experiment, tags, current_launch(stand)))
    flat = {key: str(value) for key, value in flattened(causes, ".")}
    recorder.record(new_event("params", params=flat))
    for name, (folder, digest) in inputs.items():
        recorder.record(new_event("input", name=name, digest=digest, source=str(folder)))
    digests = {f"data.{name}": digest for name, (_, digest) in inputs.items()}
    recorder.record(new_event("tags", tags=digests))
    state: Ending = "FAILED"
    try:
        yield TrainingRun(recorder)
        state = "FINISHED"
    except interruption:
        state = "KILLED"
        raise
    finally:
        recorder.record(new_event("end", state=state))
        recorder.close()
