"""What other pages, other users and other projects can do to ``restore serve``: nothing."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pipeline.graph.prefect_access import SETTINGS, read_secret
from tests.toy import call, environment, free_port, make_toy, program, trace

pytestmark = pytest.mark.fault

EVIL = "http://evil.example"
PATIENCE = 60.0


@contextmanager
def serving(root: Path, *options: str) -> Iterator[tuple[str, str]]:
    """Run ``restore serve`` in a project; yield the address of its API and what it printed."""
    command = [program("restore"), "serve", *options]
    with subprocess.Popen(
        command, cwd=root, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            for line in process.stdout:
                said += line
                if "restore ui" in line:
                    break
            pages = re.search(r"pages at (\S+);", said)
            assert pages, said
            yield f"{pages[1]}/api", said
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy(tmp_path_factory.mktemp("served") / "toy")


@pytest.fixture(scope="module")
def served(project: Path) -> Iterator[str]:
    with serving(project, "--port", str(free_port())) as (url, _):
        yield url


def ask(
    url: str, method: str = "GET", content: object = None, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """Return status, body and headers of an answer, as a page of another origin would ask."""
    place = urlsplit(url)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = None if content is None else json.dumps(content)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=30)
    with closing(connection):
        sent = {"Content-Type": "application/json", "Origin": EVIL, **names}
        connection.request(method, url.partition(place.netloc)[2], body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.headers)


def basic(secret: str) -> str:
    return f"Basic {base64.b64encode(secret.encode()).decode()}"


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", "/admin/version", None),
        ("POST", "/deployments/filter", {}),
        ("PATCH", "/deployments/00000000-0000-0000-0000-000000000000", {"pull_steps": []}),
        ("POST", "/deployments/00000000-0000-0000-0000-000000000000/create_flow_run", {}),
        ("DELETE", "/flows/00000000-0000-0000-0000-000000000000", None),
    ],
)
@pytest.mark.parametrize("secret", [None, "restore:", "restore:guess", "admin:pass"])
def test_whoever_has_not_the_secret_is_turned_away(
    served: str, method: str, path: str, content: object, secret: str | None
) -> None:
    headers = {} if secret is None else {"Authorization": basic(secret)}

    status, _, _ = ask(f"{served}{path}", method, content, **headers)

    # What changes something is turned away for want of a token of a session, before that.
    assert status == (401 if method == "GET" else 403)


@pytest.mark.parametrize("secret", ["restore:guess", ""])
def test_whoever_has_not_the_secret_gets_no_token_of_a_session_either(
    served: str, secret: str
) -> None:
    status, _, _ = ask(f"{served}/csrf-token?client=page", Authorization=basic(secret))

    assert status == 401


@pytest.mark.parametrize("asked", ["PATCH", "POST", "DELETE"])
def test_a_page_of_another_origin_may_not_even_ask(served: str, asked: str) -> None:
    wanted = {"Access_Control_Request_Headers": "authorization,content-type"}

    status, _, headers = ask(
        f"{served}/deployments/x", "OPTIONS", Access_Control_Request_Method=asked, **wanted
    )

    assert status == 400
    assert "access-control-allow-origin" not in {name.lower() for name in headers}


def test_a_page_that_calls_itself_this_machine_is_turned_away(served: str) -> None:
    # What DNS rebinding makes of a page: its own name leads here, and the origin is its own.
    status, _, _ = ask(f"{served}/admin/version", Host="evil.example")

    assert status == 401


def test_the_secret_alone_changes_nothing_without_a_token_of_the_session(
    served: str, project: Path
) -> None:
    secret = {"Authorization": basic(read_secret(project)), "Prefect_Csrf_Client": "page"}

    status, body, _ = ask(f"{served}/deployments/filter", "POST", {}, **secret)

    assert status == 403
    assert b"CSRF" in body


@pytest.mark.parametrize("path", ["events/in", "events/out", "logs/out"])
def test_live_channels_want_the_secret_too(served: str, path: str) -> None:
    place = served.removeprefix("http://").removesuffix("/api")
    host, _, port = place.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(
            f"GET /api/{path} HTTP/1.1\r\nHost: {place}\r\nOrigin: {EVIL}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = line.recv(4096)

    assert b" 403 " in answer.splitlines()[0]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root becomes another")
@pytest.mark.usefixtures("served")
def test_another_user_of_the_machine_cannot_read_the_secret(project: Path) -> None:
    # Each process of `pytest -n` has a folder of its own, one deeper.
    closed = project.parents[: 4 if "PYTEST_XDIST_WORKER" in os.environ else 3]
    for folder in [project, *closed]:
        folder.chmod(folder.stat().st_mode | 0o055)

    assert read_as_nobody(project, "raw.txt").stdout == "raw"
    for name in (".restore/prefect-secret", SETTINGS):
        read = read_as_nobody(project, name)
        assert read.returncode != 0
        assert "Permission denied" in read.stderr


def read_as_nobody(project: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """Read a file of a project as the user of this machine who may do least."""
    return subprocess.run(
        ["/bin/cat", name],
        cwd=project,
        user="nobody",
        group="nogroup",
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )


def ask_for_aside(project: Path) -> None:
    """Ask the server of a project for one stage, and wait until it has run."""
    deployment = ("prefect", "deployment", "run", "restore/train-all", "--watch")
    asked = call(project, *deployment, "-p", 'experiments=["aside"]')
    assert asked.returncode == 0, asked.stdout + asked.stderr


@pytest.mark.usefixtures("served")
def test_the_projects_own_commands_need_no_variable(project: Path) -> None:
    ask_for_aside(project)

    assert "begin aside" in trace(project)


def test_a_second_project_gets_a_server_of_its_own(
    served: str, project: Path, tmp_path: Path
) -> None:
    other = make_toy(tmp_path / "other")
    (other / "pyproject.toml").write_text(f'[tool.prefect]\napi.url = "{served}"\n')
    trace(project)

    with serving(other) as (url, said):
        for _ in range(2):
            ask_for_aside(other)
        refused = call(other, "restore", "serve", "--port", str(free_port()))

    assert url != served
    assert "is taken by a server of another project or user; taking port" in said
    assert "begin aside" in trace(other)
    assert trace(project) == []
    assert refused.returncode == 1
    assert f"the project's server runs at {url} already" in refused.stderr
    assert not (other / SETTINGS).exists()


def test_a_run_of_another_project_does_not_adopt_the_server(
    served: str, project: Path, tmp_path: Path
) -> None:
    other = make_toy(tmp_path / "other")
    (other / "pyproject.toml").write_text(f'[tool.prefect]\napi.url = "{served}"\n')
    trace(project)

    ran = call(other, "restore", "run", "--experiments", "aside")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    status, body, _ = ask(f"{served}/flow_runs/count", "POST", {})
    assert (status, trace(project)) == (403, []), body
    assert (other / ".restore" / "prefect").is_dir()


def test_a_proxy_is_asked_for_nothing_on_this_machine(tmp_path: Path) -> None:
    toy = make_toy(tmp_path / "toy")
    dead = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()

    ran = call(
        toy,
        "restore",
        "run",
        "--experiments",
        "aside",
        HTTP_PROXY=dead,
        http_proxy=dead,
        HTTPS_PROXY=dead,
        ALL_PROXY=dead,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert time.monotonic() - started < PATIENCE
