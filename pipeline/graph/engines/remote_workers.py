"""Stages on machines that share nothing but Git and a DVC remote: workers of a Prefect pool.

This machine computes nothing: it says what is to run, takes the results from the remote, and
writes them down. A worker that dies is replaced, and a stage done twice comes to the same.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from pipeline.graph import dag
from pipeline.graph.dag import Stage
from pipeline.graph.engines import LOST_REMOTE, MAY_COMPUTE, OUT_OF_TIME
from pipeline.graph.engines.addresses import without_password
from pipeline.graph.engines.engine import EngineError, LostPlaceError
from pipeline.graph.engines.pushed_commit import PushedCommit, find_pushed_commit
from pipeline.graph.engines.worker_runs import Look, WorkerRuns, open_worker_runs
from pipeline.graph.slots import Slots
from pipeline.graph.supervise import TIMED_OUT, Children
from pipeline.running.environment import child_environment
from pipeline.running.passing import MAY_PASS
from pipeline.running.progress_file import PROGRESS_VARIABLE

DEPLOYMENT = "restore-stage/worker"
TRACKER_VARIABLE = "MLFLOW_TRACKING_URI"

_ANY_NUMBER = 1 << 16
"""Cores of workers, of which nothing is known here; each gives what it has."""

_PATIENCE_WITH_REMOTE = 120.0
_MOST_WORKERS = 3
_SILENCE = 120.0
_SILENCE_BEFORE_START = 900.0
"""Images of containers may have to be fetched."""
_POLL = 0.5
_PATIENCE_AT_END = 60.0
_LEFT_TO_WORKERS = ("CUDA_VISIBLE_DEVICES", PROGRESS_VARIABLE)


@dataclass(frozen=True)
class _Options:
    repository: str | None = None
    """Where workers find the repository, if not where this machine has it from."""
    deployment: str = DEPLOYMENT
    silence: float = _SILENCE
    """Seconds without a sign of life after which a worker counts as dead."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        known = ("repository", "deployment", "silence")
        unknown = [key for key in given if key not in known]
        if unknown:
            raise EngineError(
                f"the engine 'workers' takes {', '.join(known)}, came {', '.join(unknown)}"
            )
        try:
            silence = float(given.get("silence", _SILENCE))
        except ValueError:
            silence = 0.0
        repository = given.get("repository")
        if repository is not None and without_password(repository) != repository:
            raise EngineError(
                "repository: expected an address without a password or a token, as everybody who "
                "sees Prefect's pages sees it; give the workers credentials where they are"
            )
        if not 1 <= silence < float("inf"):
            raise EngineError(f"silence: expected seconds, at least 1, came {given['silence']!r}")
        return cls(
            repository=repository,
            deployment=given.get("deployment", DEPLOYMENT),
            silence=silence,
        )


