"""Stages as jobs of Slurm, one each: the door to submitit."""

import contextlib
import math
import os
import shlex
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.graph.dag import Stage
from pipeline.graph.engines.engine import EngineError, LostPlaceError
from pipeline.graph.engines.slurm_stage import ALIVE, SlurmStage
from pipeline.graph.slots import Slots, list_gpus
from pipeline.graph.supervise import GRACE
from pipeline.running.workers import count_cores

Submitit = Any
"""What comes from submitit, which is not installed everywhere and has no types here."""

_OURS = {"cluster": "slurm", "silence": "120", "cpus": "", "gpus": "", "time": "60"}
"""Options that are not handed to Slurm as they are, and what they are when left out."""

_BETWEEN_BEATS = 1.0
_BETWEEN_LOOKS = 0.2
_BETWEEN_QUESTIONS = 30.0
"""Seconds between two questions to Slurm, whose patience is short, about one job."""
_TIMES_TO_MISS = 3
"""What a job wrote last may be seen here later than its end."""

_LOST = frozenset({"NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED"})
"""States of a job that say nothing of what it ran."""

_REQUEUES = 1000
_PATIENCE = GRACE + 10.0


class SlurmEngine:
    """Runs each stage as a job; the jobs end when this process does.

    Args:
        options: ``cluster`` is ``slurm``, or ``local`` for jobs that are processes of this
            machine; ``cpus`` and ``gpus`` are those of the largest node, ``time`` minutes that
            a job may take before it is ended and queued again, ``silence`` seconds without a
            sign of this process after which the jobs end. All else is for Slurm, such as
            ``partition`` and ``account``.
        root: Folder of the project, on a file system that all nodes share.
        warn: Told of stages that get less than they ask for, and of jobs that had been left.

    Raises:
        EngineError: submitit or Slurm is not installed, or an option is wrong.
    """

    def __init__(
        self, options: Mapping[str, str], *, root: Path, warn: Callable[[str], None]
    ) -> None:
        self._options = _OURS | {**options}
        self._warn = warn
        self._local = self._options["cluster"] == "local"
        self._silence = _number("silence", self._options["silence"])
        self._most_cpus = int(_number("cpus", self._options["cpus"] or "inf", whole=True))
        self._most_gpus = int(_number("gpus", self._options["gpus"] or "inf", whole=True))
        jobs = root / ".restore" / "slurm"
        self._folder = jobs / uuid.uuid4().hex
        self._submitit = _load(self._options["cluster"])
        self._executor({}, Stage("check", (), 1, 0, (), ()))  # says now which option is wrong
        _end_left_jobs(jobs, warn)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._alive = self._folder / ALIVE
        self._alive.touch()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._jobs: dict[str, Any] = {}
        self._beating = threading.Thread(target=self._beat, daemon=True)
        self._beating.start()

    @property
    def cores(self) -> int:
        """Cores of the largest node, as far as the options tell."""
        return count_cores() if self._local else self._most_cpus

    def slots(self, at_once: int | None) -> Slots:
        """Leave all sharing to Slurm, as ``Engine`` has it; ``local`` has none."""
        if self._local:
            return Slots(cores=self.cores, gpus=list_gpus(), at_once=at_once)
        return Slots(cores=sys.maxsize, gpus=(), at_once=at_once)

    def run(
        self,
        stage: Stage,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None],
    ) -> int:
        """Run a command as a job, as ``Engine`` has it."""
        files = self._folder / uuid.uuid4().hex
        cpus = min(stage.cpus, self._most_cpus)
        if cpus < stage.cpus and not self._local:
            self._warn(f"{stage.name} asks for {stage.cpus} cores, and gets {cpus}, as `cpus` says")
        work = SlurmStage(
            list(command), str(cwd), dict(environment), cpus, str(files), self._silence
        )
        with self._submitted(stage, work) as job:
            lines = _Lines(Path(f"{files}.out"))
            code = self._wait(job, Path(f"{files}.code"), lambda: lines.tell(say))
            lines.tell(say, last=True)
        return code

    def close(self) -> None:
        """End all jobs, as ``Engine`` has it."""
        with self._lock:
            self._closed.set()
            self._alive.unlink(missing_ok=True)
            jobs = dict(self._jobs)
        for files, job in jobs.items():
            if not Path(f"{files}.out").exists():  # it has not begun
                _cancel(job)
        deadline = time.monotonic() + _PATIENCE
        while self._jobs and time.monotonic() < deadline:
            time.sleep(_BETWEEN_LOOKS)
        for job in dict(self._jobs).values():
            _cancel(job)
        self._beating.join()
        if not self._jobs:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _beat(self) -> None:
        while not self._closed.wait(_BETWEEN_BEATS):
            with self._lock, contextlib.suppress(OSError):
                if not self._closed.is_set():
                    os.utime(self._alive)

    @contextlib.contextmanager
    def _submitted(self, stage: Stage, work: SlurmStage) -> Iterator[Any]:
        with self._lock:
            if self._closed.is_set():
                raise EngineError("not started, all is being stopped")
            try:
                job = self._executor(work.environment, stage).submit(work)
            except (RuntimeError, OSError) as error:
                raise EngineError(f"Slurm does not take its job: {error}") from error
            self._jobs[work.files] = job
        try:
            yield job
        finally:
            del self._jobs[work.files]

    def _wait(self, job: Submitit, code: Path, look: Callable[[], None]) -> int:
        """Wait for the end of a job, and return the exit code that it wrote."""
        asked = time.monotonic()
        missed = 0
        while not code.exists():
            look()
            time.sleep(_BETWEEN_LOOKS)
            between = _BETWEEN_LOOKS if self._local else _BETWEEN_QUESTIONS
            if time.monotonic() - asked < between:
                continue
            asked = time.monotonic()
            # For submitit a job that was preempted goes on.
            missed = missed + 1 if job.done(force_check=True) or _is_lost(job) else 0
            if missed == _TIMES_TO_MISS:
                lost = _is_lost(job)
                _cancel(job)  # Slurm may have put it back into its queue
                raise (LostPlaceError if lost else EngineError)(
                    f"its job {job.job_id} ended without an exit code ({job.state}); "
                    f"{self._words_of(job)}"
                )
        return int(code.read_text(encoding="utf-8"))

    def _words_of(self, job: Submitit) -> str:
        """Return where a job says what happened to it, or why it says nothing."""
        if job.paths.stderr.exists():
            return f"Slurm's words are in {job.paths.stderr}"
        return (
            f"its node left nothing in {self._folder}: expected one that sees this folder and "
            f"{sys.executable} at the same paths"
        )

    def _executor(self, environment: Mapping[str, str], stage: Stage) -> Submitit:
        """Return what submits a job for ``stage``."""
        code = str(Path(__file__).parents[3])
        path = os.pathsep.join([code, *filter(None, [os.environ.get("PYTHONPATH")])])
        python = f"env PYTHONPATH={shlex.quote(path)} {shlex.quote(sys.executable)}"
        make = self._submitit.LocalExecutor if self._local else self._submitit.SlurmExecutor
        try:
            executor = make(self._folder, max_num_timeout=_REQUEUES, python=python)
            executor.update_parameters(**self._parameters(stage, bool(environment)))
        except (RuntimeError, ValueError, TypeError) as error:
            first = str(error).strip().partition("\n")[0]
            raise EngineError(f"the engine 'slurm': {first}") from error
        return executor

    def _parameters(self, stage: Stage, named: bool) -> dict[str, Any]:
        minutes = _number("time", self._options["time"])
        others = {key: _typed(text) for key, text in self._options.items() if key not in _OURS}
        if self._local:
            return {"timeout_min": minutes, **others}
        parameters: dict[str, Any] = {
            "job_name": stage.name if named else "restore",
            "time": math.ceil(minutes),
            "cpus_per_task": min(stage.cpus, self._most_cpus),
        }
        gpus = min(math.ceil(stage.gpus), self._most_gpus)
        if gpus:
            parameters["gpus_per_node"] = gpus
        if stage.memory:
            parameters["mem"] = f"{math.ceil(stage.memory * 1024)}M"
        return {**parameters, "additional_parameters": {"requeue": True}, **others}


