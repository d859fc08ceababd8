"""The stage as DVC runs it; ``tests/unit/test_recognition_*.py`` have the layouts and faults."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline.datasets.mirror import MIRROR_VARIABLE
from pipeline.images.raw_images import DatasetError
from pipeline.recognition.labelled.samples import Part, read_card, read_labelled
from pipeline.settings.tasks import CubeTask, ImageTask
from stages.collect import collect
from tests.unit.labelled_files import write_images

ROOT = Path(__file__).parents[2]
DIGITS = "pipeline/catalogue/digits"
FOLDS = {"kind": "folds", "folds": 5, "test": 0, "validation": None}


def task_of(source: str, split: dict[str, Any]) -> ImageTask:
    return ImageTask.model_validate(
        {"kind": "images", "source": source, "split": split, "shift": 0, "mirror": False}
    )


def run(task: ImageTask | CubeTask, source: Path, folder: Path, seed: int = 0) -> Path:
    out = folder / "inputs" / "mine"
    collect(
        task=task,
        name="mine",
        source=source,
        checked=folder / "params.txt",
        downloads=folder / "downloads",
        out=out,
        seed=seed,
    )
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_settings_give_the_same_bytes_and_the_seed_other_parts(tmp_path: Path) -> None:
    task = task_of(DIGITS, FOLDS)

    one = content(run(task, ROOT / DIGITS, tmp_path / "one"))
    again = content(run(task, ROOT / DIGITS, tmp_path / "again"))
    other = content(run(task, ROOT / DIGITS, tmp_path / "other", seed=1))

    assert one == again
    assert {name for name in one if one[name] != other[name]} == {"parts.npy"}


def test_clean_input_comes_from_nowhere_else(tmp_path: Path) -> None:
    out = run(task_of(DIGITS, FOLDS), ROOT / DIGITS, tmp_path)

    assert read_card(out) == {
        "task": "mine",
        "from": None,
        "degradation": None,
        "restored_by": None,
        "model": None,
        "psnr": None,
        "psnr_input": None,
    }


def test_mirror_comes_from_the_environment(
    tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(MIRROR_VARIABLE, str(real_data))
    source = ROOT / "pipeline" / "catalogue" / "samson"
    split = {"kind": "random", "train": 0.1, "validation": 0}
    task = CubeTask.model_validate(
        {"kind": "cube", "source": str(source), "split": split, "ignore": []}
    )

    labelled = read_labelled(run(task, source, tmp_path))

    assert labelled.values.shape == (95, 95, 156)
    assert len(labelled.positions(Part.TRAIN)) == 902


def test_failing_stage_leaves_the_last_output(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "own", {"dog": 4, "cat": 4})
    split = {"kind": "random", "train": 0.5, "validation": 0}
    before = content(run(task_of(str(folder), split), folder, tmp_path))
    (folder / "dog" / "000.png").write_bytes(b"words")

    with pytest.raises(ValueError, match=r"dog/000\.png"):
        run(task_of(str(folder), split), folder, tmp_path)

    assert content(tmp_path / "inputs") == before


def test_failing_stage_leaves_no_output(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        run(task_of("nowhere", FOLDS), tmp_path / "nowhere", tmp_path)

    assert not (tmp_path / "inputs").exists()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a ``params.yaml`` that knows the task ``mine``."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(ROOT / "params.yaml")
    params["tasks"]["mine"] = task_of("photos", FOLDS).model_dump()
    yaml.dump(params, tmp_path / "params.yaml")
    return tmp_path


def command_line(project: Path) -> subprocess.CompletedProcess[str]:
    options = {
        "task": "mine",
        "name": "mine",
        "source": "photos",
        "checked": "data/checked/params.txt",
        "downloads": "data/downloads",
        "out": "data/inputs/mine",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return subprocess.run(
        [sys.executable, "-m", "stages.collect", *arguments],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_line_writes_the_samples_and_says_what_they_are(project: Path) -> None:
    write_images(project / "photos", {"dog": 5, "cat": 10})

    result = command_line(project)

    assert result.returncode == 0, result.stderr
    assert result.stderr == (
        "task 'mine': 15 samples of 2 classes (cat 10, dog 5): train 12, validation 0, test 3, "
        "unused 0\n"
    )
    assert np.load(project / "data/inputs/mine/values.npy").shape == (15, 5, 6, 3)


def test_command_line_explains_faulty_samples_without_a_traceback(project: Path) -> None:
    write_images(project / "photos", {"dog": 4, "cat": 10})

    result = command_line(project)

    assert result.returncode != 0
    assert "class 'dog' has 4 sample(s); expected 5 or more" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (project / "data/inputs").exists()


def test_reading_samples_needs_no_torch() -> None:
    code = "import sys, stages.collect; sys.exit('torch' in sys.modules)"

    result = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )

    assert result.returncode == 0
