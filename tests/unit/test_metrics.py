from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pipeline.arrays.pixels import Array, from_8bit, to_8bit
from pipeline.degradations.settings import (
    Bicubic,
    Blur,
    Gaussian,
    Jpeg,
    RealPairs,
    Result,
    Sequence,
)
from pipeline.images.colours import rgb_to_luma
from pipeline.measuring.metrics import (
    PROTOCOLS,
    border_of,
    measure,
    psnr,
    ssim,
    volume_ssim,
)
from pipeline.measuring.protocols import PROTOCOL_COLOURS, applicable
from pipeline.settings.params import Protocol, TrialColour

EVERY_PROTOCOL: tuple[Protocol, ...] = get_args(Protocol)

CASES: list[tuple[Protocol, TrialColour]] = [
    (protocol, colour) for protocol in EVERY_PROTOCOL for colour in PROTOCOL_COLOURS[protocol]
]


def pair(colour: TrialColour, height: int = 39, width: int = 50) -> tuple[Array, Array]:
    """Return a clean image in 8-bit steps, and one that differs and leaves [0, 1] in places."""
    rng = np.random.default_rng(0)
    shape = (height, width, 3 if colour == "rgb" else 1)
    clean = from_8bit(rng.integers(0, 256, shape, dtype=np.uint8))
    return clean, clean + rng.normal(0, 0.1, shape).astype(np.float32)


def ssim_by_definition(true: NDArray[np.float64], test: NDArray[np.float64]) -> float:
    """Return SSIM of ``(H, W)`` in [0, 255], written down from the paper."""
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth = correlate1d(correlate1d(values, window, axis=0), window, axis=1)
        inside: NDArray[np.float64] = smooth[5:-5, 5:-5]
        return inside

    mean_x, mean_y = mean(true), mean(test)
    var_x, var_y = mean(true**2) - mean_x**2, mean(test**2) - mean_y**2
    covariance = mean(true * test) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return float(np.mean(luminance * structure))


# ------------------------------------------------------------------------ the table


def test_every_protocol_of_the_params_is_defined() -> None:
    assert set(PROTOCOLS) == set(EVERY_PROTOCOL)
    assert set(PROTOCOL_COLOURS) == set(EVERY_PROTOCOL)


@pytest.mark.parametrize(("protocol", "colour"), CASES)
def test_protocol_measures_the_colours_that_it_is_said_to(
    protocol: Protocol, colour: TrialColour
) -> None:
    clean, restored = pair(colour)

    score = measure(protocol, clean, restored, scale=2)

    assert 5 < score.psnr < 30
    assert 0 < score.ssim < 1


# ------------------------------------------------------------------------ properties


@pytest.mark.parametrize(("protocol", "colour"), CASES)
def test_identical_images_are_infinitely_close(protocol: Protocol, colour: TrialColour) -> None:
    clean, _ = pair(colour)

    score = measure(protocol, clean, clean.copy(), scale=2)

    assert score.psnr == float("inf")
    assert score.ssim == 1


@pytest.mark.parametrize(("protocol", "colour"), CASES)
def test_measures_are_symmetric(protocol: Protocol, colour: TrialColour) -> None:
    clean, restored = pair(colour)

    there, back = measure(protocol, clean, restored), measure(protocol, restored, clean)

    assert there.psnr == pytest.approx(back.psnr, abs=1e-9)
    assert there.ssim == pytest.approx(back.ssim, abs=1e-9)


@pytest.mark.parametrize(("protocol", "colour"), CASES)
def test_more_noise_scores_less(protocol: Protocol, colour: TrialColour) -> None:
    clean, restored = pair(colour)

    near = measure(protocol, clean, clean + (restored - clean) * np.float32(0.25))
    far = measure(protocol, clean, restored)

    assert near.psnr > far.psnr + 6
    assert near.ssim > far.ssim


