"""The stage as DVC runs it; ``tests/unit/test_datasets*.py`` have the kinds and their faults."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline.datasets.mirror import MIRROR_VARIABLE
from pipeline.datasets.terms import ACCEPT_VARIABLE
from pipeline.images.files import write_png
from pipeline.images.raw_images import DatasetError, list_images
from pipeline.settings.params import CatalogueDataset, FolderDataset, SkimageDataset
from stages.download import download

ROOT = Path(__file__).parents[2]
SKIMAGE = ROOT / "pipeline" / "catalogue" / "skimage"


def run(settings: Any, source: Path, folder: Path) -> Path:
    out = folder / "raw" / "mine"
    download(
        dataset=settings,
        name="mine",
        source=source,
        checked=folder / "params.txt",
        downloads=folder / "downloads",
        out=out,
    )
    return out


def write_photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).random((20, 24, 3), dtype=np.float32)
    write_png(path, values)
    return path


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    settings = SkimageDataset(kind="skimage", source=str(SKIMAGE), images=["coins", "camera"])

    one = run(settings, SKIMAGE, tmp_path / "one")
    other = run(settings, SKIMAGE, tmp_path / "other")

    assert content(one) == content(other)
    assert set(content(one)) == {"images.csv", "clean/camera.png", "clean/coins.png"}


def test_order_in_params_does_not_matter(tmp_path: Path) -> None:
    one = SkimageDataset(kind="skimage", source=str(SKIMAGE), images=["coins", "camera"])
    other = SkimageDataset(kind="skimage", source=str(SKIMAGE), images=["camera", "coins"])

    written = content(run(one, SKIMAGE, tmp_path / "one"))

    assert written == content(run(other, SKIMAGE, tmp_path / "other"))


def test_file_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    alone = SkimageDataset(kind="skimage", source=str(SKIMAGE), images=["coins"])
    together = SkimageDataset(kind="skimage", source=str(SKIMAGE), images=["coins", "text"])

    one = run(alone, SKIMAGE, tmp_path / "one")
    other = run(together, SKIMAGE, tmp_path / "other")

    assert content(one)["clean/coins.png"] == content(other)["clean/coins.png"]


def test_mirror_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = tmp_path / "catalogue" / "one"
    shutil.copytree(SKIMAGE, catalogue)
    listed = (SKIMAGE / "files.csv").read_text().splitlines()
    (catalogue / "files.csv").write_text("\n".join(listed[:2]))
    photos = SkimageDataset(kind="skimage", source=str(catalogue), images=["astronaut"])
    shipped = run(photos, catalogue, tmp_path)
    (shipped / "clean").rename(tmp_path / "one")
    files = CatalogueDataset(kind="catalogue", source=str(catalogue))
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path))

    out = run(files, catalogue, tmp_path / "again")

    assert (out / "images.csv").read_bytes() == (shipped / "images.csv").read_bytes()


def test_failing_stage_leaves_no_output(tmp_path: Path) -> None:
    write_photo(tmp_path / "mine" / "good.png")
    (tmp_path / "mine" / "bad.png").write_text("words")
    settings = FolderDataset(kind="folder", source=str(tmp_path / "mine"))

    with pytest.raises(DatasetError, match=r"bad\.png"):
        run(settings, tmp_path / "mine", tmp_path)

    assert content(tmp_path / "raw") == {}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a ``params.yaml`` that knows the data set ``mine``."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(ROOT / "params.yaml")
    params["datasets"]["mine"] = {"kind": "folder", "source": "photos"}
    yaml.dump(params, tmp_path / "params.yaml")
    (tmp_path / "photos").mkdir()
    return tmp_path


@pytest.mark.parametrize(("accepted", "code"), [("", 1), ("cc15", 0)])
def test_command_line_refuses_a_set_whose_terms_nobody_accepted(
    project: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch, accepted: str, code: int
) -> None:
    set_entry(project, {"kind": "catalogue", "source": "pipeline/catalogue/cc15"})
    shutil.copytree(SKIMAGE.parent / "cc15", project / "photos", dirs_exist_ok=True)
    (project / "photos").rename(project / "cc15")
    monkeypatch.setenv(MIRROR_VARIABLE, str(real_data))
    monkeypatch.setenv(ACCEPT_VARIABLE, accepted)

    result = command_line(project, source="cc15")

    assert (result.returncode != 0) == (code != 0), result.stderr
    assert "Non-commercial use only" in result.stderr
    assert ("restore data fetch cc15 --accept-terms" in result.stderr) == (code != 0)
    assert "Traceback" not in result.stderr
    assert (project / "data/raw/mine").exists() == (code == 0)


def set_entry(project: Path, entry: dict[str, str]) -> None:
    """Change what the data set ``mine`` is."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(project / "params.yaml")
    params["datasets"]["mine"] = entry
    yaml.dump(params, project / "params.yaml")


def command_line(project: Path, source: str = "photos") -> subprocess.CompletedProcess[str]:
    options = {
        "dataset": "mine",
        "name": "mine",
        "source": source,
        "checked": "data/checked/params.txt",
        "downloads": "data/downloads",
        "out": "data/raw/mine",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return subprocess.run(
        [sys.executable, "-m", "stages.download", *arguments],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_line_writes_the_data_set(project: Path) -> None:
    write_photo(project / "photos" / "a.png")

    result = command_line(project)

    assert result.returncode == 0, result.stderr
    assert result.stderr == "data set 'mine': 1 files, 0.0 MB\n"
    assert [image.name for image in list_images(project / "data/raw/mine")] == ["a"]


def test_command_line_explains_a_bad_data_set_without_a_traceback(project: Path) -> None:
    result = command_line(project)

    assert result.returncode != 0
    assert "data set 'mine': no image in photos" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (project / "data/raw").exists()
