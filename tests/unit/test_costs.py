from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.arrays.patches import PatchBank
from pipeline.checking.training_sets import bank_of
from pipeline.commands.costs import DiskCost, disk_needed, set_costs, task_costs, training_costs
from pipeline.datasets.fetching import fetch_dataset
from pipeline.images.files import write_png
from pipeline.images.raw_images import list_images
from pipeline.settings.params import Params, Patches
from stages.degrade import degrade
from stages.extract import extract
from tests.unit.test_params_file import GOOD, OFFICIAL


def params(**changes: object) -> Params:
    """Return params whose data sets are folders ``train`` and ``test`` of one's own images."""
    folders = {name: {"kind": "folder", "source": name} for name in ("train", "test", "mine")}
    bank = {"dataset": "train", "colour": "gray", "size": 16, "stride": 8, "scales": [1.0, 0.7]}
    content = {
        **GOOD,
        "datasets": {**GOOD["datasets"], **folders},
        "patches": {**GOOD["patches"], "gray_40": bank, "y_48": {**bank, "colour": "y"}},
        **changes,
    }
    return Params.model_validate(content)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with two training images and one test image."""
    sizes = {"train/a": (45, 52), "train/b": (30, 41), "test/c": (36, 48)}
    for name, (height, width) in sizes.items():
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        write_png(path, np.random.default_rng(0).random((height, width, 3), dtype=np.float32))
    return tmp_path


def needed(project: Path, settings: Params, experiments: list[str]) -> DiskCost:
    sets = set_costs(project, settings, experiments)
    return disk_needed(project, settings, sets, experiments)


def test_only_the_data_sets_that_experiments_use_are_counted(project: Path) -> None:
    found = set_costs(project, params(), ["denoiser"])

    assert [one.name for one in found] == ["train", "test"]
    assert all(one.fetched and not one.must_accept for one in found)


def test_patches_take_the_room_that_the_bank_takes(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    settings = params()
    bank: Patches = settings.patches["gray_40"]
    raw = project / "data" / "raw" / "train"
    fetch_dataset(
        settings.datasets["train"],
        name="train",
        source=Path("train"),
        downloads=project / "data" / "downloads",
        mirror=None,
        out=raw,
    )

    disk = needed(project, settings, ["denoiser"])

    extract(bank=bank, images=raw, out=project / "bank")
    assert len(list_images(raw)) == 2
    assert disk.parts["patches"] == PatchBank(project / "bank").clean.nbytes
    assert disk.unknown == []


def test_noise_is_not_stored_but_the_other_degradations_are(project: Path) -> None:
    noise = needed(project, params(), ["denoiser"]).parts
    smaller = needed(project, params(), ["upscaler"]).parts

    assert "degraded" not in noise
    # Two scales, each in half precision.
    assert smaller["degraded"] == 2 * 2 * smaller["patches"]


LOW = {"kind": "bicubic", "scale": 2, "quantise": False, "result": "low"}
JPEG = {
    "kind": "jpeg",
    "quality": {"min": 5, "max": 50},
    "subsampling": "yuv420",
    "phase": "random",
    "draws": 3,
}
NOISE = GOOD["degradations"]["noise"]


@pytest.mark.parametrize(
    "settings",
    [
        LOW,
        {**LOW, "quantise": True},
        JPEG,
        {"kind": "blur", "sigma_px": [1, 2], "draws": 1},
        {"kind": "mixture", "of": [NOISE, JPEG]},
        {"kind": "mixture", "of": [NOISE, JPEG, {**LOW, "result": "interpolated"}]},
        {"kind": "sequence", "steps": [LOW, NOISE], "result": "low", "draws": 1},
    ],
)
def test_degraded_patches_take_the_room_that_the_stage_takes(
    project: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    changed = params(degradations={**GOOD["degradations"], "small": settings})
    raw = project / "data" / "raw" / "train"
    fetch_dataset(
        changed.datasets["train"],
        name="train",
        source=Path("train"),
        downloads=project / "data" / "downloads",
        mirror=None,
        out=raw,
    )
    bank = bank_of(changed.experiments["upscaler"], changed)

    disk = needed(project, changed, ["upscaler"])

    extract(bank=bank, images=raw, out=project / "bank")
    degrade(
        name="upscaler",
        degradation=changed.degradations["small"],
        patches=project / "bank",
        out=project / "degraded",
        seed=0,
    )
    stored = np.load(project / "degraded" / "degraded.npy")
    assert disk.parts["degraded"] == stored.nbytes


def test_a_mixture_of_noises_is_not_stored(project: Path) -> None:
    noises = {"kind": "mixture", "of": [NOISE, {"kind": "poisson", "peak": 30, "quantise": False}]}
    settings = params(degradations={**GOOD["degradations"], "noise": noises})

    assert "degraded" not in needed(project, settings, ["denoiser"]).parts


def test_test_images_count_once_a_level_in_float_and_as_a_picture(project: Path) -> None:
    disk = needed(project, params(), ["denoiser"])

    pixels = 36 * 48
    assert disk.parts["test images"] == pytest.approx(2 * pixels * 4.7, abs=1)
    assert disk.parts["restored images"] == disk.parts["test images"]


def test_what_is_only_tested_counts_too(project: Path) -> None:
    settings = params(imported={"theirs": OFFICIAL})

    sets = set_costs(project, settings, [], ["denoise"])
    disk = disk_needed(project, settings, sets, [], ["denoise"], ["theirs"])

    assert [one.name for one in sets] == ["test"]
    assert disk.parts["restored images"] == disk.parts["test images"] > 0
    assert "patches" not in disk.parts


def test_labelled_data_count_once_and_what_a_package_has_is_here(project: Path) -> None:
    catalogue = Path(__file__).parents[2] / "pipeline" / "catalogue"
    split = {"kind": "random", "train": 0.5, "validation": 0.0}
    folds = {"kind": "folds", "folds": 2, "test": 0, "validation": None}
    images = {"kind": "images", "shift": 0, "mirror": False}
    tasks = {
        "faces": {**images, "source": str(catalogue / "lfw_subset"), "split": split},
        "again": {**images, "source": str(catalogue / "lfw_subset"), "split": folds},
        "cifar": {**images, "source": str(catalogue / "cifar10"), "split": split},
        "mine": {**images, "source": "my/pictures", "split": split},
    }
    settings = params(tasks=tasks)

    faces, cifar, mine = task_costs(project, settings, settings.tasks)

    assert (faces.name, faces.fetched) == ("faces", True)
    assert (cifar.name, cifar.bytes, cifar.fetched) == ("cifar", 170498071, False)
    assert (mine.name, mine.bytes, mine.fetched) == ("mine", None, False)


def test_a_training_lasts_as_long_as_its_steps() -> None:
    (cost,) = training_costs(params(), ["denoiser"], {"denoiser": 0.5})

    assert (cost.model, cost.steps, cost.batch) == ("vdsr.gray", 10, 4)
    assert cost.seconds == 5.0
