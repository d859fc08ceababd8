"""What the tests of the data sets share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.image_sets import FilesSet
from tests.unit.web_server import Answer, Server


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