def test_known_psnr() -> None:
    gray = np.full((16, 16, 1), 0.4, np.float32)

    off_by_five = measure("gray-uint8", gray, gray + np.float32(5 / 255))

    assert off_by_five.psnr == pytest.approx(20 * np.log10(255 / 5))


@pytest.mark.parametrize("colour", ["gray", "rgb"])
def test_psnr_and_ssim_are_those_of_scikit_image(colour: TrialColour) -> None:
    clean, restored = (image.astype(np.float64) * 255 for image in pair(colour))

    expected_psnr = peak_signal_noise_ratio(clean, restored, data_range=255)
    expected_ssim = structural_similarity(
        clean,
        restored,
        data_range=255,
        channel_axis=-1,
        gaussian_weights=True,
        use_sample_covariance=False,
    )

    assert psnr(clean, restored) == pytest.approx(expected_psnr)
    assert ssim(clean, restored) == pytest.approx(expected_ssim)


@pytest.mark.parametrize(("height", "width"), [(31, 42), (11, 11), (12, 40)])
@pytest.mark.parametrize("colour", ["gray", "rgb"])
def test_ssim_is_that_of_the_paper(colour: TrialColour, height: int, width: int) -> None:
    clean, restored = (im.astype(np.float64) * 255 for im in pair(colour, height, width))

    channels = range(clean.shape[-1])
    expected = np.mean([ssim_by_definition(clean[..., c], restored[..., c]) for c in channels])

    assert ssim(clean, restored) == pytest.approx(expected, abs=1e-9)


# ------------------------------------------------------------------ what is compared


@pytest.mark.parametrize("protocol", [p for p in EVERY_PROTOCOL if p.endswith("float")])
def test_float_protocols_leave_the_restored_image_as_it_is(protocol: Protocol) -> None:
    clean, restored = pair(PROTOCOL_COLOURS[protocol][0])
    border = border_of(protocol, 3)
    inside = (slice(border, len(clean) - border), slice(border, clean.shape[1] - border))

    score = measure(protocol, clean, restored, scale=3)

    error = np.mean((clean[inside].astype(np.float64) - restored[inside]) ** 2)
    assert score.psnr == pytest.approx(-10 * np.log10(error), abs=1e-6)


@pytest.mark.parametrize("protocol", [p for p in EVERY_PROTOCOL if PROTOCOLS[p].rounded])
def test_8_bit_protocols_clip_and_round_the_restored_image(protocol: Protocol) -> None:
    clean, restored = pair(PROTOCOL_COLOURS[protocol][0])

    score = measure(protocol, clean, restored)

    rounded = from_8bit(to_8bit(restored))
    assert score == measure(protocol, clean, rounded)
    assert not np.array_equal(rounded, restored)


def test_luma_of_colour_images_is_compared() -> None:
    clean, restored = pair("rgb")

    score = measure("y-uint8", clean, restored)

    rounded = rgb_to_luma(clean), rgb_to_luma(from_8bit(to_8bit(restored)))
    true, test = (to_8bit(luma) / 255 for luma in rounded)
    assert score.psnr == pytest.approx(-10 * np.log10(np.mean((true - test) ** 2)), abs=1e-6)


def test_float_luma_of_colour_images_is_converted_unrounded() -> None:
    clean, restored = pair("rgb")

    score = measure("y-float", clean, restored)

    error = np.mean((rgb_to_luma(clean) - rgb_to_luma(restored)) ** 2)
    assert score.psnr == pytest.approx(-10 * np.log10(error), abs=1e-6)


@pytest.mark.parametrize("colour", ["y", "rgb"])
def test_shaved_protocol_is_the_other_one_within_the_border(colour: TrialColour) -> None:
    clean, restored = pair(colour)

    shaved = measure("y-shave", clean, restored, scale=3)

    assert shaved == measure("y-uint8", clean[3:-3, 3:-3], restored[3:-3, 3:-3])


