"""Labelled data of the user's own."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.images.files import ImageError
from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading import cube_folder, feature_folder, image_folders
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples
from pipeline.recognition.labelled.samples import UNLABELLED
from tests.unit.labelled_files import write_images, write_pairs, write_scene

# -------------------------------------------------------------------------- images


def test_folders_are_classes(tmp_path: Path) -> None:
    write_images(tmp_path, {"dog": 2, "cat": 3})

    samples = image_folders.read(tmp_path)

    assert samples.classes == ("cat", "dog")
    assert samples.labels.tolist() == [0, 0, 0, 1, 1]
    assert samples.values.shape == (5, 5, 6, 3)
    assert samples.values[:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1]
    assert samples.test is None


def test_folders_train_and_test_are_a_published_split(tmp_path: Path) -> None:
    write_images(tmp_path / "train", {"dog": 2, "cat": 1})
    write_images(tmp_path / "test", {"dog": 1, "cat": 1})

    samples = image_folders.read(tmp_path)

    assert samples.classes == ("cat", "dog")
    assert samples.labels.tolist() == [0, 1, 1, 0, 1]
    assert samples.test is not None
    assert samples.test.tolist() == [False, False, False, True, True]


@pytest.mark.parametrize("ending", [".bmp", ".tif", ".PNG", ".pgm"])
def test_any_image_format_and_gray_are_read(tmp_path: Path, ending: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (4, 4), 200).save(tmp_path / name / f"one{ending}")

    samples = image_folders.read(tmp_path)

    assert samples.values.shape == (2, 4, 4, 1)
    assert (samples.values == 200).all()


def test_a_class_is_the_same_however_its_accents_are_encoded(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFC", "caf\u00e9")
    write_images(tmp_path / "train", {name: 2, "dog": 1})
    write_images(tmp_path / "test", {unicodedata.normalize("NFD", name): 1, "dog": 1})

    samples = image_folders.read(tmp_path)

    assert samples.classes == (name, "dog")
    assert samples.labels.tolist() == [0, 0, 1, 0, 1]


@pytest.mark.parametrize("other", ["cafe\u0301", "a\nb"])
def test_classes_whose_names_are_one_or_cannot_be_listed_are_refused(
    tmp_path: Path, other: str
) -> None:
    write_images(tmp_path, {"caf\u00e9": 1, other: 1})

    with pytest.raises(DatasetError, match="names that can be listed, each another one"):
        image_folders.read(tmp_path)


def test_hidden_files_and_notes_do_not_count(tmp_path: Path) -> None:
    write_images(tmp_path, {"dog": 1, "cat": 1, ".cache": 1})
    (tmp_path / "dog" / "000.txt").write_text("A dog.")
    (tmp_path / "dog" / ".DS_Store").write_text("")

    assert len(image_folders.read(tmp_path).values) == 2


@pytest.mark.parametrize(
    ("image", "came"),
    [
        (Image.new("RGB", (7, 5)), "7x5 pixels in colour"),
        (Image.new("L", (6, 5)), "6x5 pixels in gray"),
    ],
)
def test_image_of_another_size_or_colour_is_named(
    tmp_path: Path, image: Image.Image, came: str
) -> None:
    write_images(tmp_path, {"dog": 3, "cat": 3})
    image.save(tmp_path / "dog" / "001.png")

    with pytest.raises(DatasetError, match=rf"dog/001\.png: expected 6x5 .*000\.png, came {came}"):
        image_folders.read(tmp_path)


def test_damaged_image_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, {"dog": 3, "cat": 3})
    (tmp_path / "dog" / "002.png").write_bytes(b"words")

    with pytest.raises(ImageError, match=r"dog/002\.png"):
        image_folders.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda _: None, "two or more; came none"),
        (lambda f: write_images(f, {"dog": 1}), "two or more; came dog"),
        (lambda f: [(f / n).mkdir() for n in "ab"], "a: expected images of one class.*came none"),
        (lambda f: [write_images(f / n, {"x": 1}) for n in "ab"], "came a folder in it: x"),
        (
            lambda f: [write_images(f / n, {"x": 1, "y": 1}) for n in ("train", "test", "rest")],
            "came rest beside train and test",
        ),
    ],
)
def test_folder_of_another_form_is_refused(tmp_path: Path, change: Any, fault: str) -> None:
    change(tmp_path)

    with pytest.raises(DatasetError, match=fault):
        image_folders.read(tmp_path)


def test_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected a folder of images at .*nowhere"):
        image_folders.read(tmp_path / "nowhere")


# --------------------------------------------------------------------------- cubes


def test_zero_is_unlabelled_and_classes_have_their_names(tmp_path: Path) -> None:
    write_scene(tmp_path, np.ones((2, 2, 3)), np.array([[0, 1], [2, 2]]))
    (tmp_path / "classes.txt").write_text("wood\nwater\n")

    samples = cube_folder.read(tmp_path)

    assert samples.classes == ("wood", "water")
    assert samples.labels.tolist() == [[UNLABELLED, 0], [1, 1]]
    assert samples.values.dtype == np.float32


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        ([[-1, 0], [1, 1]], ("0", "1"), [[-1, 0], [1, 1]]),
        ([[-1, 1], [2, 2]], ("1", "2"), [[-1, 0], [1, 1]]),
        ([[1, 1], [2, 2]], ("1", "2"), [[0, 0], [1, 1]]),
    ],
)
def test_minus_one_is_unlabelled_as_well(
    tmp_path: Path, labels: Any, classes: tuple[str, ...], expected: Any
) -> None:
    write_scene(tmp_path, np.ones((2, 2, 3)), np.array(labels, np.int32))

    samples = cube_folder.read(tmp_path)

    assert samples.classes == classes
    assert samples.labels.tolist() == expected


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda f: (f / "cube.npy").unlink(), r"cube\.npy: expected this file, there is none"),
        (lambda f: (f / "cube.npy").write_bytes(b"words"), r"cube\.npy: expected an array"),
        (lambda f: np.save(f / "cube.npy", np.ones((2, 2))), r"3 dimensions.*\(2, 2\)"),
        (lambda f: np.save(f / "cube.npy", np.full((2, 2, 1), "a")), "expected real numbers"),
        (lambda f: np.save(f / "cube.npy", np.full((2, 2, 1), 1j)), "expected real numbers"),
        (
            lambda f: np.save(f / "cube.npy", np.array([[[{}]]]), allow_pickle=True),
            r"cube\.npy: expected an array",
        ),
        (lambda f: np.save(f / "labels.npy", np.full((2, 2), 0.5)), "expected whole numbers"),
        (lambda f: np.save(f / "labels.npy", np.full((2, 2), np.nan)), "expected whole numbers"),
        (lambda f: np.save(f / "labels.npy", np.full((2, 2), 10**9)), "10000 at most; came 10"),
        (lambda f: (f / "classes.txt").write_text("wood\n"), r"labels up to 1.*came 2"),
        (lambda f: (f / "classes.txt").write_text("wood\nwood\n"), "'wood' too often"),
        (lambda f: (f / "classes.txt").write_text("wood\n\n"), "an empty line"),
        (lambda f: (f / "classes.txt").write_bytes(b"\xff\xfe"), r"classes\.txt: expected a name"),
    ],
)
def test_fault_in_a_scene_is_named(tmp_path: Path, change: Any, fault: str) -> None:
    write_scene(tmp_path, np.ones((2, 2, 3)), np.array([[0, 1], [2, 2]]))
    change(tmp_path)

    with pytest.raises(DatasetError, match=fault):
        cube_folder.read(tmp_path)


# ------------------------------------------------------------------------ features


def test_features_become_pairs(tmp_path: Path) -> None:
    image, text = np.arange(6.0).reshape(3, 2), np.arange(12).reshape(3, 4)
    write_pairs(tmp_path, image, text, np.array([0, 1, 1]))

    samples = feature_folder.read(tmp_path)

    np.testing.assert_array_equal(samples.values, np.hstack([image, text]))
    assert samples.image_features == 2
    assert samples.classes == ("0", "1")


def test_features_are_the_same_after_they_were_written(tmp_path: Path) -> None:
    pairs = UnsplitSamples(
        classes=("wood", "water"),
        values=np.arange(18, dtype=np.float32).reshape(3, 6),
        labels=np.array([0, 1, 1], np.int16),
        test=np.array([True, False, True]),
        image_features=2,
    )

    feature_folder.write(tmp_path, pairs)

    read = feature_folder.read(tmp_path)
    np.testing.assert_array_equal(read.values, pairs.values)
    np.testing.assert_array_equal(read.labels, pairs.labels)
    np.testing.assert_array_equal(read.test, pairs.test)
    assert (read.classes, read.image_features) == (pairs.classes, 2)


@pytest.mark.parametrize(
    ("name", "values", "fault"),
    [
        ("text", np.ones((2, 4)), r"as many texts .*\(3, 2\) and \(2, 4\): each image needs"),
        ("labels", np.zeros(2, int), "a label for each of 3 pairs, came 2"),
        ("labels", np.array([0, -1, 1]), "labels from 0 on, came -1"),
        ("labels", np.zeros((3, 1), int), "1 dimensions"),
        ("image", np.ones(3), "2 dimensions"),
        ("test", np.ones(2, bool), "true or false for each of 3 pairs, came 2 values of bool"),
        ("test", np.ones(3), "came 3 values of float64"),
    ],
)
def test_mismatched_pairs_are_refused(tmp_path: Path, name: str, values: Any, fault: str) -> None:
    write_pairs(tmp_path, np.ones((3, 2)), np.ones((3, 4)), np.array([0, 1, 1]))
    np.save(tmp_path / f"{name}.npy", values)

    with pytest.raises(DatasetError, match=fault):
        feature_folder.read(tmp_path)
