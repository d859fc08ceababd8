"""Batches of labelled samples: which, in which order, with which labels, shown how."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from pipeline.recognition.labelled.samples import Labelled, Part
from pipeline.recognition.learning.gathering import Samples, open_samples
from pipeline.recognition.learning.labelled_batches import LabelledBatches
from tests.recognition_data import CPU, MODELS, cube, features, images, network_of

pytestmark = pytest.mark.usefixtures("one_thread")


def opened(data: Labelled) -> Samples:
    arch = {"images": "mobilenet_v1", "cube": "hybridsn", "features": "dscmr"}[data.kind]
    return open_samples(data, MODELS[arch], network_of(MODELS[arch], data), CPU)


def batches(
    data: Labelled, seed: int = 0, name: str = "e", batch: int = 4, *, augment: bool = False
) -> LabelledBatches:
    return LabelledBatches(opened(data), data, (seed, name), batch, augment, CPU)


def numbered() -> Labelled:
    """Return pairs of features that say which sample they are."""
    data = features(count=42)
    values = np.repeat(np.arange(42, dtype=np.float32)[:, None], 9, axis=1)
    return data.with_values(values)


def drawn(source: LabelledBatches, steps: range) -> list[list[int]]:
    return [source.at(step)[0][:, 0].int().tolist() for step in steps]


def same(one: LabelledBatches, other: LabelledBatches, step: int) -> bool:
    pairs = zip(one.at(step), other.at(step), strict=True)
    return all(torch.equal(mine, its) for mine, its in pairs)


@pytest.mark.parametrize("make", [images, cube, features])
def test_batch_depends_on_seed_name_and_step_alone(make: Callable[[], Labelled]) -> None:
    data = make()
    straight, crooked = batches(data, augment=True), batches(data, augment=True)
    for step in range(6):
        straight.at(step)

    assert all(same(straight, crooked, step) for step in (5, 0, 3, 3))


@pytest.mark.parametrize("change", [{"seed": 1}, {"name": "f"}])
@pytest.mark.parametrize("augment", [True, False])
def test_another_seed_or_name_gives_other_batches(change: dict[str, object], augment: bool) -> None:
    one, other = batches(images(), augment=augment), batches(images(), augment=augment, **change)  # type: ignore[arg-type]

    assert not any(same(one, other, step) for step in range(4))


@pytest.mark.parametrize("batch", [1, 4, 5, 21])
def test_an_epoch_shows_every_training_sample_once(batch: int) -> None:
    data = numbered()
    training = data.positions(Part.TRAIN).tolist()
    steps = range(2 * len(training))

    seen = np.concatenate(drawn(batches(data, batch=batch), steps)).tolist()

    epochs = [seen[first : first + 21] for first in range(0, len(seen), 21)]
    assert len(training) == 21
    assert all(sorted(epoch) == training for epoch in epochs)
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("make", [images, cube, features])
def test_only_training_samples_are_shown(make: Callable[[], Labelled]) -> None:
    data = make()
    samples = opened(data)
    training = {one.numpy().tobytes() for one in samples.at(data.positions(Part.TRAIN))}

    source = batches(data)
    seen = {one.numpy().tobytes() for step in range(20) for one in source.at(step)[0]}

    assert seen == training


def test_labels_belong_to_their_samples() -> None:
    data = numbered()
    source = batches(data, batch=5)

    for step in range(10):
        samples, labels = source.at(step)

        assert labels.tolist() == data.labels[samples[:, 0].int()].tolist()
        assert labels.dtype == torch.int64


def test_labels_of_pixels_belong_to_their_windows() -> None:
    data = cube()
    flat = data.labels.ravel()
    training = data.positions(Part.TRAIN)
    windows = opened(data).at(training)
    label_of = {one.numpy().tobytes(): flat[p] for one, p in zip(windows, training, strict=True)}
    source = batches(data)

    for step in range(10):
        samples, labels = source.at(step)

        assert labels.tolist() == [label_of[one.numpy().tobytes()] for one in samples]


def test_augmented_samples_are_shown_in_all_their_ways_and_no_other() -> None:
    data = images(shift=1, mirror=True)
    samples, training = opened(data), data.positions(Part.TRAIN)
    ways = np.arange(samples.ways)
    known = {
        one.numpy().tobytes(): (position, way)
        for position in training
        for way, one in enumerate(samples.at(np.full(len(ways), position), ways))
    }

    source = batches(data, augment=True)
    found = [known[one.numpy().tobytes()] for step in range(60) for one in source.at(step)[0]]

    assert {position for position, _ in found} == set(training)
    assert {way for _, way in found} == set(ways)


def test_augmenting_changes_neither_order_nor_labels() -> None:
    plain, augmented = batches(images()), batches(images(), augment=True)

    for step in range(6):
        assert torch.equal(plain.at(step)[1], augmented.at(step)[1])
    assert not same(plain, augmented, 0)


def test_samples_with_a_single_way_are_not_augmented() -> None:
    plain, augmented = batches(features()), batches(features(), augment=True)

    assert same(plain, augmented, 3)


def test_fewer_training_samples_than_a_batch_are_refused() -> None:
    with pytest.raises(
        ValueError, match="at least one batch of 13 training samples, came 12: choose a smaller"
    ):
        batches(images(), batch=13)

    assert batches(images(), batch=12).shape == (12, 3, 8, 8)
