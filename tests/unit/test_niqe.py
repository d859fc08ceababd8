"""NIQE: the numbers of the reference, what raises it, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from scipy.ndimage import gaussian_filter

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.images.colours import in_colour
from pipeline.images.files import read_image
from pipeline.images.resize import rescale
from pipeline.measuring.niqe import FeaturelessError, niqe
from pipeline.measuring.perceptual_measures import check_size

REFERENCE = {
    "camera": 3.096205,
    "coins": 3.622676,
    "chelsea": 2.572090,
    "coffee": 4.058486,
    "grass": 6.492908,
    "rocket": 7.036974,
}
"""What the code of MMagic 1.2.0 puts out for the gray values of these, in float32. Of saturated
photographs it tells the signs of flat areas by rounding: 'page' differs by 0.15 %."""


def photo(name: str) -> Array:
    pixels = getattr(skimage.data, name)()
    return from_8bit(pixels if pixels.ndim == 3 else pixels[..., None])


@pytest.fixture(scope="module")
def camera() -> Array:
    return photo("camera")


@pytest.mark.parametrize("name", REFERENCE)
def test_photographs_have_the_numbers_of_the_reference(name: str) -> None:
    image = photo(name)

    measured = niqe(image)

    assert measured == pytest.approx(REFERENCE[name], rel=3e-5)


def test_a_photograph_has_the_number_of_the_authors_release(real_data: Path) -> None:
    # Published by BasicSR for its baboon.png, in luma: 5.72957338 of MATLAB R2021a.
    baboon = in_colour(read_image(real_data / "set14/baboon.bmp"), "y")

    assert niqe(baboon) == pytest.approx(5.72957338, rel=1e-6)


def test_noise_looks_less_natural_the_stronger_it_is(camera: Array) -> None:
    noise = np.random.default_rng(0).standard_normal(camera.shape, np.float32)

    measured = [niqe(camera + np.float32(sigma / 255) * noise) for sigma in (0, 15, 25, 50)]

    assert measured == sorted(measured)
    assert measured[-1] > measured[0] + 3


def test_blur_looks_less_natural_the_stronger_it_is(camera: Array) -> None:
    measured = [niqe(gaussian_filter(camera, (sigma, sigma, 0))) for sigma in (0, 1, 2, 4)]

    assert measured == sorted(measured)
    assert measured[-1] > measured[0] + 3


def test_colour_is_measured_as_its_gray_values() -> None:
    colour = photo("chelsea")

    assert niqe(colour) == niqe(in_colour(colour, "gray"))


def test_a_mirrored_image_looks_nearly_as_natural(camera: Array) -> None:
    # Products with the right neighbour and those with the left one differ where patches end.
    assert niqe(camera[:480, 479::-1]) == pytest.approx(niqe(camera[:480, :480]), rel=0.02)


def test_what_is_left_over_beyond_the_patches_counts_nothing(camera: Array) -> None:
    cut = camera[:300, :400].copy()
    other = cut.copy()
    other[288:] = 0
    other[:, 384:] = 1

    assert niqe(other) == niqe(cut)


def test_values_are_clipped_and_rounded_to_8_bits(camera: Array) -> None:
    moved = camera + np.float32(0.4 / 255)
    moved[moved > 1] += 1

    assert niqe(moved) == niqe(camera)


def test_the_image_is_halved_as_the_project_resizes(camera: Array) -> None:
    from pipeline.measuring.niqe import _halved

    half = _halved(camera[..., 0].astype(np.float64) * 255)

    assert np.abs(half - rescale(camera, 0.5)[..., 0] * 255).max() < 1e-3


def test_a_flat_part_of_an_image_leaves_it_measurable(camera: Array) -> None:
    half_flat = camera.copy()
    half_flat[:, :256] = 0.5

    assert np.isfinite(niqe(half_flat))


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_image_has_nothing_to_measure(value: float) -> None:
    image = np.full((200, 200, 1), value, np.float32)

    with pytest.raises(FeaturelessError, match="expected texture in at least two patches"):
        niqe(image)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(camera: Array, value: float) -> None:
    broken = camera.copy()
    broken[5, 5] = value

    with pytest.raises(ValueError, match="came NaN or infinite"):
        niqe(broken)


@pytest.mark.parametrize("shape", [(191, 191, 1), (95, 1000, 1), (96, 191, 3)])
def test_images_of_fewer_than_two_patches_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=f"expected 96x192 .* came {shape[0]}x{shape[1]}"):
        niqe(np.zeros(shape, np.float32))


@pytest.mark.parametrize("shape", [(200, 200), (200, 200, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected an image"):
        niqe(np.zeros(shape, np.float32))


def test_sizes_matter_only_where_niqe_is_asked_for() -> None:
    check_size((), 8, 8)
    check_size(("niqe",), 96, 192)

    with pytest.raises(ValueError, match="take niqe out"):
        check_size(("niqe",), 191, 180)