class RemoteWorkers:
    """Has stages run by workers; made by ``open``, which sees that they can.

    Args:
        source: What the workers clone.
        options: What was asked for.
    """

    def __init__(self, source: PushedCommit, options: _Options) -> None:
        self._source = source
        self._options = options
        self._children = Children()
        self._ending = threading.Event()
        self._going_on: set[UUID] = set()
        # Runs that may go on, though nobody follows them, by the stage.
        self._left_alone: dict[str, UUID] = {}
        self._before = os.environ.get(MAY_COMPUTE)
        os.environ[MAY_COMPUTE] = ""

    @classmethod
    def open(
        cls, options: Mapping[str, str], *, root: Path, warn: Callable[[str], None]
    ) -> "RemoteWorkers":
        """Return an engine whose workers can have the project.

        Raises:
            EngineError: They cannot, as something is not committed, not pushed or not to be
                reached; nothing has been started then.
        """
        known = _Options.read(options)
        source = find_pushed_commit(
            root,
            written=dag.read_results(root),
            read=dag.read_sources(root),
            repository=known.repository,
        )
        with Children() as children:
            _exchange(children, root, "check")
        with open_worker_runs(known.deployment) as runs:
            if not runs.workers:
                warn(
                    f"no worker of the pool '{runs.pool}' is there yet: `prefect worker start "
                    f"--pool {runs.pool}` on the machines that compute"
                )
        return cls(source, known)

    @property
    def cores(self) -> int:
        """Cores that a worker may have."""
        return _ANY_NUMBER

    def slots(self, at_once: int | None) -> Slots:
        """Return a limit on the stages at once; the rest is the pool's, as ``Engine`` has it."""
        return Slots(cores=_ANY_NUMBER, gpus=[], at_once=at_once)

    def run(
        self,
        stage: Stage,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None],
    ) -> int:
        """Have a worker run a stage, and take its result, as ``Engine`` has it."""
        key = uuid.uuid4().hex
        _exchange(self._children, cwd, "lend", stage.name, key)
        parameters = {
            "repository": self._source.repository,
            "commit": self._source.commit,
            "stage": stage.name,
            "key": key,
            "force": "--force" in command,
            "beat": self._options.silence / 6,
            "environment": _for_workers(environment, say),
        }
        taken = False
        try:
            with open_worker_runs(self._options.deployment) as runs:
                end = self._ask_until_one_answers(runs, parameters, say)
            if end.state == "FAILED":
                say(end.message)
                if end.name == LOST_REMOTE:
                    raise LostPlaceError("its worker could not use the DVC remote, see above")
                return TIMED_OUT if end.name == OUT_OF_TIME else 1
            _exchange(self._children, cwd, "take", stage.name, key)
            taken = True
        finally:
            if not taken and not self._ending.is_set():
                with contextlib.suppress(EngineError, RuntimeError):  # small files stay
                    _exchange(self._children, cwd, "drop", key)
        return 0

    def _ask_until_one_answers(
        self, runs: WorkerRuns, parameters: Mapping[str, Any], say: Callable[[str], None]
    ) -> Look:
        if (left := self._left_alone.pop(parameters["stage"], None)) is not None:
            runs.cancel(left)
        for number in range(1, _MOST_WORKERS + 1):
            if self._ending.is_set():
                raise EngineError("it was stopped before it began")
            run = runs.ask(parameters)
            try:
                end = self._follow(runs, run, say)
            except BaseException:
                self._left_alone[parameters["stage"]] = run
                raise
            if end.state in ("COMPLETED", "FAILED"):
                return end
            if end.state == "CANCELLED" or self._ending.is_set():
                raise EngineError("its worker was told to stop")
            if number < _MOST_WORKERS:
                say(f"its worker is gone ({end.message}): another one is asked")
        raise EngineError(
            f"{_MOST_WORKERS} workers have died of it, the last one: {end.message}; see the pages "
            "of Prefect"
        )

    def _follow(self, runs: WorkerRuns, run: UUID, say: Callable[[str], None]) -> Look:
        """Say what a run says until it has ended, or its worker is silent for too long."""
        self._going_on.add(run)
        try:
            if self._ending.is_set():  # ``close`` may have looked before
                runs.cancel(run)
            last, since = None, time.monotonic()
            while True:
                look = runs.look(run)
                for line in runs.news(run):
                    say(line)
                if look.has_ended:
                    return look
                if look.sign != last:
                    last, since = look.sign, time.monotonic()
                silent = time.monotonic() - since
                if silent > self._patience_with(look):
                    why = f"no sign of life for {silent:.0f} s"
                    runs.give_up(run, why)
                    return Look(state="CRASHED", message=why, sign=None)
                time.sleep(_POLL)
        finally:
            self._going_on.discard(run)

    def _patience_with(self, look: Look) -> float:
        if look.state == "SCHEDULED":  # no worker is free
            return float("inf")
        if look.state == "PENDING":
            return max(self._options.silence, _SILENCE_BEFORE_START)
        return self._options.silence

    def close(self) -> None:
        """Have the workers end, as ``Engine`` has it."""
        self._ending.set()
        try:
            self._end_runs()
        finally:
            self._children.close()
            if self._before is None:
                os.environ.pop(MAY_COMPUTE, None)
            else:
                os.environ[MAY_COMPUTE] = self._before

    def _end_runs(self) -> None:
        if not self._going_on and not self._left_alone:
            return
        with open_worker_runs(self._options.deployment) as runs:
            for run in (*self._going_on, *self._left_alone.values()):
                runs.cancel(run)
        deadline = time.monotonic() + _PATIENCE_AT_END
        while self._going_on and time.monotonic() < deadline:
            time.sleep(_POLL)


def _for_workers(environment: Mapping[str, str], say: Callable[[str], None]) -> dict[str, str]:
    """Return what a stage is told elsewhere: of its launch, its cores, and the tracker.

    Everybody who may see Prefect's pages sees it, so no password is in it.
    """
    told = {key: value for key, value in environment.items() if key not in _LEFT_TO_WORKERS}
    tracker = os.environ.get(TRACKER_VARIABLE, "")
    address = urlsplit(tracker)
    if address.scheme in ("http", "https"):
        if address.username or address.password:
            say(f"{TRACKER_VARIABLE} has a password: workers are not told, set it where they are")
        else:
            told[TRACKER_VARIABLE] = tracker
    return told


def _exchange(children: Children, root: Path, action: str, *words: str) -> None:
    """Run one action of ``exchange`` in a process of its own.

    Raises:
        EngineError: It failed, or the remote does not answer; it is ``LostPlaceError`` where the
            remote could be used before.
    """
    process = children.start(
        [sys.executable, "-m", "pipeline.graph.engines.exchange", action, *words],
        cwd=root,
        environment=child_environment() | {MAY_COMPUTE: ""},
    )
    patience = _PATIENCE_WITH_REMOTE if action == "check" else None
    try:
        said, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"the DVC remote: no answer in {patience:.0f} s; see `dvc remote list`, and its "
            "credentials"
        ) from error
    if process.returncode:
        lines = said.strip().splitlines() or [f"exit code {process.returncode}"]
        lost = process.returncode == MAY_PASS
        raise (LostPlaceError if lost else EngineError)(lines[-1])
