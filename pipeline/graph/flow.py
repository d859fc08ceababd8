"""Prefect flow that brings the whole graph up to date, stages side by side.

The only door to Prefect. The flow knows no stage by name: DVC says what is out of date and runs
it; Prefect shows progress, keeps the logs and can be asked from elsewhere. Every stage that
runs is one task.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock, Timeout
from prefect import flow, get_client, get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun, ObjectNotFound
from prefect.futures import PrefectFuture
from prefect.runner import Runner
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.types.entrypoint import EntrypointType
from pydantic import Field

from pipeline.checking.params_file import ParamsError
from pipeline.graph import dag
from pipeline.graph.attempts import (
    UNATTENDED_RETRIES,
    Attempts,
    Fault,
    PauseError,
    read_first_pause,
)
from pipeline.graph.engines import OUT_OF_TIME
from pipeline.graph.engines.choosing import open_engine
from pipeline.graph.engines.engine import Engine, EngineError
from pipeline.graph.fanout import Ended, Fanout
from pipeline.graph.launch import open_launch
from pipeline.graph.left_stale import describe_left_stale
from pipeline.graph.lost_server import LostServer
from pipeline.graph.prefect_pages import (
    describe,
    door,
    first_line,
    rename_run,
    show_failure,
    show_plan,
    show_report,
    show_results,
    show_tracker,
    showing_progress,
)
from pipeline.graph.printed_lines import PrintedLines
from pipeline.graph.project import ProjectError, find_root
from pipeline.graph.supervise import TIMED_OUT
from pipeline.running.passing import MAY_PASS, PassingError
from pipeline.running.progress_file import PROGRESS_VARIABLE
from pipeline.running.workers import CORES_VARIABLE

DEPLOYMENT = "train-all"

_SECONDS_BETWEEN_QUERIES = 2.0
_LINES_IN_STATE = 4


def _is_news(record: logging.LogRecord) -> bool:
    """Tell Prefect's traceback after a failed run, which says nothing new, from other records."""
    return record.exc_info is None or record.exc_info[0] is not FailedRun


def _without_empty_traceback(record: logging.LogRecord) -> bool:
    """Take from a record the traceback of no exception, which is printed as "NoneType: None"."""
    if record.exc_info == (None, None, None):
        record.exc_info = None
    return True


logging.getLogger("prefect.flow_runs").addFilter(_is_news)
logging.getLogger("prefect.task_runs").addFilter(_without_empty_traceback)
# They write pages when the server is gone, which ``lost_server`` says in a sentence.
for _name in ("prefect.events.clients", "prefect._internal.concurrency"):
    logging.getLogger(_name).addFilter(lambda _record: False)


_when_known: ContextVar[Callable[[bool, str], None]] = ContextVar(
    "when_known", default=lambda _well, _message: None
)
"""Who is told what came of the run, in the process that waits for it."""


class BusyError(RuntimeError):
    """Another run of the same project is going on."""


@flow(name="restore", flow_run_name=door, task_runner=ThreadPoolTaskRunner())  # type: ignore[arg-type]
def restore(
    experiments: list[str] | None = None,
    parallel: Annotated[int, Field(ge=1)] | None = None,
    keep_going: bool = True,
    force: bool = False,
    engine: str = "local",
    engine_options: dict[str, str] | None = None,
    hours: Annotated[float, Field(gt=0)] | None = None,
    retries: Annotated[int, Field(ge=0)] = 0,
) -> State[None]:
    """Bring the experiments of the project in the current folder up to date.

    Args:
        experiments: Which ones, by their keys in params.yaml (names of stages are accepted
            too); all when left out. What they need is brought up to date with them, and so is
            the report, which shows the others as they are.
        parallel: How many stages may run at once, cores and GPUs permitting; as many as they
            permit when left out.
        keep_going: After a failure, still run the stages that do not need the failed one.
        force: Run the stages even if they are up to date.
        engine: What runs the commands of the stages: this machine, or a cluster.
        engine_options: What that is to know, such as the ``address`` of a cluster.
        hours: How long the run may take: then its stages write their checkpoints and end, and the
            next run goes on with them. As long as it likes when left out.
        retries: How often a stage is tried again whose failure has its cause outside, such as a
            server of images that does not answer, or a node that is lost.
    """
    served = bool(runtime.deployment.name)  # the server, which may be gone later, is asked for it
    root = None
    try:
        root = find_root(Path.cwd())
        attempts = Attempts(retries, hours, read_first_pause())
        with _one_run_at_a_time(root):
            at = partial(open_engine, engine, engine_options or {}, root=root)
            state = _bring_up_to_date(root, experiments, parallel, keep_going, force, attempts, at)
    except (
        ProjectError,
        dag.GraphError,
        dag.UnknownStageError,
        ParamsError,
        BusyError,
        EngineError,
        PauseError,
        OSError,
    ) as error:
        state = Failed(message=str(error))
    well, message = _in_words(state)
    _when_known.get()(well, message)
    if served:
        LostServer(PREFECT_API_URL.value(), ours=False).watch(0 if well else 1, message)
    if root is not None:
        show_results(root, get_run_logger().warning)
        show_report(root, get_run_logger().warning)
    return state


