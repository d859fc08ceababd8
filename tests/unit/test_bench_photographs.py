"""The table of what ``restore photo`` does to photographs whose clean ones are known."""

from pathlib import Path

import pytest
from skimage import data

from pipeline.arrays.pixels import from_8bit
from pipeline.images.files import write_png
from tests.bench.photographs import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two clean photographs."""
    (tmp_path / "two/clean").mkdir(parents=True)
    for name, left in (("a", 150), ("b", 300)):
        piece = data.astronaut()[:160, left : left + 160]
        write_png(tmp_path / f"two/clean/{name}.png", from_8bit(piece))
    return tmp_path / "two"


def cells(printed: str) -> list[str]:
    return [cell.strip() for cell in printed.splitlines()[-1].strip("|").split("|")]


def test_photographs_with_noise_and_jpeg_come_out_better(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    main([folder], sigma_8bit=20.0, quality=90)

    name, count, before, after, alone, worse = cells(capfd.readouterr().out)
    assert (name, count, alone, worse) == ("two", "2", "0", "0")
    assert float(after) > float(before) + 4


def test_clean_photographs_are_left_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main([folder], sigma_8bit=0.0, quality=None)

    assert cells(capfd.readouterr().out) == ["two", "2", "", "", "2", "0"]


def test_photographs_that_are_noisy_by_themselves_are_taken_as_they_are(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "degraded").mkdir()
    for path in (folder / "clean").iterdir():
        (folder / "degraded" / path.name).write_bytes(path.read_bytes())

    main([folder], sigma_8bit=20.0, quality=None)

    assert cells(capfd.readouterr().out)[2:] == ["", "", "2", "0"]
