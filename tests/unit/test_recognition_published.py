"""Readers of published sets: real files where they are at hand, else files of the same format."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.datasets.catalogue import list_catalogues, read_catalogue
from pipeline.datasets.package_files import file_in_package
from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading import (
    LAYOUTS,
    abundances,
    cifar_batches,
    cifar_sheets,
    digits_table,
    dscmr,
    lfw_stack,
    matlab_scene,
)
from pipeline.recognition.labelled.samples import UNLABELLED
from tests.unit.image_sets import CATALOGUES
from tests.unit.labelled_files import (
    CIFAR,
    batch,
    random_bytes,
    write_batches,
    write_matlab,
    write_table,
)

# ------------------------------------------------------------------------ CIFAR-10


def write_sheets(folder: Path, images: np.ndarray, labels: list[int]) -> dict[str, Path]:
    """Write the same images as a training and as a test sheet."""
    lines = ["batch_file,row,label"]
    files = {"labels": folder / "labels.csv"}
    for name in ("cifar10_batch_0", "cifar10_batch_50"):
        files[name] = folder / f"{name}.png"
        Image.fromarray(images.reshape(len(images), 32 * 32, 3)).save(files[name])
        lines += [f"{name}.png,{row},{label}" for row, label in enumerate(labels)]
    files["labels"].write_text("\n".join(lines))
    return files


def test_rows_of_a_sheet_become_images(tmp_path: Path) -> None:
    images = random_bytes(3, 32, 32, 3)

    samples = cifar_sheets.read(write_sheets(tmp_path, images, [4, 0, 2]), CIFAR)

    np.testing.assert_array_equal(samples.values, np.concatenate([images, images]))
    assert samples.labels.tolist() == [4, 0, 2, 4, 0, 2]
    assert samples.test is not None
    assert samples.test.tolist() == [False] * 3 + [True] * 3


def test_sheets_of_cifar_10_are_all_there(real_data: Path) -> None:
    folder = real_data / "cifar10_subset"
    files = {path.stem: path for path in folder.iterdir()}

    samples = cifar_sheets.read(files, read_catalogue(CATALOGUES / "cifar10_subset").classes)

    assert samples.values.shape == (5000, 32, 32, 3)
    assert samples.test is not None
    assert samples.test.sum() == 1000
    assert samples.test[4000:].all()
    assert [samples.classes[label] for label in samples.labels[:4]] == [
        "frog",
        "truck",
        "truck",
        "deer",
    ]
    # Ships stand in blue, frogs in green and brown.
    blue = [
        samples.values[samples.labels == samples.classes.index(name), ..., 2].mean()
        - samples.values[samples.labels == samples.classes.index(name), ..., 0].mean()
        for name in ("ship", "frog")
    ]
    assert blue[0] > 0 > blue[1]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda f: Image.new("RGB", (1000, 3)).save(f["cifar10_batch_0"]), "1024 pixels wide"),
        (lambda f: Image.new("L", (1024, 3)).save(f["cifar10_batch_0"]), "1 channels"),
        (lambda f: f["cifar10_batch_0"].write_bytes(b"\x89PNG\r\n"), r"batch_0\.png"),
        (lambda f: f["labels"].write_text("batch_file,row,label\n"), "3 of the 3 images in"),
        (
            lambda f: f["labels"].write_text("batch_file,row,label\na.png,one,2\n"),
            "whole number for row",
        ),
        (lambda f: f["labels"].write_text("file,label\na.png,2\n"), "columns batch_file, row"),
    ],
)
def test_damaged_sheet_is_named(tmp_path: Path, damage: Any, fault: str) -> None:
    files = write_sheets(tmp_path, random_bytes(3, 32, 32, 3), [4, 0, 2])
    damage(files)

    with pytest.raises(ValueError, match=fault):
        cifar_sheets.read(files, CIFAR)


def test_label_beyond_the_classes_is_refused(tmp_path: Path) -> None:
    files = write_sheets(tmp_path, random_bytes(1, 32, 32, 3), [5])

    with pytest.raises(DatasetError, match=r"labels\.csv: expected labels up to 4.*came 5"):
        cifar_sheets.read(files, CIFAR)


def read_batches(path: Path) -> Any:
    return cifar_batches.read({"cifar-10-python.tar.gz": path}, CIFAR)


def test_batches_come_in_their_order_with_the_test_batch_last(tmp_path: Path) -> None:
    images = random_bytes(4, 32, 32, 3)
    archive = write_batches(
        tmp_path / "a.tar.gz",
        {
            "test_batch": batch(images[3:], [3]),
            "data_batch_2": batch(images[2:3], [2]),
            "data_batch_1": batch(images[:2], [0, 1]),
            "readme.html": b"<html>",
        },
    )

    samples = read_batches(archive)

    np.testing.assert_array_equal(samples.values, images)
    assert samples.labels.tolist() == [0, 1, 2, 3]
    assert samples.test.tolist() == [False, False, False, True]


@pytest.mark.parametrize("core", ["core", "_core"])
def test_batches_of_older_and_newer_numpy_are_read(tmp_path: Path, core: str) -> None:
    images = random_bytes(1, 32, 32, 3)
    one = batch(images, [1], core)
    archive = write_batches(tmp_path / "a.tar.gz", {"data_batch_1": one, "test_batch": one})

    samples = read_batches(archive)

    np.testing.assert_array_equal(samples.values, np.concatenate([images, images]))


class Harmful:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_pickle_that_runs_code_is_refused_before_it_does(tmp_path: Path) -> None:
    target = tmp_path / "run"
    bad = pickle.dumps({b"data": Harmful(target), b"labels": [0]})
    archive = write_batches(tmp_path / "a.tar.gz", {"data_batch_1": bad})

    with pytest.raises(DatasetError, match="data_batch_1: expected arrays and nothing else"):
        read_batches(archive)

    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"no pickle", "expected a pickled batch"),
        (batch(random_bytes(2, 32, 32, 3), [0, 1])[:-20], "expected a pickled batch"),
        (pickle.dumps([1, 2]), "expected a pickled batch"),
        (pickle.dumps({b"data": 3, b"labels": [0]}), r"8-bit numbers \(N, 3072\)"),
        (pickle.dumps({b"data": np.zeros((2, 3072)), b"labels": [0, 1]}), "came float64"),
        (batch(random_bytes(2, 32, 32, 3), [0]), r"came uint8 \(2, 3072\) and \(1,\)"),
    ],
)
def test_damaged_batch_is_named(tmp_path: Path, content: bytes, fault: str) -> None:
    archive = write_batches(tmp_path / "a.tar.gz", {"data_batch_1": content})

    with pytest.raises(DatasetError, match=rf"a\.tar\.gz: data_batch_1: .*{fault}"):
        read_batches(archive)


def test_archive_without_a_test_batch_is_refused(tmp_path: Path) -> None:
    one = batch(random_bytes(1, 32, 32, 3), [0])
    archive = write_batches(tmp_path / "a.tar.gz", {"data_batch_1": one, "data_batch_2": one})

    with pytest.raises(DatasetError, match="test_batch; came data_batch_1, data_batch_2"):
        read_batches(archive)


def test_truncated_archive_is_named(tmp_path: Path) -> None:
    one = batch(random_bytes(3, 32, 32, 3), [0, 1, 2])
    archive = write_batches(tmp_path / "a.tar.gz", {"data_batch_1": one, "test_batch": one})
    archive.write_bytes(archive.read_bytes()[:3000])

    with pytest.raises(DatasetError, match=r"a\.tar\.gz: expected a whole tar archive"):
        read_batches(archive)


# -------------------------------------------------------------------------- scenes


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_scene_is_read_from_both_versions_of_matlab_files(tmp_path: Path, version: str) -> None:
    cube = np.arange(4 * 3 * 5, dtype=np.uint16).reshape(4, 3, 5) * 1000
    labels = np.arange(12, dtype=np.uint8).reshape(4, 3) % 3
    files = {
        "cube": write_matlab(tmp_path / "cube.mat", version, salinas_corrected=cube),
        "labels": write_matlab(tmp_path / "gt.mat", version, salinas_gt=labels),
    }

    samples = matlab_scene.read(files, ("one", "two"))

    np.testing.assert_array_equal(samples.values, cube.astype(np.float32))
    np.testing.assert_array_equal(samples.labels, labels.astype(int) - 1)
    assert samples.labels.min() == UNLABELLED


@pytest.mark.parametrize("name", ["indian_pines", "salinas", "pavia_university"])
def test_catalogues_of_scenes_name_what_the_reader_asks_for(name: str) -> None:
    catalogue = read_catalogue(CATALOGUES / name)

    assert catalogue.layout == "matlab_scene"
    assert {entry.image for entry in catalogue.entries} == {"cube", "labels"}
    assert len(catalogue.classes) == (9 if name == "pavia_university" else 16)


def test_labels_of_indian_pines_have_their_classes(real_data: Path, tmp_path: Path) -> None:
    cube = write_matlab(tmp_path / "cube.mat", "5", cube=np.ones((145, 145, 2)))
    catalogue = read_catalogue(CATALOGUES / "indian_pines")

    samples = matlab_scene.read(
        {"cube": cube, "labels": real_data / "indian_pines" / "Indian_pines_gt.mat"},
        catalogue.classes,
    )

    counts = {
        name: int((samples.labels == label).sum()) for label, name in enumerate(samples.classes)
    }
    assert sum(counts.values()) == 10249
    assert (counts["Oats"], counts["Soybean-mintill"], counts["Alfalfa"]) == (20, 2455, 46)


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"a": np.zeros((3, 4))}, r"one array of 3 dimensions, came a \(3, 4\)"),
        ({"a": np.zeros((3, 4, 2)), "b": np.zeros((3, 4, 2))}, r"came a \(3, 4, 2\), b"),
        ({}, "came none"),
        ({"a": np.zeros((3, 4, 2), complex)}, "came none"),
    ],
)
def test_matlab_file_without_a_cube_is_named(tmp_path: Path, arrays: Any, fault: str) -> None:
    files = {"cube": write_matlab(tmp_path / "cube.mat", "5", **arrays), "labels": tmp_path}

    with pytest.raises(DatasetError, match=rf"cube\.mat: expected {fault}|{fault}"):
        matlab_scene.read(files, ("one",))


@pytest.mark.parametrize("content", [b"", b"words", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_file_that_is_no_matlab_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cube.mat").write_bytes(content)

    with pytest.raises(DatasetError, match=r"cube\.mat: expected"):
        matlab_scene.read({"cube": tmp_path / "cube.mat"}, ("one",))


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_truncated_matlab_file_is_named(tmp_path: Path, version: str) -> None:
    path = write_matlab(
        tmp_path / "cube.mat", version, cube=np.random.default_rng(0).random((9, 9, 9))
    )
    path.write_bytes(path.read_bytes()[:-3000])

    with pytest.raises(DatasetError, match=r"cube\.mat: expected a MATLAB file"):
        matlab_scene.read({"cube": path}, ("one",))


def test_fractions_are_no_labels(tmp_path: Path) -> None:
    files = {
        "cube": write_matlab(tmp_path / "cube.mat", "5", a=np.zeros((2, 2, 2))),
        "labels": write_matlab(tmp_path / "gt.mat", "5", a=np.array([[1.0, 0.5], [0, 1]])),
    }

    with pytest.raises(DatasetError, match=r"gt\.mat: expected whole numbers"):
        matlab_scene.read(files, ("one",))


def test_pixels_of_an_abundance_file_lie_column_by_column(tmp_path: Path) -> None:
    spectra = np.arange(9.0)[None].repeat(2, 0)
    shares = np.zeros((2, 9))
    shares[0], shares[1, 1] = 0.5, 0.9
    files = {"cube": write_matlab(tmp_path / "s.mat", "5", Y=spectra, A=shares)}

    samples = abundances.read(files, ("a", "b"))

    assert samples.values[..., 0].tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert samples.labels.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_classes_of_samson_have_the_spectra_of_their_names(real_data: Path) -> None:
    files = {"cube": real_data / "samson" / "samson_dataset.mat"}

    samples = abundances.read(files, read_catalogue(CATALOGUES / "samson").classes)

    assert samples.values.shape == (95, 95, 156)
    spectra = {
        name: samples.values[samples.labels == label].mean(0)
        for label, name in enumerate(samples.classes)
    }
    # Red is near band 80, near infrared near 140: leaves reflect the latter alone, water neither.
    assert spectra["tree"][140] > 5 * spectra["tree"][80]
    assert spectra["soil"][140] < 3 * spectra["soil"][80]
    assert max(spectra["water"][100:]) < min(spectra["soil"][100:])


@pytest.mark.parametrize(
    "arrays",
    [
        {"Y": np.zeros((2, 8)), "A": np.zeros((2, 8))},
        {"Y": np.zeros((2, 9))},
        {"A": np.zeros((2, 9))},
    ],
)
def test_abundance_file_of_another_form_is_refused(tmp_path: Path, arrays: Any) -> None:
    files = {"cube": write_matlab(tmp_path / "s.mat", "5", **arrays)}

    with pytest.raises(DatasetError, match=r"s\.mat: expected spectra Y .* of a square scene"):
        abundances.read(files, ("a", "b"))


# -------------------------------------------------------------------------- features


def write_dscmr(folder: Path, parts: tuple[str, ...], rows: int = 4) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    files = {}
    for part in parts:
        arrays: dict[str, Any] = {
            f"{part}_img": rng.random((rows, 6), np.float32),
            f"{part}_txt": rng.random((rows, 3), np.float32),
            f"{part}_img_lab": np.arange(rows)[:, None] % 2,
        }
        for name, value in arrays.items():
            files[name] = write_matlab(folder / f"{name}.mat", "5", **{name: value})
    return files


def test_complete_features_are_pairs_with_the_publishers_split(tmp_path: Path) -> None:
    samples = dscmr.read(write_dscmr(tmp_path, ("train", "test")), ("a", "b"))

    assert samples.values.shape == (8, 9)
    assert samples.image_features == 6
    assert samples.test is not None
    assert samples.test.tolist() == [False] * 4 + [True] * 4
    assert samples.labels.tolist() == [0, 1] * 4
    assert samples.note is None


def test_without_images_to_train_on_only_the_test_pairs_are_there(real_data: Path) -> None:
    files = {path.stem: path for path in (real_data / "dscmr_pascal").iterdir()}

    samples = dscmr.read(files, read_catalogue(CATALOGUES / "dscmr_pascal").classes)

    assert samples.values.shape == (100, 4096 + 300)
    assert samples.image_features == 4096
    assert samples.test is None
    assert samples.note is not None
    assert np.bincount(samples.labels).tolist() == [5] * 20


def test_catalogue_of_all_features_asks_for_what_the_reader_knows() -> None:
    catalogue = read_catalogue(CATALOGUES / "dscmr_pascal_complete")

    assert {entry.image for entry in catalogue.entries} == {
        f"{part}_{what}" for part in ("train", "test") for what in ("img", "txt", "img_lab")
    }


def test_mismatched_pairs_are_refused(tmp_path: Path) -> None:
    files = write_dscmr(tmp_path, ("train", "test"))
    write_matlab(files["test_txt"], "5", test_txt=np.zeros((3, 3), np.float32))

    with pytest.raises(
        DatasetError, match=r"test_txt\.mat: .*as many texts.*\(4, 6\) and \(3, 3\)"
    ):
        dscmr.read(files, ("a", "b"))


def test_features_of_two_lengths_are_refused(tmp_path: Path) -> None:
    files = write_dscmr(tmp_path, ("train", "test"))
    write_matlab(files["test_txt"], "5", test_txt=np.zeros((4, 2), np.float32))

    with pytest.raises(DatasetError, match="expected features of one length in both parts"):
        dscmr.read(files, ("a", "b"))


# --------------------------------------------------------------------- in packages


def files_of(name: str) -> dict[str, Path]:
    catalogue = read_catalogue(CATALOGUES / name)
    assert catalogue.package is not None
    return {
        entry.image: file_in_package(entry.file, catalogue.package, name)
        for entry in catalogue.entries
    }


def test_faces_come_before_what_is_none() -> None:
    samples = lfw_stack.read(files_of("lfw_subset"), ("face", "other"))

    assert samples.values.shape == (200, 25, 25, 1)
    assert samples.values.dtype == np.float32
    assert 0 <= samples.values.min() < samples.values.max() <= 1
    assert samples.labels.tolist() == [0] * 100 + [1] * 100
    alike = [likeness(samples.values[samples.labels == label]) for label in (0, 1)]
    assert alike[0] > 0.5 > alike[1]


def likeness(images: Any) -> float:
    """Return the mean correlation of images with the mean of them all."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat -= flat.mean(1, keepdims=True)
    flat /= flat.std(1, keepdims=True) + 1e-9
    mean = flat.mean(0)
    return float((flat @ mean).mean() / flat.shape[1] / mean.std())


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    expected = load_digits()

    samples = digits_table.read(files_of("digits"), tuple("0123456789"))

    np.testing.assert_array_equal(samples.values[..., 0] * 16, expected.images)
    np.testing.assert_array_equal(samples.labels, expected.target)


