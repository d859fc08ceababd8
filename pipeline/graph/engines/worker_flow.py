"""The flow that a worker of a Prefect pool runs: one stage of one commit.

The worker needs an installation of the project, and access to its Git repository and its DVC
remote. What runs is the code of the commit, in a clone of the worker's own.
"""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import flow, get_client, get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.logging.handlers import APILogHandler
from prefect.states import Completed, Failed

from pipeline.graph.engines import LOST_REMOTE, MAY_COMPUTE, OUT_OF_TIME
from pipeline.graph.engines.clones import CloneError, borrowed_clone
from pipeline.graph.supervise import SECONDS_VARIABLE, TIMED_OUT, Children
from pipeline.running.environment import child_environment
from pipeline.running.passing import MAY_PASS
from pipeline.running.workers import CORES_VARIABLE, count_cores

ALIVE = "restore.alive"
"""Label of the flow run that counts the signs of life of its worker."""

STAGE_LOGGER = "stage"
"""Last part of the name of the logger that has what the stage says."""

_SECONDS_BETWEEN_CHECKPOINTS = 300.0
_EXCHANGE = ("-m", "pipeline.graph.engines.exchange")
_DVC = ("-m", "pipeline.graph.unhurried_dvc")


@flow(name="restore-stage", flow_run_name="{stage}")
def restore_stage(
    repository: str,
    commit: str,
    stage: str,
    key: str,
    force: bool = False,
    beat: float = 20.0,
    environment: dict[str, str] | None = None,
) -> State[None]:
    """Bring one stage of a commit up to date, and put its result into the DVC remote.

    Args:
        repository: What ``git clone`` takes.
        commit: Its full name.
        stage: Name of the stage.
        key: Of the request in the remote that says what the stage reads.
        force: Compute it even if its result is known.
        beat: Seconds between two signs of life.
        environment: Variables for the stage.
    """
    say = get_run_logger().getChild(STAGE_LOGGER).info  # type: ignore[union-attr]
    try:
        with _signs_of_life(beat), borrowed_clone(repository, commit) as clone:
            work = _Work(clone, stage, key, environment or {}, say)
            code = work.do(force)
    except (CloneError, OSError) as error:
        return Failed(message=str(error))
    finally:
        # Prefect sends lines every two seconds; who waits for the end reads on no longer.
        APILogHandler().flush()
    if code:
        name = {TIMED_OUT: OUT_OF_TIME, MAY_PASS: LOST_REMOTE}.get(code, "Failed")
        return Failed(name=name, message=f"exit code {code}")
    return Completed(message="done")


class _Work:
    """One stage in one clone.

    Args:
        clone: Its folder.
        stage: Name of the stage.
        key: Of the request.
        environment: Variables for the stage.
        say: Told what the programs say.
    """

    def __init__(
        self,
        clone: Path,
        stage: str,
        key: str,
        environment: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._clone = clone
        self._stage = stage
        self._key = key
        self._say = say
        own = dict(environment)
        # The time is the stage's, and not that of sending what it made.
        self._limit = {key: own.pop(key) for key in (SECONDS_VARIABLE,) if key in own}
        wanted = int(environment.get(CORES_VARIABLE, count_cores()))
        self._environment = child_environment() | {
            **own,
            CORES_VARIABLE: str(min(wanted, count_cores())),
            MAY_COMPUTE: stage,
        }

    def do(self, force: bool) -> int:
        """Return the exit code of the first program that failed, otherwise 0."""
        with Children() as children:
            if code := self._run(children, *_EXCHANGE, "prepare", self._stage, self._key):
                return code
            repro = [*_DVC, "--wait-for-lock", "repro", "--single-item", self._stage]
            try:
                with self._keeping_checkpoints():
                    forced = ["--force"] if force else []
                    code = self._run(children, *repro, *forced, environment=self._limit)
            finally:
                # It writes its checkpoint when it is told to end.
                children.close()
                self._keep_checkpoints()
                self._let_tracker_know()
        if code:
            return code
        with Children() as children:
            return self._run(children, *_EXCHANGE, "send", self._stage, self._key)

    def _run(
        self, children: Children, *words: str, environment: Mapping[str, str] | None = None
    ) -> int:
        process = children.start(
            [sys.executable, *words],
            cwd=self._clone,
            environment=self._environment | {**(environment or {})},
        )
        with process:
            try:
                for line in process.stdout or ():
                    if line.strip():
                        self._say(line.rstrip())
            except BaseException:  # Prefect raises one where it is told to end
                children.stop()  # otherwise the end of this block waits for the whole stage
                raise
        return process.returncode

    @contextmanager
    def _keeping_checkpoints(self) -> Iterator[None]:
        with _repeating(self._keep_checkpoints, _SECONDS_BETWEEN_CHECKPOINTS):
            yield

    def _keep_checkpoints(self) -> None:
        if any((self._clone / "data" / "checkpoints").glob("*/*.pt")):
            self._try(*_EXCHANGE, "keep", self._stage)

    def _let_tracker_know(self) -> None:
        if (self._clone / "pipeline" / "running" / "tracking.py").is_file():
            self._try("-m", "pipeline.running.tracking", "deliver")

    def _try(self, *words: str) -> None:
        """Run a program whose failure costs no result."""
        done = subprocess.run(  # noqa: S603 - programs of ours
            [sys.executable, *words],
            cwd=self._clone,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            self._say(f"{words[-1]}: {done.stderr.strip()[-500:]}")


@contextmanager
def _signs_of_life(beat: float) -> Iterator[None]:
    """Count in a label of this flow run while the block runs."""
    identity: Any = runtime.flow_run.id
    beats = iter(range(1, sys.maxsize))

    def give_sign() -> None:
        # A server that does not answer now may do so at the next beat.
        with contextlib.suppress(Exception), get_client(sync_client=True) as client:
            client.update_flow_run_labels(identity, {ALIVE: next(beats)})

    with _repeating(give_sign, beat):
        yield


@contextmanager
def _repeating(action: Callable[[], None], seconds: float) -> Iterator[None]:
    """Do something again and again in a thread, while the block runs."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