def run_here(
    experiments: list[str] | None,
    *,
    parallel: int | None,
    keep_going: bool,
    force: bool,
    engine: str,
    engine_options: dict[str, str],
    hours: float | None,
    retries: int,
    when_known: Callable[[bool, str], None],
) -> tuple[bool, str]:
    """Run the flow in this process.

    Args:
        experiments: As for ``restore``, like the others.
        parallel: Limit on the stages at once.
        keep_going: Whether a failure leaves the other stages going.
        force: Whether to run what is up to date.
        engine: What runs the commands of the stages.
        engine_options: What that is to know.
        hours: How long the run may take.
        retries: How often a stage is tried again whose failure has its cause outside.
        when_known: Told what is returned, before Prefect records it, which may take long.

    Returns:
        Whether all went well, and what came of it in words.
    """
    _when_known.set(when_known)
    try:
        asked = (experiments, parallel, keep_going, force, engine, engine_options, hours, retries)
        return _in_words(restore(*asked, return_state=True))
    except Exception as error:  # of Prefect itself: what the flow raises is in its state
        why = first_line(error)
        return False, f"Prefect does not run the stages: {why}; see to its server, and try again"


def _in_words(state: State[Any]) -> tuple[bool, str]:
    return state.is_completed(), state.message or str(state.name)


def serve_deployment(announce: Callable[[], None]) -> None:
    """Offer the flow to the Prefect server as ``restore/train-all``, until interrupted.

    Args:
        announce: Called when the server knows of the deployment.
    """
    # Two runs of one project would be in each other's way, so the second waits.
    runner = Runner(query_seconds=_SECONDS_BETWEEN_QUERIES, limit=1)
    deployment: Any = restore.to_deployment(
        DEPLOYMENT,
        entrypoint_type=EntrypointType.MODULE_PATH,
        parameters={"retries": UNATTENDED_RETRIES},
    )
    # Offering a deployment again would take away what was added to it since.
    deployment.schedules = _schedules_of(f"{restore.name}/{DEPLOYMENT}")
    runner.add_deployment(deployment)
    announce()
    asyncio.run(runner.start())


def _schedules_of(deployment: str) -> list[DeploymentScheduleCreate]:
    """Return the schedules that the server has for a deployment; none if it does not know it."""
    kept = set(DeploymentScheduleCreate.model_fields)
    with get_client(sync_client=True) as client:
        try:
            known = client.read_deployment_by_name(deployment).schedules
        except ObjectNotFound:
            return []
    return [DeploymentScheduleCreate(**one.model_dump(include=kept)) for one in known]


@task(task_run_name="{stage.name}", cache_policy=NO_CACHE, persist_result=False)
def reproduce(
    stage: dag.Stage,
    root: Path,
    force: bool,
    environment: Mapping[str, str],
    engine: Engine,
    attempts: Attempts,
) -> State[None]:
    """Bring one stage up to date; the stages that it needs are so already.

    Args:
        stage: Which one.
        root: Folder of the project.
        force: Run it even if DVC finds it up to date.
        environment: Variables to add to those of a child.
        engine: Runs it, and ends it when the flow ends.
        attempts: How often, and how long.
    """
    once = partial(_reproduce_once, stage, root, force, environment, engine, attempts)
    # Not Prefect's own retries, whose pauses nobody could end.
    fault = attempts.make(once, get_run_logger().warning)
    if fault is None:
        return Completed(message="up to date")
    return Failed(name=OUT_OF_TIME if fault.out_of_time else "Failed", message=fault.message)


