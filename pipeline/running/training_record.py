"""What the tracker gets of a training, while it goes on."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.running.journal import Journal, lost_with_a_warning, note_id, read_events
from pipeline.running.launches import current_launch
from pipeline.running.progress_file import Progress, note_progress
from pipeline.running.provenance import provenance
from pipeline.running.runs import EXPERIMENT_TAG, Ending, Event, Run, flattened, new_event, size_of
from pipeline.running.tracking import Tracker, send_kept, unreachable

LIVE_AFTER = 60.0
"""Seconds from which on somebody may be watching a training: MLflow alone takes four to start."""


class Recorder:
    """Record the events of one run in a journal, and in MLflow once the run has lasted a while.

    A run that ends before is left to whoever delivers. The journal is there from the beginning: if
    this process is killed, it tells that the run is over. What MLflow does not take stays in it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._run_id: str | None = None
        self._tracker: Tracker | None = None
        self._journal: Journal | None = None
        self._live_from: float | None = time.monotonic() + LIVE_AFTER
        with lost_with_a_warning():
            self._journal = Journal(run)
        if self._journal is None:  # the disk takes none
            self._live_from = time.monotonic()

    def record(self, event: Event) -> None:
        """Record one event, now or later."""
        if self._live_from is not None and time.monotonic() >= self._live_from:
            self._go_live()
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

    def _go_live(self) -> None:
        """Let MLflow have what came so far, and what comes from now on."""
        self._live_from = None
        try:
            self._tracker = Tracker()
            send_kept(self._tracker, patience=0)
            self._run_id = self._tracker.open(self._run)
            if self._journal is not None:
                note_id(self._journal.folder, self._run_id)
                for event in read_events(self._journal.folder):
                    self._tracker.apply(self._run, self._run_id, event)
        except Exception as error:  # no fault of a tracker may cost a result
            self._lose_tracker(error)
            return
        sent, self._journal = self._journal, None
        with lost_with_a_warning():
            self._journal = Journal(self._run, run_id=self._run_id)
        if sent is not None:
            sent.discard()

    def _lose_tracker(self, error: Exception) -> None:
        self._tracker = None
        sys.stderr.write(f"warning: {unreachable(error, kept=self._journal is not None)}\n")


class TrainingRun:
    """The run of one experiment while its network is trained.

    Args:
        recorder: Lets the tracker have its events.
        steps: Of the whole training; None where nobody knows, and no progress is shown.
    """

    def __init__(self, recorder: Recorder, steps: int | None) -> None:
        self._recorder = recorder
        self._steps = steps

    def log_point(self, step: int, values: Mapping[str, float]) -> None:
        """Record a point of the training curve.

        Args:
            step: Steps done.
            values: Numbers by name.

        Raises:
            ValueError: A PSNR or SSIM does not say how it was measured.
        """
        self._recorder.record(new_event("metrics", step=step, metrics=dict(values)))
        if self._steps is not None:
            note_progress(Progress(step, self._steps, dict(values)))

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
        self._recorder.record(new_event("metrics", step=0, metrics=size_of(card)))
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
        causes: Everything that decides the result but the data, nested; its ``recipe.steps`` tells
            whoever watches how far the training is.
        inputs: Folder and checksum of the data, by name.
        interruption: What a training raises that was asked to stop: its run counts as killed.
    """
    stand = provenance(Path())
    tags = {EXPERIMENT_TAG: experiment, **stand}
    recorder = Recorder(Run(experiment, tags, current_launch(stand)))
    flat = {key: str(value) for key, value in flattened(causes, ".")}
    recorder.record(new_event("params", params=flat))
    for name, (folder, digest) in inputs.items():
        recorder.record(new_event("input", name=name, digest=digest, source=str(folder)))
    digests = {f"data.{name}": digest for name, (_, digest) in inputs.items()}
    recorder.record(new_event("tags", tags=digests))
    state: Ending = "FAILED"
    try:
        yield TrainingRun(recorder, causes.get("recipe", {}).get("steps"))
        state = "FINISHED"
    except interruption:
        state = "KILLED"
        raise
    finally:
        recorder.record(new_event("end", state=state))
        recorder.close()
