"""``restore ui``, with MLflow's own server, in a project without any run."""

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from pipeline import cli
from tests.toy import free_port


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def serving(port: int) -> list[int]:
    """Return the processes whose command line names a port."""
    found = psutil.process_iter(["cmdline"])
    return [one.pid for one in found if f"--port={port}" in (one.info["cmdline"] or [])]


def test_the_table_is_served_at_the_address_that_is_printed_until_ctrl_c(project: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "pipeline.cli", "ui", f"--port={port}", "--no-browser"]
    with (
        subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as ui,
        contextlib.ExitStack() as in_the_end,
    ):
        in_the_end.callback(ui.kill)
        assert ui.stdout is not None
        address = ui.stdout.readline().strip()
        page = requests.get(address, timeout=30)
        elsewhere = requests.get(address, headers={"Host": "elsewhere.example"}, timeout=30)
        experiment = urlsplit(address).fragment.split("/")[2]
        asked = requests.get(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get",
            {"experiment_id": experiment},
            timeout=30,
        ).json()["experiment"]
        listening = serving(port)

        ui.send_signal(signal.SIGINT)
        code = ui.wait(timeout=60)

    assert (page.status_code, elsewhere.status_code) == (200, 403)
    assert asked["name"] == "restore"
    assert "mlflow.sharedViewState.results" in {tag["key"] for tag in asked["tags"]}
    assert len(listening) > 1
    assert code == 0
    assert [pid for pid in listening if psutil.pid_exists(pid)] == []


@pytest.mark.usefixtures("project")
def test_a_port_that_is_taken_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code = cli.main(["ui", f"--port={port}", "--no-browser"])

    assert code == 2
    assert f"port {port} cannot be had" in capfd.readouterr().err


@pytest.mark.usefixtures("project")
def test_a_tracker_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")

    code = cli.main(["ui", "--no-browser"])

    assert code == 1
    assert "MLflow cannot be reached" in capfd.readouterr().err
