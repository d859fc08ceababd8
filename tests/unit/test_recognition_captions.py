"""Captions beside images, and their features."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.raw_images import DatasetError
from pipeline.recognition.captions import (
    caption_features,
    find_captions,
    read_captions,
    write_captions,
)
from tests.unit.labelled_files import write_images

TEXTS = ["A dog runs over the grass.", "The dog sleeps", "A ship at sea", "grass, GRASS, grass!"]
ALL = np.ones(4, bool)


def test_captions_come_in_the_order_of_the_images(tmp_path: Path) -> None:
    write_images(tmp_path / "test", {"cat": 1, "dog": 1})
    write_images(tmp_path / "train", {"dog": 2, "cat": 1})
    for image in tmp_path.rglob("*.png"):
        image.with_suffix(".txt").write_text(image.relative_to(tmp_path).as_posix())

    captions = find_captions(tmp_path)

    assert captions == [
        "train/cat/000.png",
        "train/dog/000.png",
        "train/dog/001.png",
        "test/cat/000.png",
        "test/dog/000.png",
    ]


def test_images_need_no_captions(tmp_path: Path) -> None:
    assert find_captions(write_images(tmp_path, {"cat": 1, "dog": 1})) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda f: (f / "cat/000.txt").unlink(), r"cat/000\.txt: .*none beside 1 of 2 images"),
        (lambda f: (f / "cat/000.txt").write_text(" \n"), r"cat/000\.txt: .*came an empty file"),
        (lambda f: (f / "cat/000.txt").write_bytes(b"\xff"), r"cat/000\.txt: .*in UTF-8"),
    ],
)
def test_image_without_a_usable_caption_is_named(tmp_path: Path, change: Any, fault: str) -> None:
    write_images(tmp_path, {"cat": 1, "dog": 1})
    for image in list(tmp_path.rglob("*.png")):
        image.with_suffix(".txt").write_text("An animal.")
    change(tmp_path)

    with pytest.raises(DatasetError, match=fault):
        find_captions(tmp_path)


def test_captions_are_the_same_after_they_were_written(tmp_path: Path) -> None:
    captions = ["Übergröße, “quoted”", "two\nlines"]

    write_captions(tmp_path, captions)

    assert read_captions(tmp_path) == captions


def test_images_without_captions_are_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected images with captions"):
        read_captions(tmp_path)


def test_texts_of_the_same_words_are_the_same_in_any_order_and_case() -> None:
    one, other = caption_features(["The dog sleeps", "sleeps the DOG!"], ALL[:2], 64)

    np.testing.assert_array_equal(one, other)


def test_texts_are_the_more_alike_the_more_words_they_share() -> None:
    features = caption_features(TEXTS, ALL, 512)

    alike = features @ features.T
    np.testing.assert_allclose(np.diag(alike), 1, rtol=1e-5)
    assert alike[0, 1] > 0.1
    assert alike[0, 3] > 0.1
    assert alike[2, 3] == 0
    assert features.dtype == np.float32
    assert features.shape == (4, 512)


def test_rare_words_count_more_than_common_ones() -> None:
    features = caption_features(["red ship", "red boat", "red sail", "red"], ALL, 4096)

    common = features[0][features[3] > 0]
    rare = features[0][(features[0] > 0) & (features[3] == 0)]
    assert rare > common


def test_only_the_training_part_says_which_words_are_rare() -> None:
    train = np.array([True, True, False, False])
    one = caption_features(TEXTS, train, 512)

    other = caption_features([*TEXTS[:2], "something else", "dog dog ship"], train, 512)

    np.testing.assert_array_equal(one[:2], other[:2])


def test_text_without_a_word_is_all_zeros() -> None:
    features = caption_features([*TEXTS[:3], "?"], ALL, 32)

    assert not features[3].any()
