"""What the machine that leads does with what Prefect's server says of its runs."""

import os
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Failed, Scheduled

from pipeline.graph.dag import Stage
from pipeline.graph.engines import MAY_COMPUTE, worker_runs
from pipeline.graph.engines.engine import EngineError
from pipeline.graph.engines.remote_workers import RemoteWorkers
from pipeline.graph.engines.worker_flow import STAGE_LOGGER
from pipeline.graph.engines.worker_runs import open_worker_runs
from tests.shared_toy import make_shared_toy
from tests.toy import free_port

_PATIENCE = 5


class Server:
    """A client of Prefect whose server has one run."""

    api_url = "http://example.com/api"

    def __init__(self, state: Any, logs: list[Any], on_ask: Callable[[], None]) -> None:
        self.state = state
        self.logs = logs
        self.on_ask = on_ask
        self.looks = 0

    def read_deployment_by_name(self, name: str) -> Any:
        return SimpleNamespace(id=uuid4(), work_pool_name="pool", name=name)

    def read_workers_for_work_pool(self, pool: str) -> list[Any]:
        return [SimpleNamespace(name=pool, status="ONLINE")]

    def create_flow_run_from_deployment(self, *_: object, **__: object) -> Any:
        self.on_ask()
        return SimpleNamespace(id=uuid4())

    def read_flow_run(self, run: object) -> Any:
        self.looks += 1
        if self.looks > _PATIENCE:
            raise TimeoutError(f"nobody ends {run}")
        return SimpleNamespace(state=self.state, labels={})

    def read_logs(self, _: object, *, limit: int, offset: int, sort: object) -> list[Any]:
        assert sort
        return self.logs[offset : offset + limit]

    def set_flow_run_state(self, run: object, state: Any, force: bool) -> None:
        assert run
        assert not force
        self.state = state


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server whose run nobody has begun."""
    found = Server(Scheduled(), [], lambda: None)
    monkeypatch.setattr(worker_runs, "get_client", lambda **_: nullcontext(found))
    return found


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project that workers can have."""
    monkeypatch.delenv(MAY_COMPUTE, raising=False)
    return make_shared_toy(tmp_path)


def run(engine: RemoteWorkers, root: Path, say: Callable[[str], None]) -> int:
    stage = Stage("seed", (), 1, 0, (), ())
    return engine.run(stage, [sys.executable], cwd=root, environment={}, say=say)


def test_all_lines_of_a_stage_that_failed_are_said_and_nothing_of_it_stays(
    head: Path, server: Server
) -> None:
    server.state = Failed(message="exit code 1")
    names = ["flow_runs"] * 250 + [f"flow_runs.{STAGE_LOGGER}"] * 450
    server.logs = [SimpleNamespace(name=name, message=str(at)) for at, name in enumerate(names)]
    said: list[str] = []

    with closing(RemoteWorkers.open({}, root=head, warn=pytest.fail)) as engine:
        code = run(engine, head, said.append)

    assert code == 1
    assert said == [*map(str, range(250, 700)), "exit code 1"]
    assert not any((head.parent / "remote/restore").iterdir())


def test_a_run_that_is_asked_for_while_all_is_being_stopped_is_stopped_too(
    head: Path, server: Server
) -> None:
    engine = RemoteWorkers.open({}, root=head, warn=pytest.fail)
    server.on_ask = engine.close

    with pytest.raises(EngineError, match="told to stop"):
        run(engine, head, pytest.fail)

    assert server.state.name == "Cancelled"


def test_a_head_whose_server_is_gone_may_compute_again_when_it_is_closed(
    head: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = RemoteWorkers.open({}, root=head, warn=pytest.fail)

    closes = iter([engine.close])

    def be_gone(_: object) -> None:
        for close in closes:
            close()
        raise httpx.ConnectError("connection refused")

    monkeypatch.setattr(server, "read_flow_run", be_gone)
    with pytest.raises(EngineError, match="connection refused"):
        run(engine, head, pytest.fail)

    assert MAY_COMPUTE not in os.environ


def test_a_server_that_does_not_answer_is_named() -> None:
    address = f"http://somebody:hunter2@127.0.0.1:{free_port()}/api"

    with (
        temporary_settings({PREFECT_API_URL: address}),
        pytest.raises(EngineError, match=r"server at http://127\.0\.0\.1:.*PREFECT_API_URL"),
        open_worker_runs("restore-stage/worker") as runs,
    ):
        assert runs.pool
