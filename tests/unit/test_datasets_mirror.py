import pytest

from pipeline.datasets.mirror import MIRROR_VARIABLE, mirror_from_environment


@pytest.mark.parametrize(("value", "mirror"), [("", None), ("../shared/data", "../shared/data")])
def test_mirror_is_set_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, mirror: str | None
) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, value)

    assert mirror_from_environment() == mirror