@pytest.mark.parametrize(
    "rows",
    [np.zeros((2, 64)), np.full((2, 65), 17), np.full((2, 65), -1)],
)
def test_table_of_other_numbers_is_refused(tmp_path: Path, rows: Any) -> None:
    with pytest.raises(DatasetError, match=r"d\.csv\.gz: expected 64 pixels of 0 to 16"):
        digits_table.read({"digits": write_table(tmp_path / "d.csv.gz", rows)}, tuple("0123456789"))


def test_damaged_table_is_named(tmp_path: Path) -> None:
    path = write_table(tmp_path / "d.csv.gz", np.zeros((200, 65)))
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(DatasetError, match=r"d\.csv\.gz: expected a compressed table"):
        digits_table.read({"digits": path}, tuple("0123456789"))


def test_shipped_catalogues_of_samples_name_known_layouts() -> None:
    catalogues = [read_catalogue(CATALOGUES / name) for name in list_catalogues(CATALOGUES)]
    layouts = {catalogue.name: catalogue.layout for catalogue in catalogues if catalogue.layout}

    assert set(layouts.values()) == set(LAYOUTS)
    networks = {
        catalogue.name for catalogue in catalogues if catalogue.name.startswith("imagenet_")
    }
    assert {c.name for c in catalogues if c.content == "arrays"} - networks == set(layouts)
