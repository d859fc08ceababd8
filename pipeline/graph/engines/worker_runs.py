"""Runs of the workers' flow, as the machine that leads sees them through Prefect's server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import LogSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling, Crashed

from pipeline.graph.engines.addresses import without_password
from pipeline.graph.engines.engine import EngineError, LostPlaceError
from pipeline.graph.engines.worker_flow import ALIVE, STAGE_LOGGER

_LINES_AT_ONCE = 200


@dataclass(frozen=True)
class Look:
    """What is known of a run at one moment."""

    state: str
    """As Prefect names the type of a state: SCHEDULED, PENDING, RUNNING, COMPLETED ..."""
    message: str
    sign: object
    """Another one whenever its worker has given a sign of life."""
    name: str = ""
    """Of the state, which tells one failure from another."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will become of it any more."""
        return self.state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class WorkerRuns:
    """The runs of one deployment.

    Args:
        client: Of Prefect's server.
        deployment: As Prefect names it, ``flow/name``.
    """

    def __init__(self, client: SyncPrefectClient, deployment: str) -> None:
        self._client = client
        self._deployment = deployment
        self._lines_read: dict[UUID, int] = {}

    @property
    def pool(self) -> str:
        """Return the name of the work pool that runs it.

        Raises:
            EngineError: The server does not know of the deployment.
        """
        return str(self._find().work_pool_name)

    @property
    def workers(self) -> list[str]:
        """Return the names of the workers that are there now."""
        found = self._client.read_workers_for_work_pool(self.pool)
        return [str(worker.name) for worker in found if worker.status == "ONLINE"]

    def ask(self, parameters: Mapping[str, Any]) -> UUID:
        """Ask for a run of the flow, and return what identifies it."""
        found = self._find()
        run = self._client.create_flow_run_from_deployment(
            found.id, parameters=dict(parameters), name=parameters["stage"]
        )
        identity: UUID = run.id
        return identity

    def look(self, run: UUID) -> Look:
        """Return what is known of a run now."""
        found = self._client.read_flow_run(run)
        state = found.state
        return Look(
            state="PENDING" if state is None else str(state.type.value),
            message="" if state is None else str(state.message or state.name),
            sign=(None if state is None else state.id, (found.labels or {}).get(ALIVE)),
            name="" if state is None else str(state.name),
        )

    def news(self, run: UUID) -> list[str]:
        """Return the lines of a run's stage that came since the last call."""
        lines: list[str] = []
        while True:
            read = self._lines_read.get(run, 0)
            logs = self._client.read_logs(
                LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])),
                limit=_LINES_AT_ONCE,
                offset=read,
                sort=LogSort.TIMESTAMP_ASC,
            )
            self._lines_read[run] = read + len(logs)
            lines += [log.message for log in logs if log.name.endswith(f".{STAGE_LOGGER}")]
            if len(logs) < _LINES_AT_ONCE:
                return lines

    def cancel(self, run: UUID) -> None:
        """Have the worker end a run."""
        why = "the run that asked for it has ended"
        look = self.look(run)
        if look.state == "SCHEDULED":
            self._set(run, Cancelled(message=why))
        elif not look.has_ended:
            self._set(run, Cancelling(message=why))

    def give_up(self, run: UUID, why: str) -> None:
        """Note that a run has no worker any more."""
        self._set(run, Crashed(message=why))

    def _set(self, run: UUID, state: State[Any]) -> None:
        self._client.set_flow_run_state(run, state, force=state.type == StateType.CRASHED)

    def _find(self) -> DeploymentResponse:
        try:
            return self._client.read_deployment_by_name(self._deployment)
        except ObjectNotFound as error:
            raise EngineError(
                f"Prefect's server at {self._client.api_url} knows of no {self._deployment}: set "
                "PREFECT_API_URL to the server that the workers ask, and "
                "`prefect deploy --name worker`"
            ) from error


@contextmanager
def open_worker_runs(deployment: str) -> Iterator[WorkerRuns]:
    """Yield the runs of a deployment, at the server that Prefect is set to.

    Raises:
        EngineError: The server does not answer, refuses, or knows no more of what is asked.
    """
    address = ""
    try:
        with get_client(sync_client=True) as client:
            address = str(client.api_url)
            yield WorkerRuns(client, deployment)
    except (httpx.HTTPError, ObjectNotFound) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        lost = isinstance(error, httpx.TransportError)
        raise (LostPlaceError if lost else EngineError)(
            without_password(
                f"Prefect's server at {address} does not answer as expected: {said}; see whether "
                "it runs, and PREFECT_API_URL"
            )
        ) from error
