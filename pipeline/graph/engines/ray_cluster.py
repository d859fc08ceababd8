"""Stages on the nodes of a Ray cluster that share a file system: the only door to Ray."""

import contextlib
import math
import os
import platform
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.graph.dag import Stage
from pipeline.graph.engines.engine import EngineError, LostPlaceError
from pipeline.graph.engines.node_facts import NodeFacts, find_fault
from pipeline.graph.engines.ray_stage import RayStage
from pipeline.graph.engines.sharing import Share, cut_to_fit
from pipeline.graph.slots import Slots
from pipeline.graph.supervise import GRACE

Ray = Any
"""What comes from Ray, which is not installed everywhere and has no types here."""

_GIB = 2**30
_PATIENCE_TO_CONNECT = 5.0
_PATIENCE_TO_PROBE = 90.0
_BETWEEN_LOOKS = 30.0
"""Seconds between two looks whether a stage that waits still fits on a node."""

_TRAVELS = ("RESTORE_", "DVC_", "MLFLOW_")
"""Beginnings of the variables that are set here and that stages are to have on their nodes."""

_RUNTIME = {"RAY_kill_child_processes_on_worker_exit": "0"}
"""Without it Ray kills the supervisor of a stage, and nobody tells the stage to end."""


class RayEngine:
    """Runs each stage as an actor of Ray that holds its cores, GPUs and memory.

    Args:
        address: Host and port of the cluster's head, or ``auto`` on a machine of the cluster.
        root: Folder of the project, at the same path on all nodes.
        warn: Told of stages that get less than they ask for.

    Raises:
        EngineError: Ray is not installed, there is no cluster, or one of its nodes is not fit.
    """

    def __init__(self, address: str, *, root: Path, warn: Callable[[str], None]) -> None:
        self._ray = _connect(address)
        self._warn = warn
        self._changed = threading.Condition()
        self._running: dict[Any, bool] = {}
        """Whether each actor has begun."""
        self._closed = False
        try:
            _examine_nodes(self._ray, root)
        except BaseException:
            self._ray.shutdown()
            raise

    @property
    def cores(self) -> int:
        """Cores of the largest node."""
        return int(max((node.cores for node in self._nodes()), default=1))

    def slots(self, at_once: int | None) -> Slots:
        """Leave all sharing to Ray, as ``Engine`` has it."""
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
        """Run a command on a node, as ``Engine`` has it."""
        share = self._share(stage)
        travels = {key: value for key, value in os.environ.items() if key.startswith(_TRAVELS)}
        errors = self._ray.exceptions
        try:
            with self._actor(share) as actor:
                items = actor.run.options(num_returns="streaming").remote(
                    list(command), str(cwd), {**travels, **environment}, int(share.cores)
                )
                self._wait_for_room(stage, share, items)
                code = None
                for item in items:
                    code = self._take(actor, self._ray.get(item), say)
        except errors.RayTaskError as error:
            raise EngineError(f"its node cannot run it: {cause_of(error, in_code=True)}") from error
        except errors.RayError as error:
            cause = cause_of(error, in_code=False)
            # What took too much memory, or cannot be placed, would do so again.
            gone = (
                *(errors.RayActorError, errors.WorkerCrashedError, errors.NodeDiedError),
                *(errors.LocalRayletDiedError, errors.ObjectLostError, errors.RpcError),
            )
            raise (LostPlaceError if isinstance(error, gone) else EngineError)(
                f"its node was lost, or Ray ended it: {cause}; `restore run` goes on with it"
            ) from error
        if code is None:
            raise EngineError("Ray did not say how it ended; look into the logs of its node")
        return code

    def close(self) -> None:
        """End all stages, as ``Engine`` has it, and leave the cluster."""
        with self._changed:
            self._closed = True
            running = dict(self._running)
        for actor, begun in running.items():
            if begun:
                actor.stop.remote()
            else:
                self._ray.kill(actor)
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout=2 * GRACE)
        self._ray.shutdown()

    def _nodes(self) -> list[Share]:
        return [_share_of(node) for node in _nodes_that_compute(self._ray)]

    def _share(self, stage: Stage) -> Share:
        nodes = self._nodes()
        if not nodes:
            raise EngineError("no node of the cluster is left that has a core to compute with")
        share = cut_to_fit(stage, nodes)
        # As on one machine, a stage that can use a GPU runs without where there is none.
        wanted = Share(stage.cpus, stage.gpus if share.gpus else 0.0, stage.memory)
        if share != wanted:
            self._warn(f"{stage.name} asks for {wanted}; the largest node leaves it {share}")
        return share

    @contextlib.contextmanager
    def _actor(self, share: Share) -> Iterator[Any]:
        make = self._ray.remote(RayStage).options(
            num_cpus=share.cores,
            num_gpus=share.gpus,
            memory=math.floor(share.memory * _GIB) or None,
            max_concurrency=2,  # it is told to stop while it runs
            max_restarts=0,
        )
        with self._changed:
            if self._closed:
                raise EngineError("not started, all is being stopped")
            actor = make.remote()
            self._running[actor] = False
        try:
            yield actor
        finally:
            self._ray.kill(actor)  # what it held is free at once
            with self._changed:
                del self._running[actor]
                self._changed.notify_all()

    def _wait_for_room(self, stage: Stage, share: Share, items: Ray) -> None:
        """Wait until a stage has begun, as long as there is a node that it fits on."""
        while not self._ray.wait([items], timeout=_BETWEEN_LOOKS)[0]:
            if not any(_fits(share, node) for node in self._nodes()):
                raise EngineError(f"no node is left that has {share} for {stage.name}")

    def _take(self, actor: Ray, item: str | int | None, say: Callable[[str], None]) -> int | None:
        """Do with what came from a stage what is due, and return it if it is the exit code."""
        if item is None:
            with self._changed:
                self._running[actor] = True
                if self._closed:
                    actor.stop.remote()
        elif isinstance(item, str):
            say(item)
        else:
            return item
        return None