def test_change_of_hue_alone_is_invisible_in_luma() -> None:
    clean, _ = pair("rgb")
    # Red up and blue down by amounts that leave the luma alone.
    shift = np.array([24.966, 0.0, -65.481]) / 65.481 * 40 / 255
    inside = clean * np.float32(0.5) + np.float32(0.25)
    turned = inside + shift.astype(np.float32)

    assert measure("y-uint8", inside, turned).psnr > 50
    assert measure("rgb-uint8", inside, turned).psnr < 25


@pytest.mark.parametrize(("scale", "border"), [(2, 2), (3, 3), (4, 4), (1.7, 2), (2.4, 3)])
def test_shaving_leaves_out_exactly_the_border(scale: float, border: int) -> None:
    clean, _ = pair("y")
    outside, inside = clean.copy(), clean.copy()
    for rows, columns in ((0, 5), (border - 1, 7), (-border, 9), (20, border - 1), (6, -border)):
        outside[rows, columns] = 1 - outside[rows, columns]
    inside[border, border] += 0.5

    assert measure("y-shave", clean, outside, scale).psnr == float("inf")
    assert measure("y-shave", clean, inside, scale).psnr < 60
    inside[border, border] = clean[border, border]
    inside[-border - 1, -border - 1] += 0.5
    assert measure("y-shave", clean, inside, scale).psnr < 60


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_ntire_leaves_out_six_pixels_more_than_the_scale(scale: int) -> None:
    clean, restored = pair("rgb")
    border = scale + 6

    score = measure("rgb-ntire", clean, restored, scale)

    inside = (slice(border, -border), slice(border, -border))
    assert score == measure("rgb-uint8", clean[inside], restored[inside])


@pytest.mark.parametrize("protocol", [p for p in EVERY_PROTOCOL if PROTOCOLS[p].border == "none"])
def test_other_protocols_count_every_pixel(protocol: Protocol) -> None:
    clean, _ = pair(PROTOCOL_COLOURS[protocol][0])

    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        changed = clean.copy()
        changed[corner] = 1 - changed[corner]
        assert measure(protocol, clean, changed, scale=4).psnr < 60


# ------------------------------------------------------------------------ which apply


@pytest.mark.parametrize(
    ("colour", "degradation", "expected"),
    [
        (
            "gray",
            Gaussian(kind="gaussian", sigma_8bit=25, quantise=False),
            {"gray-uint8", "gray-float"},
        ),
        (
            "y",
            Bicubic(kind="bicubic", scale=2, quantise=False, result="interpolated"),
            {"y-uint8", "y-float", "y-shave", "y-shave-float"},
        ),
        (
            "y_of_rgb",
            Bicubic(kind="bicubic", scale=2, quantise=True, result="interpolated"),
            {"y-uint8", "y-float", "y-shave", "y-shave-float"},
        ),
        (
            "y",
            Jpeg(kind="jpeg", quality=10, subsampling="yuv420", phase="aligned", draws=1),
            {"y-uint8", "y-float"},
        ),
        (
            "rgb",
            RealPairs(kind="paired"),
            {"rgb-uint8", "rgb-float", "y-uint8", "y-float", "sidd"},
        ),
        (
            "rgb",
            Bicubic(kind="bicubic", scale=2, quantise=False, result="interpolated"),
            set(EVERY_PROTOCOL) - {"gray-uint8", "gray-float", "sidd"},
        ),
    ],
)
def test_protocols_that_apply_follow_from_colour_and_degradation(
    colour: TrialColour, degradation: Any, expected: set[Protocol]
) -> None:
    assert set(applicable(colour, degradation)) == expected


@pytest.mark.parametrize("result", ["low", "interpolated"])
def test_what_leaves_a_small_image_is_measured_as_super_resolution(result: Result) -> None:
    blur = Blur(kind="blur", sigma_px=1, draws=1)
    small = Bicubic(kind="bicubic", scale=2, quantise=False, result="low")
    through = Bicubic(kind="bicubic", scale=2, quantise=False, result="interpolated")

    shrinking = Sequence(kind="sequence", steps=[blur, small], result=result, draws=1)
    blurring = Sequence(kind="sequence", steps=[blur, through], result="interpolated", draws=1)

    assert set(applicable("y", shrinking)) == {"y-uint8", "y-float", "y-shave", "y-shave-float"}
    assert set(applicable("y", blurring)) == {"y-uint8", "y-float"}


