"""Pairs of what a network takes from images and of what captions say."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.raw_images import DatasetError
from pipeline.recognition import recognising
from pipeline.recognition.captions import caption_features
from pipeline.recognition.describing import describe
from pipeline.recognition.labelled import Labelled, Part
from pipeline.recognition.recognising import describe_images

CPU = torch.device("cpu")
CAPTIONS = ["A red dog.", "A blue dog.", "A red ship.", "A blue ship at sea."]


class Means(nn.Module):
    """A network whose features are the means of the colours; in training they are noise."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def features(self, images: Tensor) -> Tensor:
        means: Tensor = self.dropout(images.mean((2, 3)))
        return means


def images(dtype: Any = np.uint8) -> Labelled:
    values = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3)).astype(np.uint8)
    return Labelled(
        kind="images",
        classes=("dog", "ship"),
        values=values if dtype == np.uint8 else values.astype(np.float32) / np.float32(255),
        labels=np.array([0, 0, 1, 1], np.int16),
        parts=np.array([Part.TRAIN, Part.VALIDATION, Part.TRAIN, Part.TEST], np.uint8),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_image_features_are_those_of_the_network_in_evaluation(dtype: Any) -> None:
    found = describe_images(Means().train(), images(dtype), CPU)

    expected = images(np.float32).values.mean((1, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_image_features_do_not_depend_on_how_many_go_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = describe_images(Means(), images(), CPU)
    monkeypatch.setattr(recognising, "_VALUES", 3 * 5 * 6 * 3)

    np.testing.assert_array_equal(describe_images(Means(), images(), CPU), whole)


def test_what_tests_the_network_tests_the_pairs() -> None:
    pairs = describe(Means(), images(), CAPTIONS, 32, CPU)

    assert pairs.values.shape == (4, 3 + 32)
    assert pairs.image_features == 3
    assert pairs.test is not None
    assert pairs.test.tolist() == [False, False, False, True]
    assert pairs.labels.tolist() == [0, 0, 1, 1]


def test_words_of_tests_say_nothing_of_which_are_rare() -> None:
    pairs = describe(Means(), images(), CAPTIONS, 32, CPU)

    expected = caption_features(CAPTIONS, np.array([True, True, True, False]), 32)
    np.testing.assert_array_equal(pairs.values[:, 3:], expected)


def test_image_without_a_caption_is_refused() -> None:
    with pytest.raises(DatasetError, match="a caption for each of 4 images, came 3 for images"):
        describe(Means(), images(), CAPTIONS[:3], 32, CPU)
