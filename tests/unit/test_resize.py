"""Properties of the resampling, and values worked out by hand from MATLAB's definition."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array
from pipeline.images.resize import rescale, resize


def noise(height: int, width: int, channels: int = 1) -> Array:
    return np.random.default_rng(0).random((height, width, channels), dtype=np.float32)


def row(*values: float) -> Array:
    """Return an image of one row."""
    return np.array(values, np.float32)[None, :, None]


def weight(distance: float) -> float:
    """Return the cubic kernel with a = -0.5."""
    x = abs(distance)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def matrix(old: int, new: int) -> NDArray[np.float64]:
    """Return the resampling of one axis as a matrix, written down naively from its definition."""
    factor = new / old
    widening = min(factor, 1)
    rows = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) / factor - 0.5
        reach = math.ceil(2 / widening) + 1
        for j in range(math.floor(centre) - reach, math.ceil(centre) + reach + 1):
            mirrored = j
            while not 0 <= mirrored < old:
                mirrored = -1 - mirrored if mirrored < 0 else 2 * old - 1 - mirrored
            rows[i, mirrored] += weight(widening * (centre - j))
    normed: NDArray[np.float64] = rows / rows.sum(axis=1, keepdims=True)
    return normed


SIZES = [(7, 5), (12, 36), (9, 4), (21, 7), (13, 13), (5, 2), (6, 15), (1, 4), (3, 1), (50, 3)]
"""Old and new lengths of an axis: odd, fractional, tiny."""


@pytest.mark.parametrize(("old", "new"), SIZES)
@pytest.mark.parametrize(("old_width", "new_width"), SIZES[:4])
def test_both_axes_agree_with_the_definition(
    old: int, new: int, old_width: int, new_width: int
) -> None:
    image = noise(old, old_width, channels=3)

    resampled = resize(image, new, new_width)

    expected = np.einsum("ih,hwc,jw->ijc", matrix(old, new), image, matrix(old_width, new_width))
    assert resampled.dtype == np.float32
    assert np.abs(resampled - expected).max() < 1e-6


@pytest.mark.parametrize(("old", "new"), [(1000, 5), (401, 40), (400, 41), (90, 1000)])
def test_long_sums_are_as_exact_as_short_ones(old: int, new: int) -> None:
    image = noise(old, 3)

    resampled = resize(image, new, 3)

    expected = np.einsum("ih,hwc->iwc", matrix(old, new), image)
    assert np.abs(resampled - expected).max() < 1e-6


@pytest.mark.parametrize(("height", "width"), [(20, 31), (90, 20), (61, 90), (90, 91)])
@pytest.mark.parametrize("band", [1, 300, 10**9])
def test_large_images_are_resampled_as_small_ones_are(
    monkeypatch: pytest.MonkeyPatch, height: int, width: int, band: int
) -> None:
    image = noise(61, 40, 3)
    expected = resize(image, height, width)
    monkeypatch.setattr("pipeline.images.resize._BAND", band)

    assert np.array_equal(resize(image, height, width), expected)


def test_known_values_of_doubling() -> None:
    doubled = resize(row(1, 2, 3, 4), 1, 8)[0, :, 0]

    # Weights at distances 1.75, 0.75, 0.25, 1.25: -3, 29, 111, -9 (of 128); ends are mirrored.
    first = ((29 + 111) * 1 + (-3 - 9) * 2) / 128
    second = (-9 * 1 + 111 * 1 + 29 * 2 - 3 * 3) / 128
    third = (-3 * 1 + 29 * 1 + 111 * 2 - 9 * 3) / 128
    assert doubled[:4].tolist() == [first, second, third, 2.25]
    assert doubled[4:].tolist() == [2.75, 5 - third, 5 - second, 5 - first]


def test_known_values_of_halving() -> None:
    impulse = row(0, 0, 0, 0, 256, 0, 0, 0, 0, 0)

    halved = resize(impulse, 1, 5)[0, :, 0]

    # Widened to eight taps: -3, -9, 29, 111, 111, 29, -9, -3 (of 256).
    assert halved.tolist() == [-3, 29, 111, -9, 0]


@pytest.mark.parametrize(("height", "width"), [(9, 14), (1, 1), (1, 30), (17, 3)])
def test_same_size_gives_the_same_image(height: int, width: int) -> None:
    image = noise(height, width, 3)

    assert np.array_equal(resize(image, height, width), image)
    assert np.array_equal(rescale(image, 1.0), image)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 40), (26, 9), (13, 17), (64, 64)])
def test_constant_image_stays_constant(height: int, width: int) -> None:
    image = np.full((13, 17, 1), np.float32(0.7))

    assert np.allclose(resize(image, height, width), 0.7, atol=1e-6)


@pytest.mark.parametrize("width", [15, 20, 60, 90, 120])
def test_ramp_stays_a_ramp_away_from_the_borders(width: int) -> None:
    ramp = row(*np.arange(60) / 64)
    factor = width / 60

    resampled = resize(ramp, 1, width)[0, :, 0]

    positions = ((np.arange(width) + 0.5) / factor - 0.5) / 64
    inside = slice(math.ceil(3 * max(factor, 1)), -math.ceil(3 * max(factor, 1)))
    assert np.allclose(resampled[inside], positions[inside], atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(6, 8), (24, 4), (18, 24), (3, 32)])
def test_borders_are_mirrored(height: int, width: int) -> None:
    image = noise(12, 16)
    mirrored = np.pad(image, ((12, 12), (16, 16), (0, 0)), mode="symmetric")

    whole = resize(mirrored, 3 * height, 3 * width)

    inner = whole[height : 2 * height, width : 2 * width]
    assert np.allclose(resize(image, height, width), inner, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(6, 31), (25, 7), (5, 5), (26, 38)])
def test_flipping_and_transposing_commute_with_resampling(height: int, width: int) -> None:
    image = noise(13, 19)

    resampled = resize(image, height, width)

    flipped = resize(image[::-1, ::-1], height, width)[::-1, ::-1]
    transposed = resize(image.transpose(1, 0, 2), width, height).transpose(1, 0, 2)
    assert np.allclose(flipped, resampled, atol=1e-6)
    assert np.allclose(transposed, resampled, atol=1e-6)


def test_channels_do_not_mix() -> None:
    image = noise(11, 12, 3)

    together = resize(image, 7, 30)

    alone = np.concatenate([resize(image[..., c : c + 1], 7, 30) for c in range(3)], axis=-1)
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 1 / 4])
def test_what_the_small_image_cannot_show_is_averaged_away(factor: float) -> None:
    waves = 0.5 + 0.5 * np.cos(2 * np.pi * 0.45 * np.arange(240))
    image = waves.astype(np.float32)[None, :, None]

    small = rescale(image, factor)[0, :, 0]
    picked = waves[:: round(1 / factor)]

    assert small[5:-5].std() < 0.05 * picked.std()


def test_cubic_interpolation_overshoots_at_an_edge() -> None:
    edge = row(0, 0, 0, 0, 1, 1, 1, 1)

    enlarged = resize(edge, 1, 24)

    assert enlarged.min() < -0.02
    assert enlarged.max() > 1.02


@pytest.mark.parametrize(
    ("size", "factor", "expected"),
    [
        ((5, 7), 0.5, (3, 4)),
        ((30, 10), 0.1, (3, 1)),
        ((50, 100), 1.1, (55, 110)),
        ((180, 180), 0.9, (162, 162)),
        ((180, 181), 0.7, (126, 127)),
        ((481, 321), 1 / 3, (161, 107)),
        ((5, 3), 1.5, (8, 5)),
        ((4, 4), 2.0, (8, 8)),
    ],
)
def test_sizes_are_rounded_up(
    size: tuple[int, int], factor: float, expected: tuple[int, int]
) -> None:
    assert rescale(noise(*size), factor).shape[:2] == expected


@pytest.mark.parametrize("factor", [0.5, 2.0, 0.25])
def test_rescaling_to_whole_sizes_is_resizing(factor: float) -> None:
    image = noise(12, 20)

    assert np.array_equal(rescale(image, factor), resize(image, int(12 * factor), int(20 * factor)))