def _reproduce_once(
    stage: dag.Stage,
    root: Path,
    force: bool,
    environment: Mapping[str, str],
    engine: Engine,
    attempts: Attempts,
) -> Fault | None:
    logger = get_run_logger()
    if attempts.seconds_for(stage) <= 0:
        return Fault(f"it was not begun: {attempts.why_over(stage)}", out_of_time=True)
    command = [
        sys.executable,
        "-m",
        "pipeline.graph.unhurried_dvc",
        "--wait-for-lock",
        "repro",
        "--single-item",
        stage.name,
    ]
    if force:
        command.append("--force")
    progress = root / ".restore" / "progress" / f"{stage.name}.json"
    printed = PrintedLines()

    def say(line: str) -> None:
        if printed.hear(line):
            logger.info(line.rstrip())

    variables = {
        **environment,
        **attempts.environment(stage),
        PROGRESS_VARIABLE: str(progress),
    }
    try:
        with showing_progress(stage.name, progress, logger.warning):
            code = engine.run(stage, command, cwd=root, environment=variables, say=say)
    except EngineError as error:
        return attempts.judge(stage, Fault(str(error), isinstance(error, PassingError)))
    if code == TIMED_OUT:
        return attempts.out_of_time(stage)
    if code:
        code = code if printed.exit_code is None else printed.exit_code
        show_failure(stage.name, code, printed.lines, logger.warning)
        fault = [f"exit code {code}; the end of its output:", *printed.lines[-_LINES_IN_STATE:]]
        return attempts.judge(stage, Fault("\n".join(fault), may_pass=code == MAY_PASS))
    return None


@contextmanager
def _one_run_at_a_time(root: Path) -> Iterator[None]:
    lock = FileLock(root / ".restore" / "run.lock", timeout=0)
    Path(lock.lock_file).parent.mkdir(exist_ok=True)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"the project in {root} is busy: another run is at work on it; wait for it, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _bring_up_to_date(
    root: Path,
    experiments: list[str] | None,
    parallel: int | None,
    keep_going: bool,
    force: bool,
    attempts: Attempts,
    open_engine_of_run: Callable[..., Engine],
) -> State[None]:
    logger = get_run_logger()
    whole = dag.read_mended_graph(root, logger.warning)
    graph = whole if experiments is None else dag.select(whole, experiments)
    full = {} if force else dag.lost_to_cache(root, dag.uncached(root, graph))
    if full:
        return Failed(message="\n".join(f"{name}: {fault}" for name, fault in full.items()))
    if force:
        stages = {name: replace(stage, stale=("forced",)) for name, stage in graph.items()}
    else:
        stages = dag.affected(graph)
    if not stages:
        message = f"nothing to do: all {len(graph)} stages are up to date"
        return Completed(message=_with(message, describe_left_stale(whole, graph)))

    rename_run(describe(list(stages)), logger.warning)
    show_plan(stages, logger.warning)
    show_tracker(logger.warning)
    engine = open_engine_of_run(warn=logger.warning)
    with open_launch(root, door=door(), warn=logger.warning) as launch, closing(engine):
        submitted: dict[str, PrefectFuture[Any]] = {}
        cores = engine.cores

        def start(stage: dag.Stage, gpus: tuple[str, ...], ended: Ended) -> None:
            granted = {CORES_VARIABLE: str(min(stage.cpus, cores))}
            if gpus:
                granted["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
            for folder in stage.gathers:  # DVC runs no stage that lacks one
                folder.mkdir(parents=True, exist_ok=True)
            future = reproduce.submit(
                stage=stage,
                root=root,
                force=force,
                environment=launch.environment | granted,
                engine=engine,
                attempts=attempts,
                return_state=False,
                wait_for=[submitted[needed] for needed in stage.needs if needed in submitted],
            )
            submitted[stage.name] = future
            future.add_done_callback(lambda _: ended(_fault(future)))

        fanout = Fanout(
            stages,
            slots=engine.slots(parallel),
            keep_going=keep_going,
            start=start,
            recheck=lambda names: dag.why_stale(root, names),
        )
        try:
            with attempts.ending(engine.close):
                fanout.run()
        finally:
            attempts.over.set()
        fanout.failed |= dag.lost_to_cache(root, fanout.ran)
        launch.succeeded = not fanout.failed
    # Only now is it known what became of the stages that follow.
    left = "" if experiments is None else describe_left_stale(dag.read_graph(root), graph)
    return (Failed if fanout.failed else Completed)(message=_with(fanout.summary(), left))


def _with(message: str, more: str) -> str:
    return f"{message}\n{more}" if more else message


def _fault(future: PrefectFuture[Any]) -> str | None:
    """Return what went wrong with a task that has ended."""
    future.wait()
    if future.state.is_completed():
        return None
    return future.state.message or str(future.state.name)
