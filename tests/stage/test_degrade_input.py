import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.arrays.randomness import generator
from pipeline.degradations.levels import levels
from pipeline.degradations.settings import Degradation
from pipeline.degrading.synthesis import degrade
from pipeline.recognition.labelled.samples import (
    Labelled,
    Part,
    read_card,
    read_labelled,
    write_labelled,
)
from stages.degrade_input import degrade_input
from tests.recognition_data import clean_card, cube, features, images
from tests.stage.graph_data import NOISE, degradation

BLIND = degradation(kind="gaussian", sigma_8bit={"min": 5, "max": 50}, quantise=False)
SHOT = degradation(kind="poisson", peak=30, quantise=True)
JPEG = degradation(kind="jpeg", quality=30, subsampling="yuv420", phase="aligned", draws=1)
SMALL = {"kind": "bicubic", "scale": 2, "quantise": False}
FULL = degradation(**SMALL, result="interpolated")


def run(
    folder: Path,
    clean: Labelled,
    degraded_by: Degradation = NOISE,
    task: str = "task",
    seed: int = 3,
) -> Path:
    source, out = folder / task, folder / f"{task}-degraded"
    source.mkdir(parents=True)
    write_labelled(source, clean, clean_card(task))
    degrade_input(degradation=degraded_by, clean=source, out=out, seed=seed)
    return out


def by_itself(
    sample: Array, position: int, degraded_by: Degradation, task: str = "task", seed: int = 3
) -> Array:
    """Degrade one image with the key of its position in the task."""
    (level,) = levels(degraded_by)
    return degrade(sample, level, generator(seed, task, "sample", position, level.label)).image


@pytest.mark.parametrize("degraded_by", [NOISE, BLIND, SHOT, JPEG, FULL], ids=lambda d: d.kind)
def test_each_image_is_degraded_by_itself(tmp_path: Path, degraded_by: Degradation) -> None:
    clean = images(count=8)

    found = read_labelled(run(tmp_path, clean, degraded_by)).values

    expected = [
        by_itself(from_8bit(image), position, degraded_by)
        for position, image in enumerate(np.asarray(clean.values, np.uint8))
    ]
    assert np.array_equal(found, np.stack(expected))
    assert found.dtype == np.float32


@pytest.mark.parametrize("degraded_by", [NOISE, JPEG, FULL], ids=lambda d: d.kind)
def test_each_band_of_a_cube_is_degraded_by_itself(
    tmp_path: Path, degraded_by: Degradation
) -> None:
    clean = cube()

    found = read_labelled(run(tmp_path, clean, degraded_by)).values

    bands = np.moveaxis(np.asarray(clean.values, np.float32), -1, 0)[..., None]
    expected = [by_itself(band, number, degraded_by) for number, band in enumerate(bands)]
    assert np.array_equal(found, np.concatenate(expected, axis=2))
    assert found.dtype == np.float32


def test_images_that_are_no_bytes_are_degraded_as_they_are(tmp_path: Path) -> None:
    values = np.random.default_rng(0).uniform(0, 1, (8, 8, 8, 3)).astype(np.float32)
    clean = images(count=8).with_values(values)

    found = read_labelled(run(tmp_path, clean)).values

    assert np.array_equal(found[5], by_itself(values[5], 5, NOISE))


def test_a_sample_is_degraded_whatever_the_others_are(tmp_path: Path) -> None:
    clean, fewer = images(count=8), images(count=4)
    others = np.zeros((4, 8, 8, 3), np.uint8)
    others[3] = clean.values[3]

    found = read_labelled(run(tmp_path / "a", clean)).values
    alone = read_labelled(run(tmp_path / "b", fewer.with_values(others))).values  # type: ignore[arg-type]

    assert np.array_equal(found[3], alone[3])
    assert not np.array_equal(found[2], alone[2])


