"""Prefect's own server on this machine: which address it has, whether it answers, starting it."""

import json
import os
import socket
import sys
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Literal

from pipeline.graph.supervise import Children
from pipeline.running.environment import NO_TELEMETRY

HOST = "127.0.0.1"
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


def configured_url(root: Path) -> str:
    """Return the address that Prefect's commands use in the project's folder."""
    settings = root / "pyproject.toml"
    tools = tomllib.loads(settings.read_text()).get("tool", {}) if settings.is_file() else {}
    url: str = tools.get("prefect", {}).get("api", {}).get("url", local_url(STANDARD_PORT))
    return url


def who_answers(url: str) -> Literal["prefect", "nobody", "another"]:
    """Tell whether a Prefect server, nobody, or some other program is at an API's address."""
    # A proxy meant for the internet must not be asked for this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/admin/version", timeout=_ANSWER_TIMEOUT) as answer:
            return "prefect" if isinstance(json.load(answer), str) else "another"
    except urllib.error.HTTPError:
        return "another"
    except urllib.error.URLError as error:
        return "nobody" if isinstance(error.reason, ConnectionRefusedError) else "another"
    except (OSError, HTTPException, ValueError):
        return "another"


def find_or_borrow(root: Path, children: Children) -> str:
    """Return the address of a server for one run: the project's, otherwise one just for the run.

    Args:
        root: Folder of the project.
        children: Ends the server that was started for the run.

    Raises:
        ServerError: None answers and none can be started.
    """
    chosen = os.environ.get("PREFECT_API_URL")
    if chosen:
        return chosen
    configured = configured_url(root)
    if who_answers(configured) == "prefect":
        return configured
    port = _free_port()
    start_server(children, port=port, log=_log(root, "borrowed"), cwd=root, ui=False)
    return local_url(port)


def use_or_start(root: Path, url: str, children: Children) -> str:
    """Make sure that a Prefect server answers at ``url``, and return this address.

    Args:
        root: Folder of the project.
        url: Address of the API.
        children: Ends the server if it was started here.

    Raises:
        ServerError: The address belongs to another program or machine, or the server does not
            start.
    """
    who = who_answers(url)
    if who == "prefect":
        return url
    place = urllib.parse.urlsplit(url)
    if place.hostname not in (HOST, "localhost") or place.port is None:
        raise ServerError(f"no Prefect server answers at {url}, and only local ones are started")
    if who == "another":
        raise ServerError(
            f"port {place.port} is taken by a program that is not a Prefect server: stop it, or "
            "take another port: restore serve --port N"
        )
    start_server(children, port=place.port, log=_log(root, str(place.port)), cwd=root, ui=True)
    return url


def try_out(root: Path, home: Path) -> float:
    """Start a server with an empty database in ``home``, stop it, and return its start-up time.

    Raises:
        ServerError: It does not start.
    """
    with Children() as children:
        return start_server(
            children, port=_free_port(), log=home / "server.log", cwd=root, ui=False, home=home
        )


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
    cwd: Path,
    ui: bool,
    home: Path | None = None,
    patience: float = 120.0,
) -> float:
    """Start a server on this machine, and wait until it answers.

    Args:
        children: Ends the server.
        port: A free port.
        log: File for the server's output.
        cwd: Folder to run in.
        ui: Whether it shows its pages.
        home: Folder of its database; None for Prefect's usual one.
        patience: Seconds to wait.

    Returns:
        Seconds until it answered.

    Raises:
        ServerError: It ended or did not answer; the message has the end of its output.
    """
    url = local_url(port)
    environment = {**os.environ, **NO_TELEMETRY, **_LOGS_FOR_WATCHERS, "PREFECT_API_URL": url}
    if home is not None:
        environment["PREFECT_HOME"] = str(home)
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", HOST, "--port", str(port), "--ui" if ui else "--no-ui"]
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("w") as output:
        server = children.start(command, cwd=cwd, environment=environment, output=output)
    while who_answers(url) != "prefect":
        waited = time.monotonic() - started
        if server.poll() is not None:
            raise ServerError(f"Prefect's server ended before it answered:\n{_end_of(log)}")
        if waited > patience:
            raise ServerError(
                f"Prefect's server did not answer at {url} in {waited:.0f} s:\n{_end_of(log)}"
            )
        time.sleep(_POLL)
    return time.monotonic() - started


def _log(root: Path, name: str) -> Path:
    return root / ".restore" / f"prefect-server-{name}.log"


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_LINES_SHOWN:]
    return "\n".join([*(f"  {line}" for line in lines), f"(all of it: {log})"])