# -------------------------------------------------------------------------------- SIDD


def volume_ssim_by_definition(true: NDArray[np.float64], test: NDArray[np.float64]) -> float:
    """Return MATLAB's SSIM of ``(H, W, 3)``: a cube of Gaussian weights, edges repeated."""
    axis = np.arange(-5, 6)
    weights = np.exp(-(axis**2) / (2 * 1.5**2))
    cube = weights[:, None, None] * weights[None, :, None] * weights[None, None, :]
    cube /= cube.sum()

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        padded = np.pad(values, 5, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (11, 11, 11))
        found: NDArray[np.float64] = np.einsum("abcijk,ijk->abc", windows, cube)
        return found

    mean_x, mean_y = mean(true), mean(test)
    var_x, var_y = mean(true**2) - mean_x**2, mean(test**2) - mean_y**2
    covariance = mean(true * test) - mean_x * mean_y
    c1, c2 = 2.55**2, 7.65**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (var_x + var_y + c2)))


def test_volume_ssim_is_that_of_matlab() -> None:
    clean, restored = pair("rgb", 20, 17)
    true, test = clean.astype(np.float64) * 255, to_8bit(restored).astype(np.float64)

    assert volume_ssim(true, test) == pytest.approx(volume_ssim_by_definition(true, test), abs=1e-9)
    assert abs(volume_ssim(true, test) - ssim(true, test)) > 1e-3


def test_sidd_is_the_mean_over_blocks_and_not_over_pixels() -> None:
    clean = np.full((256, 512, 3), 128 / 255, np.float32)
    restored = clean.copy()
    restored[:, :256] += 10 / 255
    restored[:, 256:] += 1 / 255

    score = measure("sidd", clean, restored)

    expected = np.mean([20 * np.log10(255 / 10), 20 * np.log10(255 / 1)])
    assert score.psnr == pytest.approx(expected, abs=1e-6)
    assert score.psnr > measure("rgb-uint8", clean, restored).psnr + 5


def test_what_is_left_beyond_whole_blocks_counts_too() -> None:
    clean, _ = pair("rgb", 300, 270)
    changed = clean.copy()
    changed[299, 269] = 1 - changed[299, 269]

    assert measure("sidd", clean, changed).psnr < 80


# ---------------------------------------------------------------------------- errors


def test_images_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape, came \(20, 20, 1\) and \(20, 21, 1\)"):
        measure("gray-uint8", np.zeros((20, 20, 1), np.float32), np.zeros((20, 21, 1), np.float32))


@pytest.mark.parametrize(("size", "scale"), [(10, 1), (14, 2), (18, 4), (6, 4)])
def test_image_smaller_than_the_window_is_refused(size: int, scale: float) -> None:
    protocol: Protocol = "gray-uint8" if scale == 1 else "y-shave"
    tiny = np.zeros((size, 40, 1), np.float32)

    with pytest.raises(ValueError, match="at least 11x11 pixels inside"):
        measure(protocol, tiny, tiny, scale)


def test_misspelt_protocol_is_an_error_that_names_the_nearest() -> None:
    image = np.zeros((20, 20, 1), np.float32)

    with pytest.raises(ValueError, match=r"unknown protocol 'y-shaved'; the nearest .* 'y-shave'"):
        measure("y-shaved", image, image)  # type: ignore[arg-type]


def test_restored_image_that_is_not_made_of_numbers_is_refused() -> None:
    clean, restored = pair("gray")
    restored[3, 4] = np.nan

    with pytest.raises(ValueError, match="came NaN"):
        measure("gray-uint8", clean, restored)
