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
    configured_url,
    find_or_borrow,
    local_url,
    use_or_start,
    who_answers,
)
from pipeline.graph.supervise import Children


@contextmanager
def server(answers: dict[str, str]) -> Iterator[str]:
    """Serve some paths on this machine; yield the address of an API there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in answers else 404)
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


def test_a_closed_port_is_nobody() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = local_url(probe.getsockname()[1])

    assert who_answers(url) == "nobody"


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    with server({"/api/admin/version": json.dumps("3.8.8")}) as url:
        assert who_answers(url) == "prefect"


def test_the_address_comes_from_the_projects_settings(tmp_path: Path) -> None:
    assert configured_url(tmp_path) == "http://127.0.0.1:4200/api"
    (tmp_path / "pyproject.toml").write_text('[tool.prefect]\napi.url = "http://host:1/api"\n')
    assert configured_url(tmp_path) == "http://host:1/api"


def test_a_taken_port_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with server({}) as url, Children() as children, pytest.raises(ServerError) as refused:
        use_or_start(tmp_path, url, children)

    assert "is taken by a program that is not a Prefect server" in str(refused.value)
    assert "restore serve --port" in str(refused.value)


def test_a_server_that_answers_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with server({"/api/admin/version": json.dumps("3.8.8")}) as url, Children() as children:
        (tmp_path / "pyproject.toml").write_text(f'[tool.prefect]\napi.url = "{url}"\n')

        assert use_or_start(tmp_path, url, children) == url
        assert find_or_borrow(tmp_path, children) == url


def test_an_address_in_the_environment_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "https://far.example/api")
    with Children() as children:
        assert find_or_borrow(tmp_path, children) == "https://far.example/api"


def test_servers_elsewhere_are_not_started_here(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    elsewhere = f"http://127.0.0.2:{port}/api"  # refuses, and is not called like this machine

    with Children() as children, pytest.raises(ServerError, match="only local ones are started"):
        use_or_start(tmp_path, elsewhere, children)
