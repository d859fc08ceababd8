import os
import stat
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from pipeline.graph.prefect_access import (
    SETTINGS,
    client_environment,
    leading,
    read_secret,
    remember_server,
    running_server,
    server_environment,
)

URL = "http://127.0.0.1:4321/api"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_secret_is_drawn_once_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    first = read_secret(tmp_path)

    assert read_secret(tmp_path) == first
    assert len(first) > 30
    assert mode(tmp_path / ".restore" / "prefect-secret") == 0o600
    assert [path.name for path in (tmp_path / ".restore").iterdir()] == ["prefect-secret"]


def test_two_projects_have_two_secrets(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()

    assert read_secret(tmp_path / "a") != read_secret(tmp_path / "b")


def test_processes_that_ask_at_once_get_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: read_secret(tmp_path), range(32)))

    assert len(found) == 1


def test_a_secret_that_others_could_read_is_closed_again(tmp_path: Path) -> None:
    read_secret(tmp_path)
    (tmp_path / ".restore" / "prefect-secret").chmod(0o644)

    read_secret(tmp_path)

    assert mode(tmp_path / ".restore" / "prefect-secret") == 0o600


def test_the_server_is_closed_to_pages_of_other_origins(tmp_path: Path) -> None:
    settings = server_environment(tmp_path, 4321)

    assert settings["PREFECT_SERVER_API_AUTH_STRING"] == read_secret(tmp_path)
    assert settings["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4321"
    assert settings["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] == "true"
    assert Path(settings["PREFECT_HOME"]).is_relative_to(tmp_path)


def test_clients_of_this_machine_ask_no_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "example.org")

    assert client_environment(tmp_path, URL)["no_proxy"] == "example.org,127.0.0.1"


def test_prefect_is_led_to_the_server_while_it_is_served(tmp_path: Path) -> None:
    with leading(tmp_path, URL) as led:
        found = tomllib.loads((tmp_path / SETTINGS).read_text())
        permissions = mode(tmp_path / SETTINGS)

    assert led
    assert found == {"api": {"url": URL, "auth_string": read_secret(tmp_path)}}
    assert permissions == 0o600
    assert not (tmp_path / SETTINGS).exists()


def test_what_a_killed_server_left_is_written_anew(tmp_path: Path) -> None:
    with leading(tmp_path, URL):
        left = (tmp_path / SETTINGS).read_text()
    (tmp_path / SETTINGS).write_text(left)

    with leading(tmp_path, URL.replace("4321", "4322")) as led:
        assert led
        assert "4322" in (tmp_path / SETTINGS).read_text()


def test_settings_that_the_user_wrote_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text("[api]\n")

    with leading(tmp_path, URL) as led:
        assert not led

    assert (tmp_path / SETTINGS).read_text() == "[api]\n"


def test_a_server_is_the_projects_own_while_its_process_lives(tmp_path: Path) -> None:
    (tmp_path / ".restore").mkdir()
    assert running_server(tmp_path) is None

    remember_server(tmp_path, URL, os.getpid())
    assert running_server(tmp_path) == URL

    record = tmp_path / ".restore" / "prefect-server.json"
    started = psutil.Process().create_time()
    record.write_text(record.read_text().replace(str(started), str(started - 60)))
    assert running_server(tmp_path) is None  # the number belongs to another process now


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"supervisor": "x"}'])
def test_a_broken_record_names_no_server(tmp_path: Path, content: str) -> None:
    (tmp_path / ".restore").mkdir()
    (tmp_path / ".restore" / "prefect-server.json").write_text(content)

    assert running_server(tmp_path) is None
