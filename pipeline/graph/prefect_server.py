"""Prefect's own server on this machine: which address it has, whether it answers, starting it."""

import json
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Literal

from pipeline.graph.prefect_access import (
    HOST,
    client_environment,
    remember_server,
    running_server,
    server_environment,
)
from pipeline.graph.supervise import Children
from pipeline.running.environment import NO_TELEMETRY

STANDARD_PORT = 4200

# Without these `prefect deployment run --watch` shows states only, not what the stages say.
_LOGS_FOR_WATCHERS = {
    "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "true",
    "PREFECT_SERVER_LOGS_STREAM_PUBLISHING_ENABLED": "true",
}
_ANSWER_TIMEOUT = 3.0
_POLL = 0.1
_LINES_SHOWN = 12


class ServerError(RuntimeError):
    """Prefect's server cannot be started."""


def local_url(port: int) -> str:
    """Return the address of the API of a server on this machine."""
    return f"http://{HOST}:{port}/api"


def configured_port(root: Path) -> int:
    """Return the port that ``pyproject.toml`` names for Prefect's server.

    Raises:
        ServerError: Prefect, which reads that file too, could not.
    """
    settings = root / "pyproject.toml"
    try:
        tools = tomllib.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
        prefect = tools.get("tool", {}).get("prefect", {})
        url: str = prefect.get("api", {}).get("url", local_url(STANDARD_PORT))
        return urllib.parse.urlsplit(url).port or STANDARD_PORT
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ServerError(
            f"{settings}: expected TOML with the address of Prefect's API as tool.prefect.api.url, "
            f"or without one, came something else ({error}): mend it"
        ) from error


def who_answers(url: str) -> Literal["prefect", "nobody", "another"]:
    """Tell whether a Prefect server, nobody, or some other program is at an API's address.

    A server that wants a secret is a Prefect server too, whosever it is.
    """
    # A proxy meant for the internet must not be asked for this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/admin/version", timeout=_ANSWER_TIMEOUT) as answer:
            return "prefect" if isinstance(json.load(answer), str) else "another"
    except urllib.error.HTTPError as error:
        return "prefect" if _wants_secret(error) else "another"
    except urllib.error.URLError as error:
        nobody = isinstance(error.reason, ConnectionRefusedError | socket.gaierror)
        return "nobody" if nobody else "another"
    except (OSError, HTTPException, ValueError):
        return "another"


def _wants_secret(error: urllib.error.HTTPError) -> bool:
    try:
        return error.code == HTTPStatus.UNAUTHORIZED and "exception_message" in json.load(error)
    except ValueError:
        return False


def find_or_borrow(root: Path, children: Children) -> dict[str, str]:
    """Return the variables that lead to a server for one run.

    It is the one that the user chose by ``PREFECT_API_URL``, otherwise the project's own that
    runs, otherwise one just for the run.

    Args:
        root: Folder of the project.
        children: Ends the server that was started for the run.

    Raises:
        ServerError: None answers and none can be started, or ``pyproject.toml`` is broken.
    """
    configured_port(root)  # what Prefect says of a broken file is 80 lines long
    chosen = os.environ.get("PREFECT_API_URL")
    running = running_server(root)
    if chosen and chosen != running:
        return _choice_of_the_user(chosen)
    if running:
        return client_environment(root, running)
    port = _free_port()
    start_server(children, port=port, log=_log(root, "borrowed"), root=root, ui=False)
    return client_environment(root, local_url(port))


def use_or_start(
    root: Path, port: int | None, children: Children, say: Callable[[str], None]
) -> dict[str, str]:
    """Return the variables that lead to the project's own server, which is started if need be.

    Args:
        root: Folder of the project.
        port: Where it shall be; if None, where ``PREFECT_API_URL`` or ``pyproject.toml`` says, or
            on a free port if somebody else is at that of ``pyproject.toml``.
        children: Ends the server if it was started here.
        say: Told which port is taken instead of that of ``pyproject.toml``.

    Raises:
        ServerError: It runs on another port, the port belongs to somebody else, the server does
            not start, or ``pyproject.toml`` is broken.
    """
    configured = configured_port(root)
    chosen = os.environ.get("PREFECT_API_URL")
    running = running_server(root)
    if chosen and not port and chosen != running:
        return _choice_of_the_user(chosen)
    if running and port and running != local_url(port):
        raise ServerError(f"the project's server runs at {running} already; serve without --port")
    if running:
        return client_environment(root, running)
    place = port or configured
    who = who_answers(local_url(place))
    if who != "nobody":
        owner = "of another project or user" if who == "prefect" else "that is none of Prefect's"
        stranger = f"port {place} is taken by a server {owner}"
        if port:
            raise ServerError(f"{stranger}; take another one, or leave --port out")
        place = _free_port()
        say(f"{stranger}; taking port {place}")
    server = start_server(children, port=place, log=_log(root, str(place)), root=root, ui=True)
    remember_server(root, local_url(place), server.pid)
    return client_environment(root, local_url(place))


def _choice_of_the_user(url: str) -> dict[str, str]:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ServerError(
            f"PREFECT_API_URL: expected the address of a server's API, such as "
            f"{local_url(STANDARD_PORT)}, came '{url}': set it right, or unset it"
        )
    if who_answers(url) == "nobody":
        raise ServerError(f"no server answers at {url}, which PREFECT_API_URL names: unset it")
    # The project's own secret, which prefect.toml may name, is not for this server.
    secret = os.environ.get("PREFECT_API_AUTH_STRING", "")
    return {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": secret}


def try_out(root: Path) -> float:
    """Return how long the project's server takes to start, with its own database.

    Raises:
        ServerError: It does not start.
    """
    started = time.monotonic()
    with Children() as children:
        start_server(children, port=_free_port(), log=_log(root, "tried"), root=root, ui=False)
        return time.monotonic() - started


def _free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def start_server(
    children: Children,
    *,
    port: int,
    log: Path,
    root: Path,
    ui: bool,
    patience: float = 120.0,
) -> "subprocess.Popen[str]":
    """Start a server of a project on this machine, and wait until it answers.

    Args:
        children: Ends the server.
        port: A free port.
        log: File for the server's output.
        root: Folder of the project.
        ui: Whether it shows its pages.
        patience: Seconds to wait.

    Returns:
        The process that ends when the server does.

    Raises:
        ServerError: It ended or did not answer; the message has the end of its output.
    """
    url = local_url(port)
    try:
        access = server_environment(root, port)
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("w")
    except OSError as error:
        raise ServerError(
            f"{error.filename}: {error.strerror}, which Prefect's server needs"
        ) from error
    environment = {**os.environ, **NO_TELEMETRY, **_LOGS_FOR_WATCHERS, **access}
    environment |= client_environment(root, url)
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", HOST, "--port", str(port), "--ui" if ui else "--no-ui"]
    started = time.monotonic()
    with output:
        server = children.start(command, cwd=root, environment=environment, output=output)
    while who_answers(url) != "prefect":
        waited = time.monotonic() - started
        if server.poll() is not None:
            raise ServerError(f"Prefect's server ended before it answered:\n{_end_of(log)}")
        if waited > patience:
            raise ServerError(
                f"Prefect's server did not answer at {url} in {waited:.0f} s:\n{_end_of(log)}"
            )
        time.sleep(_POLL)
    return server


def _log(root: Path, name: str) -> Path:
    return root / ".restore" / f"prefect-server-{name}.log"


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_LINES_SHOWN:]
    return "\n".join([*(f"  {line}" for line in lines), f"(all of it: {log})"])