class _Lines:
    """The lines of a file that another machine goes on writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._rest = b""

    def tell(self, say: Callable[[str], None], *, last: bool = False) -> None:
        """Say what is new, in whole lines; with ``last`` also a line without its end."""
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
            self._read += len(new)
            *lines, self._rest = (self._rest + new).split(b"\n")
            for line in lines:
                say(line.decode(errors="replace"))
        if last and self._rest:
            say(self._rest.decode(errors="replace"))


def _load(cluster: str) -> Submitit:
    if cluster not in ("slurm", "local"):
        raise EngineError(f"cluster: expected slurm or local, came '{cluster}'")
    try:
        import submitit
    except ImportError as error:
        raise EngineError(
            "the engine 'slurm' needs submitit: pip install --constraint .ci/constraints.txt "
            "--editable '.[cluster]'"
        ) from error
    if cluster == "slurm" and shutil.which("sbatch") is None:
        raise EngineError(
            "Slurm's `sbatch` is not here: start the run on a login node of the cluster, or try "
            "it with --engine-options cluster=local"
        )
    return submitit


def _end_left_jobs(jobs: Path, warn: Callable[[str], None]) -> None:
    """End what a run that was killed has left, before the same stages begin anew."""
    for alive in jobs.glob(f"*/{ALIVE}"):
        warn("jobs of a run that was killed are ended first")
        alive.unlink(missing_ok=True)
        deadline = time.monotonic() + _PATIENCE
        while _unended(alive.parent) and time.monotonic() < deadline:
            time.sleep(_BETWEEN_LOOKS)
    for folder in jobs.glob("*"):
        if not _unended(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _unended(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.out") if _is_ours(path)]


def _is_ours(path: Path) -> bool:
    """Tell whether a file of lines is that of a job without an exit code; submitit has others."""
    return "_log" not in path.name and not path.with_suffix(".code").exists()


def _is_lost(job: Submitit) -> bool:
    return str(job.state).partition(" ")[0] in _LOST


def _cancel(job: Submitit) -> None:
    with contextlib.suppress(Exception):  # a job that has ended by itself
        job.cancel(check=False)


def _typed(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _number(name: str, text: str, *, whole: bool = False) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if whole and math.isinf(value):
        return sys.maxsize
    if not 0 <= value < math.inf or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise EngineError(f"{name}: expected {kind} of at least 0, came '{text}'")
    return value
