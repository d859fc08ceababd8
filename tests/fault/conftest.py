"""Fixtures that several tests of faults ask for."""

from collections.abc import Iterator

import pytest

from tests.toy import prefect_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield the variables that lead commands to a Prefect server of a module's own."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as variables:
        yield variables
