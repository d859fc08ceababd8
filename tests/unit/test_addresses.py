"""Addresses lose their secrets, and nothing that leads to the place."""

import pytest

from pipeline.graph.engines.addresses import without_password


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://hunter2@example.com/toy.git", "https://example.com/toy.git"),
        ("https://somebody:hunter2@example.com/toy.git", "https://example.com/toy.git"),
        ("https://hunter2:@example.com:8443/toy.git", "https://example.com:8443/toy.git"),
        ("https://somebody:hunter@2@example.com/toy.git", "https://example.com/toy.git"),
        ("HTTP://hunter2@example.com/toy.git", "HTTP://example.com/toy.git"),
        ("git+https://hunter2@example.com/toy.git", "git+https://example.com/toy.git"),
        ("//somebody:hunter2@example.com/toy.git", "//example.com/toy.git"),
        ("ssh://git:hunter2@example.com:22/toy.git", "ssh://git@example.com:22/toy.git"),
        ("webdavs://somebody:hunter2@example.com/dvc", "webdavs://somebody@example.com/dvc"),
    ],
)
def test_a_secret_goes(address: str, shown: str) -> None:
    assert without_password(address) == shown
    assert without_password(f"fatal: '{address}/': no") == f"fatal: '{shown}/': no"


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/toy.git",
        "https://example.com/@scope/toy.git",
        "ssh://git@example.com/toy.git",
        "git@example.com:group/toy.git",
        "/folder/toy@home.git",
        "s3://bucket/dvc",
    ],
)
def test_an_address_without_a_secret_stays(address: str) -> None:
    assert without_password(address) == address