def _connect(address: str) -> Ray:
    """Join a cluster, and return the module of Ray."""
    try:
        import ray
    except ImportError as error:
        raise EngineError(
            "the engine 'ray' needs Ray: pip install --constraint .ci/constraints.txt "
            "--editable '.[cluster]'"
        ) from error
    if address != "auto":
        _knock(address, ray.util.get_node_ip_address())
    code = str(Path(__file__).parents[3])
    paths = [code, *filter(None, [os.environ.get("PYTHONPATH")])]
    on_end = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": {**_RUNTIME, "PYTHONPATH": os.pathsep.join(paths)}},
        )
        with contextlib.suppress(ValueError):  # of another thread than the first one
            signal.signal(signal.SIGTERM, on_end)  # Ray has put its own in its place
    except (ConnectionError, RuntimeError, ValueError) as error:
        first = " ".join(str(error).split())
        if "ersion mismatch" in first:
            raise EngineError(f"the cluster at {address} has other versions: {first}") from error
        raise EngineError(f"no Ray cluster can be joined at {address}: {first}") from error
    return ray


def _knock(address: str, own: str) -> None:
    """See that something listens at an address, where Ray would try for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or "/" in host or not port.isdecimal():
        raise EngineError(
            f"address: expected HOST:PORT of the head of a Ray cluster, or auto, came '{address}'"
        )
    if host in ("localhost", "127.0.0.1"):  # Ray puts its own idea of this machine there
        host = own
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise EngineError(
            f"no Ray cluster answers at {host}:{port} ({error}); start one there with "
            f"`ray start --head --port {port}`, or give the address that it printed"
        ) from error


def _nodes_that_compute(ray: Ray) -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]


def _share_of(node: dict[str, Any]) -> Share:
    has = node["Resources"]
    return Share(has["CPU"], has.get("GPU", 0.0), has.get("memory", 0.0) / _GIB)


def _fits(share: Share, node: Share) -> bool:
    return share.cores <= node.cores and share.gpus <= node.gpus and share.memory <= node.memory


def _examine_nodes(ray: Ray, root: Path) -> None:
    """Refuse a cluster with a node that has other versions, or does not see the project."""
    nodes = _nodes_that_compute(ray)
    if not nodes:
        raise EngineError("no node of the cluster has a core to compute with")
    ours = NodeFacts(
        "here", ".".join(platform.python_version_tuple()[:2]), ray.__version__, True, True
    )
    token = uuid.uuid4().hex
    probe = root / ".restore" / f"probe-{token}"
    probe.parent.mkdir(exist_ok=True)
    probe.write_text(token, encoding="utf-8")
    try:
        for node, facts in _ask_nodes(ray, nodes, probe).items():
            answered = probe.with_name(f"{probe.name}-{node}")
            shared = facts.shares_files and _appears(answered)
            fault = find_fault(
                ours,
                replace(facts, shares_files=shared),
                program=sys.executable,
                folder=str(root),
            )
            if fault:
                raise EngineError(fault)
    finally:
        for path in probe.parent.glob(f"{probe.name}*"):
            path.unlink(missing_ok=True)


def _ask_nodes(ray: Ray, nodes: list[dict[str, Any]], probe: Path) -> dict[str, NodeFacts]:
    """Return what each node says, by its identity."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Cut off from this module, which a node may not have.
    look = ray.remote(num_cpus=0, max_retries=0)(_make_look())
    asked = {
        node["NodeID"]: look.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(str(probe), node["NodeID"], sys.executable)
        for node in nodes
    }
    done, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=_PATIENCE_TO_PROBE)
    found = {}
    for node in nodes:
        host = node["NodeManagerAddress"]
        answer = asked[node["NodeID"]]
        try:
            if answer not in done:
                raise EngineError(f"{host} did not answer in {_PATIENCE_TO_PROBE:.0f} s")
            python, engine, has_python, shares_files = ray.get(answer)
        except ray.exceptions.RayError as error:
            cause = cause_of(error, in_code=isinstance(error, ray.exceptions.RayTaskError))
            raise EngineError(f"{host} cannot run anything: {cause}") from error
        found[node["NodeID"]] = NodeFacts(host, python, engine, has_python, shares_files)
    return found


def cause_of(error: Exception, *, in_code: bool) -> str:
    """Return the line of an error of Ray that says what happened.

    Args:
        error: Its text may be empty.
        in_code: The code that Ray ran has raised it; what Ray says ends with the cause then, and
            begins with it otherwise.
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1 if in_code else 0].strip()


def _make_look() -> Callable[[str, str, str], tuple[str, str, bool, bool]]:
    def look(probe: str, node: str, program: str) -> tuple[str, str, bool, bool]:
        import pathlib
        import platform

        import ray

        file = pathlib.Path(probe)
        try:
            shared = file.read_text() == file.name.removeprefix("probe-")
            file.with_name(f"{file.name}-{node}").touch()
        except OSError:
            shared = False
        python = ".".join(platform.python_version_tuple()[:2])
        return python, ray.__version__, pathlib.Path(program).exists(), shared

    return look


def _appears(path: Path, seconds: float = 5.0) -> bool:
    """Tell whether a file that another machine has written is here, or comes soon."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