@pytest.mark.parametrize("change", [{"seed": 4}, {"task": "other"}])
def test_another_seed_or_task_has_other_noise(tmp_path: Path, change: dict[str, object]) -> None:
    found = read_labelled(run(tmp_path, images())).values

    other = read_labelled(run(tmp_path / "again", images(), **change)).values  # type: ignore[arg-type]

    assert not np.isclose(found, other).all(axis=(1, 2, 3)).any()


def test_no_two_samples_have_the_same_noise(tmp_path: Path) -> None:
    clean = cube()
    noise = read_labelled(run(tmp_path, clean)).values - np.asarray(clean.values)

    alike = np.corrcoef(noise.reshape(-1, 6).T) - np.eye(6)
    assert np.abs(alike).max() < 0.4


def test_values_are_not_clipped(tmp_path: Path) -> None:
    values = read_labelled(run(tmp_path, images())).values

    assert values.min() < 0


@pytest.mark.parametrize("make", [images, cube])
def test_labels_and_parts_are_those_of_the_task(
    tmp_path: Path, make: Callable[[], Labelled]
) -> None:
    clean = make()

    found = read_labelled(run(tmp_path, clean))

    assert np.array_equal(found.labels, clean.labels)
    assert np.array_equal(found.parts, clean.parts)
    facts = ("kind", "classes", "shift", "mirror", "image_features")
    assert all(getattr(found, fact) == getattr(clean, fact) for fact in facts)


def test_the_card_has_the_psnr_of_the_test_samples(tmp_path: Path) -> None:
    clean = images()

    folder = run(tmp_path, clean)

    degraded = read_labelled(folder).values
    psnrs = []
    for position in clean.positions(Part.TEST):
        error = np.asarray(clean.values[position], float) / 255 - degraded[position].clip(0, 1)
        psnrs.append(-10 * math.log10((error**2).mean()))
    card = read_card(folder)
    assert card.pop("psnr") == pytest.approx(sum(psnrs) / len(psnrs), abs=1e-4)
    assert card == {
        "task": "task",
        "from": "task",
        "degradation": "gaussian_25",
        "degradation_in_words": "Gaussian noise, \N{GREEK SMALL LETTER SIGMA}\N{NO-BREAK SPACE}25",
        "sigma_8bit": 25.0,
        "restored_by": None,
        "model": None,
        "psnr_input": None,
    }


@pytest.mark.parametrize(
    ("degraded_by", "label"),
    [(JPEG, "jpeg_30"), (BLIND, "gaussian_5-50"), (SHOT, "poisson_30_8bit"), (FULL, "bicubic_x2")],
)
def test_noise_without_one_sigma_has_none_on_the_card(
    tmp_path: Path, degraded_by: Degradation, label: str
) -> None:
    card = read_card(run(tmp_path, images(), degraded_by))

    assert card["sigma_8bit"] is None
    assert card["degradation"] == label


def test_a_single_level_may_be_a_list_of_one(tmp_path: Path) -> None:
    one = degradation(kind="gaussian", sigma_8bit=[25], quantise=False)

    assert read_card(run(tmp_path, images(), one))["sigma_8bit"] == 25.0


def test_the_same_command_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = (run(tmp_path / name, images(), SHOT) for name in ("a", "b"))

    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_features_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected images or a cube to degrade, came features"):
        run(tmp_path, features())


def test_several_levels_are_refused(tmp_path: Path) -> None:
    two = degradation(kind="gaussian", sigma_8bit=[15, 25], quantise=False)

    with pytest.raises(ValueError, match="a single level, came gaussian_15, gaussian_25"):
        run(tmp_path, images(), two)


def test_what_leaves_small_images_is_refused(tmp_path: Path) -> None:
    low = degradation(**SMALL, result="low")

    with pytest.raises(ValueError, match=r"bicubic_x2 makes \(4, 4\) of \(8, 8\) pixels"):
        run(tmp_path, images(), low)

    assert not (tmp_path / "task-degraded").exists()
