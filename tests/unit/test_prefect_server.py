import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline.graph.prefect_server import (
    ServerError,
    configured_port,
    find_or_borrow,
    local_url,
    start_server,
    use_or_start,
    who_answers,
)
from pipeline.graph.supervise import Children
from tests.toy import call, make_toy


@contextmanager
def server(answers: dict[str, str], status: int = 200) -> Iterator[str]:
    """Serve some paths on this machine; yield the address of an API there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(answers.get(self.path, "").encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield local_url(http.server_port)
        finally:
            http.shutdown()
            thread.join()


def test_a_prefect_server_is_known_by_its_version() -> None:
    with server({"/api/admin/version": json.dumps("3.8.8")}) as url:
        assert who_answers(url) == "prefect"


@pytest.mark.parametrize("answers", [{}, {"/api/admin/version": "<html>"}])
def test_another_web_server_is_not_taken_for_prefect(answers: dict[str, str]) -> None:
    with server(answers) as url:
        assert who_answers(url) == "another"


def test_a_prefect_server_that_wants_a_secret_is_known_too() -> None:
    refusal = json.dumps({"exception_message": "Unauthorized"})

    with server({"/api/admin/version": refusal}, status=401) as url:
        assert who_answers(url) == "prefect"


def test_another_server_that_wants_a_secret_is_not_taken_for_prefect() -> None:
    with server({"/api/admin/version": "who are you?"}, status=401) as url:
        assert who_answers(url) == "another"


def test_a_closed_port_is_nobody() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = local_url(probe.getsockname()[1])

    assert who_answers(url) == "nobody"


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    with server({"/api/admin/version": json.dumps("3.8.8")}) as url:
        assert who_answers(url) == "prefect"


def test_the_port_comes_from_the_projects_settings(tmp_path: Path) -> None:
    assert configured_port(tmp_path) == 4200
    (tmp_path / "pyproject.toml").write_text('[tool.prefect]\napi.url = "http://host:17/api"\n')
    assert configured_port(tmp_path) == 17


@pytest.mark.parametrize(
    "content",
    [
        b"[tool.prefect\n",
        b"\xff\xfe",
        b"[tool]\nprefect = 3\n",
        b"[tool.prefect.api]\nurl = 4200\n",
        b'[tool.prefect.api]\nurl = "http://127.0.0.1:99999/api"\n',
        b"a = " + 100_000 * b"[",
    ],
)
def test_settings_that_prefect_could_not_read_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)

    refusal = r"pyproject\.toml: expected TOML .* mend it"
    with Children() as children:
        with pytest.raises(ServerError, match=refusal):
            find_or_borrow(tmp_path, children)
        with pytest.raises(ServerError, match=refusal):
            use_or_start(tmp_path, None, children, print)


@pytest.mark.parametrize(
    ("answers", "owner"),
    [
        ({}, "that is none of Prefect's"),
        ({"/api/admin/version": json.dumps("3.8.8")}, "of another project or user"),
    ],
)
def test_a_stranger_on_the_port_that_is_asked_for_is_named_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], owner: str
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with server(answers) as url, Children() as children:
        port = int(url.removesuffix("/api").rpartition(":")[2])
        with pytest.raises(ServerError) as refused:
            use_or_start(tmp_path, port, children, print)

    assert f"port {port} is taken by a server {owner}" in str(refused.value)


def test_an_address_in_the_environment_is_taken_without_the_projects_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    with server({"/api/admin/version": json.dumps("3.8.8")}) as url, Children() as children:
        monkeypatch.setenv("PREFECT_API_URL", url)
        expected = {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": ""}

        assert find_or_borrow(tmp_path, children) == expected
        assert use_or_start(tmp_path, None, children, print) == expected


def test_a_dead_address_in_the_environment_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = local_url(probe.getsockname()[1])
    monkeypatch.setenv("PREFECT_API_URL", url)

    with Children() as children, pytest.raises(ServerError) as refused:
        find_or_borrow(tmp_path, children)

    assert str(refused.value) == (
        f"no server answers at {url}, which PREFECT_API_URL names: unset it"
    )


def test_what_is_no_address_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "nonsense")

    with Children() as children, pytest.raises(ServerError, match="came 'nonsense': set it right"):
        find_or_borrow(tmp_path, children)


def test_a_run_that_a_stranger_shall_record_ends_with_a_sentence(tmp_path: Path) -> None:
    root = make_toy(tmp_path / "toy")

    with server({}) as url:
        done = call(root, "restore", "run", PREFECT_API_URL=url)

    assert done.returncode == 1
    assert "Prefect does not run the stages: Failed to reach API at" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / ".restore").write_text("in the way")

    with Children() as children, pytest.raises(ServerError) as refused:
        start_server(children, port=1, log=tmp_path / "log", root=tmp_path, ui=False)

    assert f"{tmp_path}/.restore" in str(refused.value)
