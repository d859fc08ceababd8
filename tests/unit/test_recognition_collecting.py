"""From the entry of a task to its samples, each in a part."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.collecting_task import collect_task
from pipeline.recognition.labelled.samples import (
    UNLABELLED,
    Labelled,
    Part,
    read_labelled,
    write_labelled,
)
from pipeline.settings.tasks import CubeTask, FeatureTask, ImageTask
from tests.unit.image_sets import CATALOGUES, describe
from tests.unit.labelled_files import (
    batch,
    random_bytes,
    write_batches,
    write_images,
    write_matlab,
    write_pairs,
    write_published,
    write_scene,
)

RANDOM = {"kind": "random", "train": 0.5, "validation": 0}
PUBLISHED = {"kind": "published", "validation": 0}


def images(source: Path, **split: Any) -> ImageTask:
    return ImageTask.model_validate(
        {"kind": "images", "source": str(source), "split": split, "shift": 2, "mirror": True}
    )


def cube(source: Path, *ignore: str, **split: Any) -> CubeTask:
    return CubeTask.model_validate(
        {"kind": "cube", "source": str(source), "split": split, "ignore": list(ignore)}
    )


def features(source: Path, **split: Any) -> FeatureTask:
    return FeatureTask.model_validate({"kind": "features", "source": str(source), "split": split})


def collect(
    task: ImageTask | CubeTask | FeatureTask, tmp_path: Path, mirror: Path | None = None
) -> Labelled:
    return collect_task(
        task,
        name="mine",
        source=Path(task.source),
        downloads=tmp_path / "data" / "downloads",
        mirror=str(mirror) if mirror else None,
        seed=0,
        accepted_terms=tmp_path / "accepted",
        retry_after=(),
    )


def test_what_may_be_done_to_an_image_comes_from_the_task(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "own", {"dog": 4, "cat": 4})

    labelled = collect(images(folder, **RANDOM), tmp_path)

    assert (labelled.shift, labelled.mirror) == (2, True)
    assert labelled.kind == "images"
    assert len(labelled.positions(Part.TRAIN)) == 4


def test_samples_are_the_same_after_they_were_written(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "own", {"dog": 4, "cat": 4})
    labelled = collect(images(folder, **RANDOM), tmp_path)
    (tmp_path / "out").mkdir()

    write_labelled(tmp_path / "out", labelled, {})

    read = read_labelled(tmp_path / "out")
    np.testing.assert_array_equal(read.values, labelled.values)
    np.testing.assert_array_equal(read.parts, labelled.parts)
    assert read.classes == labelled.classes


# --------------------------------------------------------------------------- cubes


def scene() -> tuple[Any, Any]:
    """Return a cube in the numbers of a sensor, and labels of three classes."""
    rng = np.random.default_rng(0)
    return rng.integers(900, 9000, (20, 20, 4)), rng.integers(0, 4, (20, 20))


def test_cube_is_scaled_by_its_own_range_and_spectra_keep_their_shape(tmp_path: Path) -> None:
    values, labels = scene()
    values[3, 3, 2] = 500
    folder = write_scene(tmp_path / "own", values, labels)

    labelled = collect(cube(folder, **RANDOM), tmp_path)

    expected = (values - 500) / (values.max() - 500)
    assert labelled.values.dtype == np.float32
    assert (labelled.values.min(), labelled.values.max()) == (0, 1)
    np.testing.assert_allclose(labelled.values, expected, atol=1e-6)


def test_ignored_class_becomes_unlabelled_and_the_others_move_up(tmp_path: Path) -> None:
    values, labels = scene()
    folder = write_scene(tmp_path / "own", values, labels)
    (folder / "classes.txt").write_text("wood\nwater\nwheat\n")

    labelled = collect(cube(folder, "water", **RANDOM), tmp_path)

    assert labelled.classes == ("wood", "wheat")
    expected = np.array([UNLABELLED, 0, UNLABELLED, 1])[labels]
    np.testing.assert_array_equal(labelled.labels, expected)
    assert (labelled.parts[labels == 2] == Part.NONE).all()


def test_ignored_class_that_is_none_is_named_with_the_nearest(tmp_path: Path) -> None:
    folder = write_scene(tmp_path / "own", *scene())
    (folder / "classes.txt").write_text("wood\nwater\nwheat\n")

    with pytest.raises(DatasetError, match=r"tasks\.mine\.ignore: no class 'weat': .* 'wheat'"):
        collect(cube(folder, "weat", **RANDOM), tmp_path)


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    folder = write_scene(tmp_path / "own", *scene())

    with pytest.raises(DatasetError, match="two classes or more to tell apart, came 1"):
        collect(cube(folder, "2", "3", **RANDOM), tmp_path)


def test_bands_without_numbers_are_named(tmp_path: Path) -> None:
    values, labels = scene()
    values = values.astype(np.float64)
    values[5, 5, 1], values[0, 0, 3] = np.nan, np.inf
    folder = write_scene(tmp_path / "own", values, labels)

    with pytest.raises(DatasetError, match="NaN or infinity in 2 of 4 bands, counted from 0: 1, 3"):
        collect(cube(folder, **RANDOM), tmp_path)


@pytest.mark.parametrize(
    ("values", "labels", "fault"),
    [
        (
            np.arange(48).reshape(4, 4, 3),
            np.ones((4, 3)),
            "each of 4x4 pixels of the cube, came 4x3",
        ),
        (np.arange(48).reshape(4, 4, 3), np.zeros((4, 4)), "none has a label"),
        (np.ones((4, 4, 3)), np.ones((4, 4)), r"values that differ, all are 1\.0"),
    ],
)
def test_scene_that_nothing_can_be_learnt_from_is_refused(
    tmp_path: Path, values: Any, labels: Any, fault: str
) -> None:
    folder = write_scene(tmp_path / "own", values, labels)

    with pytest.raises(
        DatasetError, match=f"task 'mine': expected .*{fault}|task 'mine': .*{fault}"
    ):
        collect(cube(folder, **RANDOM), tmp_path)


def test_features_without_numbers_are_named(tmp_path: Path) -> None:
    image = np.ones((4, 3))
    image[2, 1] = np.nan
    folder = write_pairs(tmp_path / "own", image, np.ones((4, 2)), np.array([0, 1, 0, 1]))

    with pytest.raises(DatasetError, match="in 1 of 5 features, counted from 0: 1"):
        collect(features(folder, **RANDOM), tmp_path)


# ------------------------------------------------------------------ published sets


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_published_scene_comes_from_a_mirror_and_its_checksums_are_recorded(
    tmp_path: Path, version: str
) -> None:
    values, labels = scene()
    folder = tmp_path / "mirror" / "fields"
    folder.mkdir(parents=True)
    files = {
        "cube": write_matlab(folder / "cube.mat", version, fields=values),
        "labels": write_matlab(folder / "gt.mat", version, fields_gt=labels),
    }
    catalogue = write_published(
        tmp_path / "fields", "matlab_scene", ["wood", "water", "wheat"], files
    )
    task = cube(catalogue, kind="disjoint", train=0.3, validation=0.1, margin=2)

    labelled = collect(task, tmp_path, tmp_path / "mirror")

    np.testing.assert_array_equal(labelled.labels, labels - 1)
    assert {len(labelled.positions(part)) > 0 for part in Part} == {True}
    files["cube"].write_bytes(files["labels"].read_bytes())
    with pytest.raises(DatasetError, match=r"cube\.mat .* cannot be had"):
        collect(task, tmp_path, tmp_path / "mirror")


def test_archive_of_cifar_10_is_held_against_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "mirror" / "cifar10").mkdir(parents=True)
    one = batch(random_bytes(4, 32, 32, 3), [0, 1, 0, 1])
    archive = write_batches(
        tmp_path / "mirror" / "cifar10" / "cifar-10-python.tar.gz",
        {"data_batch_1": one, "test_batch": one},
    )
    catalogue = describe(
        tmp_path / "cifar10",
        content="arrays",
        layout="cifar_batches",
        classes=["airplane", "automobile"],
        archives=[{"file": archive.name, "urls": [], "bytes": archive.stat().st_size}],
    )

    labelled = collect(images(catalogue, **PUBLISHED), tmp_path, tmp_path / "mirror")

    assert labelled.values.shape == (8, 32, 32, 3)
    assert labelled.positions(Part.TEST).tolist() == [4, 5, 6, 7]
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(DatasetError, match=r"cifar-10-python\.tar\.gz .* cannot be had"):
        collect(images(catalogue, **PUBLISHED), tmp_path, tmp_path / "mirror")


@pytest.mark.parametrize(
    ("catalogue", "fault"),
    [
        ("set5", r"tasks\.mine\.source: expected a published set with labels, came 'set5'"),
        ("samson", r"tasks\.mine\.kind: expected 'cube', what 'samson' holds; came 'images'"),
    ],
)
def test_set_of_another_kind_is_refused_before_anything_is_fetched(
    tmp_path: Path, catalogue: str, fault: str
) -> None:
    with pytest.raises(DatasetError, match=fault):
        collect(images(CATALOGUES / catalogue, **RANDOM), tmp_path)

    assert not (tmp_path / "data").exists()


def test_unknown_layout_is_named_with_the_nearest(tmp_path: Path) -> None:
    catalogue = write_published(tmp_path / "mine", "cifar_sheet", ["a", "b"], {"x": tmp_path / "x"})

    with pytest.raises(DatasetError, match=r"set\.toml: layout: unknown .* is 'cifar_sheets'"):
        collect(images(catalogue, **RANDOM), tmp_path)


def test_other_file_in_a_package_is_refused(tmp_path: Path) -> None:
    catalogue = tmp_path / "lfw_subset"
    catalogue.mkdir()
    for name in ("set.toml", "files.csv"):
        text = (CATALOGUES / "lfw_subset" / name).read_text()
        (catalogue / name).write_text(text.replace("9560ec", "0" * 6))

    with pytest.raises(DatasetError, match=r"lfw_subset\.npy of scikit-image .*reinstall"):
        collect(images(catalogue, **RANDOM), tmp_path)


@pytest.mark.parametrize(
    ("name", "samples", "classes"), [("lfw_subset", 200, 2), ("digits", 1797, 10)]
)
def test_sets_in_packages_need_no_network(
    tmp_path: Path, name: str, samples: int, classes: int
) -> None:
    labelled = collect(
        images(CATALOGUES / name, kind="folds", folds=5, test=0, validation=1), tmp_path
    )

    assert labelled.samples == samples
    assert len(labelled.classes) == classes
    assert abs(len(labelled.positions(Part.TEST)) - samples / 5) <= 1


def test_cifar_10_sheets_have_the_publishers_test_images(tmp_path: Path, real_data: Path) -> None:
    task = images(CATALOGUES / "cifar10_subset", kind="published", validation=0.1)

    labelled = collect(task, tmp_path, real_data)

    sizes = [len(labelled.positions(part)) for part in (Part.TRAIN, Part.VALIDATION, Part.TEST)]
    assert sizes == [3600, 400, 1000]


@pytest.mark.parametrize(
    ("margin", "sizes"), [(8, [28 * 95, 10 * 95, 41 * 95]), (24, [28 * 95, 10 * 95, 9 * 95])]
)
def test_parts_of_samson_lie_side_by_side(
    tmp_path: Path, real_data: Path, margin: int, sizes: list[int]
) -> None:
    task = cube(CATALOGUES / "samson", kind="disjoint", train=0.3, validation=0.1, margin=margin)

    labelled = collect(task, tmp_path, real_data)

    parts = [Part.TRAIN, Part.VALIDATION, Part.TEST]
    assert [len(labelled.positions(part)) for part in parts] == sizes
    for part in parts:
        assert len(np.unique(labelled.labels[labelled.parts == part])) == 3


def test_partial_features_of_pascal_are_said_to_be_partial(
    tmp_path: Path, real_data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pipeline")
    task = features(CATALOGUES / "dscmr_pascal", kind="folds", folds=5, test=0, validation=None)

    labelled = collect(task, tmp_path, real_data)

    assert labelled.values.shape == (100, 4396)
    assert "only the pairs that the publisher tests on are here" in caplog.text
    assert "train 80, validation 0, test 20, unused 0" in caplog.text
    with pytest.raises(DatasetError, match="expected 'random' or 'folds'"):
        collect(features(CATALOGUES / "dscmr_pascal", **PUBLISHED), tmp_path, real_data)


def test_log_counts_samples_classes_parts_and_the_unused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pipeline")
    labels = np.zeros((10, 4), int)
    labels[:, 1], labels[:, 2] = 1, 2
    folder = write_scene(tmp_path / "own", np.arange(120).reshape(10, 4, 3), labels)

    collect(cube(folder, kind="disjoint", train=0.3, validation=0, margin=2), tmp_path)

    assert "parts lie side by side along the rows from the" in caplog.text
    assert (
        "task 'mine': 20 samples of 2 classes (1 10, 2 10): train 6, validation 0, test 10, "
        "unused 4, without a class 20"
    ) in caplog.text


@pytest.mark.parametrize("validation", [0, 0.5], ids=["training", "validation"])
def test_test_samples_that_are_taught_as_well_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, validation: float
) -> None:
    folder = tmp_path / "photos"
    for part in ("train", "test"):
        write_images(folder / part, {"cat": 4, "dog": 4}, size=(9, 9))
    for number, path in enumerate(sorted((folder / "test").glob("*/*.png"))):
        pixels = np.full((9, 9, 3), 200 + number, np.uint8)
        Image.fromarray(pixels).save(path)
    shutil.copy(folder / "train" / "cat" / "000.png", folder / "test" / "dog" / "000.png")
    shutil.copy(folder / "train" / "cat" / "001.png", folder / "test" / "cat" / "001.png")

    collect(images(folder, kind="published", validation=validation), tmp_path)

    assert "task 'mine': 2 of 8 test samples are among those of training" in caplog.text


def test_nothing_is_told_where_all_samples_differ(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_images(tmp_path / "photos", {"cat": 4})
    (folder / "dog").mkdir()
    for number in range(4):
        pixels = np.full((5, 6, 3), 200 + number, np.uint8)
        Image.fromarray(pixels).save(folder / "dog" / f"{number}.png")

    collect(images(folder, **RANDOM), tmp_path)

    assert "among those of training" not in caplog.text
