"""Samples as a network takes them: which values, and in which ways they are shown."""

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.recognition.labelled.samples import Labelled
from pipeline.recognition.learning.gathering import Samples, open_samples
from tests.recognition_data import CPU, MODELS, TASKS, cube, features, images, network_of

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORKS = {"images": "mobilenet_v1", "cube": "hybridsn", "features": "dscmr"}


def opened(data: Labelled) -> Samples:
    settings = MODELS[NETWORKS[data.kind]]
    return open_samples(data, settings, network_of(settings, data), CPU)


def shown(samples: Samples, position: int, ways: NDArray[np.int64] | None = None) -> Array:
    """Return one sample in some ways, or as it is."""
    count = 1 if ways is None else len(ways)
    found: Array = samples.at(np.full(count, position), ways).numpy()
    return found


def every_way(samples: Samples, position: int) -> list[bytes]:
    return sorted(one.tobytes() for one in shown(samples, position, np.arange(samples.ways)))


def padded_cube(data: Labelled, margin: int) -> Array:
    network = network_of(MODELS["hybridsn"], data)
    components = network.project(torch.from_numpy(data.values)).numpy()  # type: ignore[operator]
    beyond = (margin, margin)
    result: Array = np.pad(components, ((0, 0), beyond, beyond))
    return result


# ----------------------------------------------------------------------------- all kinds


@pytest.mark.parametrize("kind", TASKS)
def test_way_0_is_the_sample_itself(kind: str) -> None:
    data = TASKS[kind]()
    samples = opened(data)
    positions = np.arange(data.labels.size)

    unchanged = samples.at(positions)

    assert torch.equal(samples.at(positions, np.zeros_like(positions)), unchanged)
    assert unchanged.shape == (data.labels.size, *samples.shape)
    assert unchanged.dtype == torch.float32


@pytest.mark.parametrize("kind", TASKS)
def test_samples_come_in_the_order_asked_for_as_often_as_asked_for(kind: str) -> None:
    samples = opened(TASKS[kind]())

    found = samples.at(np.array([7, 2, 7, 20]))

    one_by_one = [samples.at(np.array([position]))[0] for position in (7, 2, 7, 20)]
    assert torch.equal(found, torch.stack(one_by_one))
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize("kind", TASKS)
def test_each_sample_of_a_batch_is_shown_in_its_own_way(kind: str) -> None:
    samples = opened(TASKS[kind]())
    positions, ways = np.array([3, 1, 3, 5]), np.array([1, 0, 5, 3]) % samples.ways

    found = samples.at(positions, ways)

    each = [shown(samples, p, np.array([way]))[0] for p, way in zip(positions, ways, strict=True)]
    assert np.array_equal(found.numpy(), np.stack(each))


@pytest.mark.parametrize(
    ("arch", "kind"),
    [(arch, kind) for arch, kind in product(MODELS, TASKS) if MODELS[arch].takes != kind],
)
def test_network_of_another_kind_is_refused(arch: str, kind: str) -> None:
    settings = MODELS[arch]

    with pytest.raises(ValueError, match=f"expected labelled {settings.takes} .* came {kind}"):
        open_samples(TASKS[kind](), settings, nn.Identity(), CPU)


# -------------------------------------------------------------------------------- images


def test_images_are_in_0_to_1_channels_first() -> None:
    data = images(height=6, width=9)

    found = opened(data).at(np.arange(24)).numpy()

    assert np.array_equal(found, from_8bit(np.asarray(data.values)).transpose(0, 3, 1, 2))


def test_images_of_8_bits_and_floats_agree() -> None:
    data = images()
    floats = data.with_values(from_8bit(np.asarray(data.values)))
    rng = np.random.default_rng(0)
    positions, ways = rng.integers(24, size=50), rng.integers(18, size=50)

    assert torch.equal(opened(data).at(positions, ways), opened(floats).at(positions, ways))


def test_floats_beyond_0_and_1_are_left_alone() -> None:
    values = np.random.default_rng(0).normal(0.5, 2, (24, 8, 8, 3)).astype(np.float32)

    found = opened(images().with_values(values)).at(np.arange(24)).numpy()

    assert np.array_equal(found, values.transpose(0, 3, 1, 2))


def moved_and_mirrored(image: Array, shift: int, mirror: bool) -> list[bytes]:
    """Return all versions of an image ``(C, H, W)``, from a padded one."""
    _, height, width = image.shape
    around = (shift, shift)
    padded = np.pad(image, ((0, 0), around, around), mode="edge")
    versions = [
        padded[:, top : top + height, left : left + width]
        for top, left in product(range(2 * shift + 1), repeat=2)
    ]
    if mirror:
        versions += [one[:, :, ::-1] for one in versions]
    return sorted(np.ascontiguousarray(one).tobytes() for one in versions)


@pytest.mark.parametrize(
    ("shift", "mirror"), [(0, False), (0, True), (1, False), (1, True), (2, False), (3, True)]
)
def test_ways_of_an_image_are_all_moves_and_mirrored_moves(shift: int, mirror: bool) -> None:
    samples = opened(images(height=7, width=9, shift=shift, mirror=mirror))
    image = shown(samples, 4)[0]

    found = every_way(samples, 4)

    assert samples.ways == (2 * shift + 1) ** 2 * (1 + mirror)
    assert found == moved_and_mirrored(image, shift, mirror)
    assert len(set(found)) == samples.ways


# ------------------------------------------------------------------------------- windows


def test_ways_of_a_window_are_its_flips_and_quarter_turns() -> None:
    samples = opened(cube())
    window = shown(samples, 40)[0]

    found = every_way(samples, 40)

    turned = [np.rot90(window, quarter, (1, 2)) for quarter in range(4)]
    turned += [one[:, ::-1] for one in turned]
    assert found == sorted(np.ascontiguousarray(one).tobytes() for one in turned)
    assert len(set(found)) == samples.ways == 8


@pytest.mark.parametrize(
    ("row", "column"), [(0, 0), (0, 10), (8, 0), (8, 10), (4, 5), (0, 5), (3, 10), (7, 2)]
)
def test_window_is_the_square_around_its_pixel_zeros_beyond_the_edges(
    row: int, column: int
) -> None:
    data = cube()
    samples = opened(data)

    found = shown(samples, row * 11 + column)[0]

    padded = padded_cube(data, margin=3)
    assert np.array_equal(found, padded[:, row : row + 7, column : column + 7])
    assert samples.shape == (5, 7, 7)


def test_every_way_keeps_the_pixel_to_recognise_in_the_middle() -> None:
    samples = opened(cube())

    middles = shown(samples, 40, np.arange(8))[:, :, 3, 3]

    assert np.array_equal(middles, np.broadcast_to(middles[0], middles.shape))


# ------------------------------------------------------------------------------ features


def test_features_are_what_they_are() -> None:
    data = features()

    found = opened(data).at(np.arange(24))

    assert np.array_equal(found.numpy(), data.values)
    assert opened(data).ways == 1


def test_what_comes_out_can_be_changed_without_harm() -> None:
    for data in (images(), cube(), features()):
        samples = opened(data)
        before = samples.at(np.arange(3)).clone()

        samples.at(np.arange(3)).zero_()

        assert torch.equal(samples.at(np.arange(3)), before)
