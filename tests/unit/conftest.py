"""What the tests of the data sets share, those of MLflow's runs, and those of the graph."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.running.tracking import Tracker
from tests.toy import call, make_toy
from tests.unit.image_sets import FilesSet
from tests.unit.web_server import Answer, Server


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a toy in which everything has run through ``dvc repro``, to be copied."""
    root = make_toy(tmp_path_factory.mktemp("done"))
    assert call(root, "dvc", "repro").returncode == 0
    return root


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    """Return a tracker with a database of its own: making one takes seconds."""
    folder = tmp_path_factory.mktemp("tracker")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        return Tracker()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a server that sends files or other answers until the test ends."""
    servers = []

    def start(files: dict[str, Any]) -> Server:
        def answer(value: Any) -> list[Answer]:
            return value if isinstance(value, list) else [(200, {}, value)]

        server = Server({path: answer(value) for path, value in files.items()}).__enter__()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.__exit__()


@pytest.fixture
def files_set(tmp_path: Path) -> FilesSet:
    return FilesSet(tmp_path)
