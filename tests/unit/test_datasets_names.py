"""Names of image files that other systems, lists or file systems do not take as they are."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.importing import look_at
from pipeline.degradations.levels import levels
from pipeline.images.benchmarks import BenchmarkImage, images_of, write_images, write_trials
from pipeline.images.raw_images import DatasetError, list_images
from pipeline.settings.params import Trial
from tests.unit.image_sets import (
    assert_nothing_written,
    content,
    fetch_folder,
    fetch_pairs,
    write_image,
)

COMPOSED = unicodedata.normalize("NFC", "caf\u00e9")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize(
    "name",
    [
        "~",
        "~me",
        "-",
        "-rf",
        "--out",
        "a b",
        " a",
        "a, b",
        'a"b',
        "it's",
        "a;b",
        "*",
        "#1",
        "a.b",
        "..a",
        "$HOME",
        "${x}",
        "%20",
        "NUL",
        "🙂",
        "null",
        "12",
        "=1",
        "@",
        "a\\b",
    ],
)
def test_names_that_shells_and_tables_treat_in_their_own_way_work(
    tmp_path: Path, name: str
) -> None:
    name = name.lstrip(".")
    write_image(tmp_path / "mine" / f"{name}.png")

    out = fetch_folder(tmp_path / "mine", tmp_path / "out")

    (image,) = list_images(out)
    assert image.name == name
    assert image.clean == out / "clean" / f"{name}.png"
    assert look_at(tmp_path / "mine", "mine").colours.total() == 1


@pytest.mark.parametrize("name", ["~", "-rf", "a.b", "*", "[a]", "a b", COMPOSED])
def test_such_names_work_in_a_benchmark(tmp_path: Path, name: str) -> None:
    trial = Trial.model_validate(
        {
            "dataset": "mine",
            "colour": "gray",
            "degradation": {"kind": "gaussian", "sigma_8bit": 25, "quantise": False},
            "protocols": ["gray-uint8"],
            "baselines": [],
        }
    )
    (level,) = levels(trial.degradation)
    pixels = np.full((16, 16, 1), 0.2, np.float32)
    write_trials(tmp_path, [trial])
    write_images(BenchmarkImage(trial, level, name, tmp_path), pixels, pixels + 1)

    (image,) = images_of(tmp_path)

    assert image.name == name
    assert np.array_equal(image.degraded(), pixels + 1)


def test_partners_are_the_same_however_their_accents_are_encoded(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / "gt" / f"{COMPOSED}.png")
    write_image(tmp_path / "mine" / "noisy" / f"{DECOMPOSED}.png")

    out = fetch_pairs(tmp_path / "mine", tmp_path / "out")

    (image,) = list_images(out)
    assert image.name == COMPOSED
    assert set(content(out)) == {"images.csv", f"clean/{COMPOSED}.png", f"degraded/{COMPOSED}.png"}


@pytest.mark.parametrize("folder", ["", "trip/"])
def test_two_files_whose_names_are_one_on_a_mac_are_refused(tmp_path: Path, folder: str) -> None:
    for name in (COMPOSED, DECOMPOSED):
        write_image(tmp_path / f"{folder}{name}.png")

    with pytest.raises(DatasetError) as refused:
        look_at(tmp_path, "mine")

    said = str(refused.value)
    assert "1 image name(s) that several files would have" in said
    assert "caf\\xe9.png" in said  # letters that look the same are told apart
    assert "cafe\\u0301.png" in said


@pytest.mark.parametrize(
    ("one", "other"), [("a", "A"), ("s/b", "S/b"), ("s/b", "S__B"), ("ss", "ß"), ("É", "e\u0301")]
)
def test_two_files_whose_names_differ_in_case_alone_are_refused(
    tmp_path: Path, one: str, other: str
) -> None:
    for name in (one, other):
        write_image(tmp_path / "mine" / f"{name}.png")

    with pytest.raises(DatasetError) as refused:
        fetch_folder(tmp_path / "mine", tmp_path / "out")

    said = str(refused.value)
    assert "1 image name(s) that differ in upper and lower case alone" in said
    assert str(tmp_path / "mine" / f"{one}.png") in said
    assert str(tmp_path / "mine" / f"{other}.png") in said
    assert_nothing_written(tmp_path / "out")


def test_a_name_that_is_too_long_with_its_folders_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / "mine" / ("a" * 120) / ("b" * 119)
    write_image(deep / "c.png")  # 243 bytes

    with pytest.raises(DatasetError) as refused:
        fetch_folder(tmp_path / "mine", tmp_path / "out")

    said = str(refused.value)
    assert "1 image name(s) longer than 240 bytes, with the folders above them" in said
    assert f"244 bytes: {deep / 'c.png'}" in said
    assert_nothing_written(tmp_path / "out")


def test_bytes_are_counted_not_letters(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / f"{'é' * 121}.png")

    with pytest.raises(DatasetError, match="242 bytes"):
        fetch_folder(tmp_path / "mine", tmp_path / "out")


def test_a_name_as_long_as_it_may_be_works(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / ("a" * 119) / f"{'b' * 119}.jpeg")

    out = fetch_folder(tmp_path / "mine", tmp_path / "out")

    assert [len(image.name) for image in list_images(out)] == [240]


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\x1bb", "a\u2028b", " ", "\u202eb"])
def test_a_name_that_no_list_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "mine" / f"{name}.png")

    with pytest.raises(DatasetError, match=r"1 file name\(s\) in .* that cannot be listed:\n  '"):
        fetch_folder(tmp_path / "mine", tmp_path / "out")

    assert_nothing_written(tmp_path / "out")


def test_a_name_of_bytes_that_are_no_letters_is_refused(tmp_path: Path) -> None:
    ordinary = write_image(tmp_path / "mine" / "a.png")
    ordinary.rename(ordinary.with_name(os.fsdecode(b"caf\xe9.png")))

    with pytest.raises(DatasetError, match=r"cannot be listed:\n  'caf\\udce9'"):
        fetch_folder(tmp_path / "mine", tmp_path / "out")


def test_a_tilde_in_a_source_is_said_to_stay_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="~ is not replaced here, write the path in full"):
        look_at(tmp_path / "~" / "pictures", "mine")
