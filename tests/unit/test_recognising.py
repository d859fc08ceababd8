"""Networks at work on samples: predictions, representations, searches and maps."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.arrays.pixels import from_8bit
from pipeline.recognition.labelled.samples import UNLABELLED
from pipeline.recognition.learning.gathering import open_samples
from pipeline.recognition.learning.recognising import predict, represent
from pipeline.recognition.learning.retrieval import search
from pipeline.recognition.scoring.maps import draw_predicted, draw_truth
from pipeline.recognition.scoring.palette import UNLABELLED_COLOUR, colour_of
from tests.recognition_data import CPU, MODELS, TASKS, cube, features, images, network_of

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSIFIERS = [arch for arch in MODELS if arch != "dscmr"]


class Brightness(nn.Module):
    """Takes an image for a class by its mean; notes how many images came at once."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[int] = []

    def forward(self, samples: Tensor) -> Tensor:
        self.came.append(len(samples))
        levels = torch.tensor([40.0, 120.0, 200.0]) / 255
        return -(samples.flatten(1).mean(1, keepdim=True) - levels).abs()


class Halves(nn.Module):
    """Represents images by the first half of features, texts by the second."""

    def forward(self, samples: Tensor) -> tuple[Tensor, ...]:
        image, text = samples.chunk(2, dim=1)
        return image, text, image, text


@pytest.mark.parametrize("arch", CLASSIFIERS)
def test_predictions_are_those_of_the_network_in_evaluation_mode(arch: str) -> None:
    settings = MODELS[arch]
    data = TASKS[settings.takes]()
    network = network_of(settings, data).train()
    samples = open_samples(data, settings, network, CPU)
    positions = np.array([5, 0, 17, 5])

    found = predict(network, samples, positions)

    network.eval()
    with torch.no_grad():
        expected = [int(network(samples.at(np.array([one]))).argmax()) for one in positions]
    assert found.tolist() == expected


def test_a_perfect_network_recognises_all() -> None:
    data = images()
    samples = open_samples(data, MODELS["mobilenet_v1"], nn.Identity(), CPU)

    found = predict(Brightness(), samples, np.arange(24))

    assert found.tolist() == data.labels.tolist()


def test_many_samples_go_through_the_network_in_parts() -> None:
    data = images(count=100, height=128, width=128)
    samples = open_samples(data, MODELS["mobilenet_v1"], nn.Identity(), CPU)
    network = Brightness()

    found = predict(network, samples, np.roll(np.arange(100), 30))

    assert found.tolist() == np.roll(data.labels, 30).tolist()
    assert sum(network.came) == 100
    assert max(network.came) * 3 * 128 * 128 <= 1 << 22
    assert len(network.came) == 2


def test_of_no_samples_nothing_is_predicted() -> None:
    samples = open_samples(images(), MODELS["mobilenet_v1"], nn.Identity(), CPU)

    assert predict(Brightness(), samples, np.zeros(0, np.int64)).tolist() == []


# ------------------------------------------------------------------------------ retrieval


def test_pairs_are_represented_as_the_network_does_it() -> None:
    data = features()
    network = network_of(MODELS["dscmr"], data)
    samples = open_samples(data, MODELS["dscmr"], network, CPU)

    image, text = represent(network, samples, np.array([3, 11]))

    with torch.no_grad():
        expected = network(samples.at(np.array([3, 11])))
    assert np.allclose(image, expected[0])
    assert np.allclose(text, expected[1])


def test_both_directions_are_searched() -> None:
    # By hand, of four pairs: texts of both classes lie at the images of each class.
    angles = {"image": [0.0, 0.1, 1.5, 1.6], "text": [0.01, 1.51, 0.11, 1.61]}
    image, text = (np.stack([np.cos(one), np.sin(one)], 1) for one in angles.values())
    data = features(count=4).with_values(np.hstack([image, text]).astype(np.float32))
    samples = open_samples(data, MODELS["dscmr"], nn.Identity(), CPU)

    found = search(Halves(), samples, np.arange(4), np.array([0, 0, 1, 1]))

    assert found["map_image_to_text"] == pytest.approx(
        [by_rank(1, 3), by_rank(2, 3), by_rank(2, 3), by_rank(1, 3)]
    )
    assert found["map_text_to_image"] == pytest.approx(
        [by_rank(1, 2), by_rank(3, 4), by_rank(3, 4), by_rank(1, 2)]
    )


def by_rank(*ranks: int) -> float:
    """Return the average precision of what was found at these ranks."""
    return sum(found / rank for found, rank in enumerate(ranks, start=1)) / len(ranks)


def test_only_the_pairs_asked_for_are_searched() -> None:
    data = features()
    network = network_of(MODELS["dscmr"], data)
    samples = open_samples(data, MODELS["dscmr"], network, CPU)
    positions = np.array([2, 5, 9])

    found = search(network, samples, positions, np.array([0, 1, 2]))

    image, text = represent(network, samples, positions)
    ranks = [rank_of(one, text, query) for query, one in enumerate(image)]
    assert found["map_image_to_text"] == pytest.approx([1 / rank for rank in ranks])


def rank_of(query: NDArray[np.float32], found: NDArray[np.float32], right: int) -> int:
    cosines = found @ query / np.linalg.norm(found, axis=1)
    return int((cosines >= cosines[right]).sum())


# ----------------------------------------------------------------------------------- maps


def test_map_of_the_truth_has_a_colour_for_each_class() -> None:
    scene = cube()

    picture = draw_truth(scene)

    expected = [[colour_of(label) for label in row] for row in scene.labels.tolist()]
    assert np.array_equal(picture, from_8bit(np.array(expected, np.uint8)))
    assert colour_of(UNLABELLED) == UNLABELLED_COLOUR


def test_map_of_perfect_predictions_is_the_truth() -> None:
    scene = cube()

    picture = draw_predicted(scene, lambda positions: scene.labels.ravel()[positions].astype(int))

    assert np.array_equal(picture, draw_truth(scene))


def test_map_has_the_predicted_colour_at_its_pixel_and_none_where_there_is_no_label() -> None:
    scene = cube()
    wrong = np.flatnonzero(scene.labels.ravel() == 0)[3]

    def mistaken(positions: NDArray[np.int64]) -> NDArray[np.int64]:
        assert (scene.labels.ravel()[positions] != UNLABELLED).all()
        labels = scene.labels.ravel().astype(np.int64)
        labels[wrong] = 2
        return labels[positions]

    picture, truth = draw_predicted(scene, mistaken), draw_truth(scene)

    assert np.argwhere((picture != truth).any(axis=2)).tolist() == [list(divmod(wrong, 11))]
    assert np.array_equal(
        picture.reshape(-1, 3)[wrong], from_8bit(np.array(colour_of(2), np.uint8))
    )
