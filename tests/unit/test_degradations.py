import io
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter
from skimage.filters import gaussian

from pipeline.arrays.pixels import Array, from_8bit, to_8bit
from pipeline.arrays.randomness import generator
from pipeline.degradations.levels import Level, levels
from pipeline.degradations.settings import Degradation, Synthetic
from pipeline.degrading.synthesis import degrade, fitting_crop
from pipeline.images.resize import resize

ADAPTER: TypeAdapter[Degradation] = TypeAdapter(Degradation)


def level(**settings: object) -> Level:
    (only,) = levels(ADAPTER.validate_python(settings))
    return only


def noise(sigma_8bit: object, *, quantise: bool = False) -> Level:
    return level(kind="gaussian", sigma_8bit=sigma_8bit, quantise=quantise)


def bicubic(scale: float, *, quantise: bool = False, result: str = "interpolated") -> Level:
    return level(kind="bicubic", scale=scale, quantise=quantise, result=result)


def jpeg(
    quality: object, subsampling: str = "yuv420", draws: int = 1, phase: object = "aligned"
) -> Level:
    return level(kind="jpeg", quality=quality, subsampling=subsampling, phase=phase, draws=draws)


def poisson(peak: object, *, quantise: bool = False) -> Level:
    return level(kind="poisson", peak=peak, quantise=quantise)


def camera(peak: object, sigma_8bit: object, *, quantise: bool = False) -> Level:
    return level(kind="poisson_gaussian", peak=peak, sigma_8bit=sigma_8bit, quantise=quantise)


def grain(peak: object, sigma_8bit: object, spread_px: object, *, quantise: bool = False) -> Level:
    return level(
        kind="grain",
        peak=peak,
        sigma_8bit=sigma_8bit,
        spread_px=spread_px,
        quantise=quantise,
        draws=1,
    )


def blur(sigma_px: object) -> Level:
    return level(kind="blur", sigma_px=sigma_px, draws=1)


def sequence(*steps: Level, result: str = "interpolated") -> Level:
    settings = [step.settings.model_dump() for step in steps]
    return level(kind="sequence", steps=settings, result=result, draws=1)


def photo(height: int = 37, width: int = 50, channels: int = 1) -> Array:
    """Return a smooth image in 8-bit steps."""
    rows, columns = np.mgrid[:height, :width] / 9
    waves = [0.5 + 0.4 * np.sin(rows + c) * np.cos(columns * (c + 1)) for c in range(channels)]
    return from_8bit(to_8bit(np.stack(waves, axis=-1)))


EVERY_KIND: dict[str, Callable[[], Level]] = {
    "noise": lambda: noise(25),
    "blind noise": lambda: noise({"min": 0, "max": 55}),
    "camera noise": lambda: noise(25, quantise=True),
    "bicubic": lambda: bicubic(2),
    "bicubic through 8 bits": lambda: bicubic(2, quantise=True),
    "bicubic by a fraction": lambda: bicubic(1.7),
    "jpeg": lambda: jpeg(10),
    "blind jpeg": lambda: jpeg({"min": 5, "max": 50}, draws=3),
    "cropped jpeg": lambda: jpeg(10, phase=[3, 5]),
    "jpeg cropped anywhere": lambda: jpeg(10, phase="random"),
    "photons": lambda: poisson(30),
    "any number of photons": lambda: poisson({"min": 10, "max": 50}),
    "photons in a file": lambda: poisson(30, quantise=True),
    "sensor": lambda: camera({"min": 10, "max": 50}, {"min": 0, "max": 10}),
    "grain": lambda: grain({"min": 10, "max": 50}, 10, {"min": 0.3, "max": 2}),
    "grain in a file": lambda: grain(30, 10, 1, quantise=True),
    "blur": lambda: blur(1.5),
    "blur of any width": lambda: blur({"min": 0.2, "max": 4}),
    "sequence": lambda: sequence(
        blur({"min": 0.2, "max": 2}), bicubic(2, result="low"), noise(10), jpeg(30)
    ),
    "second-order": lambda: sequence(blur(1), noise(10), jpeg(30), blur(1), noise(5), jpeg(50)),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("shape", [(37, 50, 1), (37, 50, 3), (5, 4, 1), (1, 1, 1)])
def test_degraded_image_has_the_size_of_the_clean_one(
    kind: str, shape: tuple[int, int, int]
) -> None:
    clean = photo(*shape)

    degraded = degrade(clean, EVERY_KIND[kind](), generator(0))

    assert degraded.image.shape == shape
    assert degraded.image.dtype == np.float32


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_clean_image_is_left_alone(kind: str) -> None:
    clean = photo()
    before = clean.copy()

    degrade(clean, EVERY_KIND[kind](), generator(0))

    assert np.array_equal(clean, before)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_same_key_gives_the_same_result(kind: str) -> None:
    one, other = (degrade(photo(), EVERY_KIND[kind](), generator(0, "a")) for _ in range(2))

    assert np.array_equal(one.image, other.image)
    assert one.card == other.card


def test_result_of_an_image_does_not_depend_on_other_images() -> None:
    names = ["a", "b", "c"]

    forwards = {n: degrade(photo(), noise(25), generator(0, n)).image for n in names}
    backwards = {n: degrade(photo(), noise(25), generator(0, n)).image for n in names[::-1]}

    assert all(np.array_equal(forwards[n], backwards[n]) for n in names)
    assert not np.array_equal(forwards["a"], forwards["b"])


# --------------------------------------------------------------------------- noise


@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_noise_has_the_requested_level_and_no_mean(sigma: float) -> None:
    clean = photo(1000, 1000)

    added = (degrade(clean, noise(sigma), generator(0)).image - clean) * 255

    assert added.std() == pytest.approx(sigma, rel=0.002)
    assert added.mean() == pytest.approx(0, abs=5 * sigma / np.sqrt(added.size))


def test_noise_is_white_and_gaussian() -> None:
    clean = photo(400, 500)

    added = (degrade(clean, noise(25), generator(0)).image - clean)[..., 0] * 255 / 25

    bound = 5 / np.sqrt(added.size)
    assert abs(np.mean(added[1:] * added[:-1])) < bound
    assert abs(np.mean(added[:, 1:] * added[:, :-1])) < bound
    assert np.mean(np.abs(added) < 1) == pytest.approx(0.6827, abs=0.005)
    assert np.mean(added**4) == pytest.approx(3, abs=0.1)


def test_noise_of_colour_channels_is_independent() -> None:
    clean = photo(200, 300, 3)

    added = degrade(clean, noise(25), generator(0)).image - clean

    correlations = np.corrcoef(added.reshape(-1, 3).T)
    assert np.abs(correlations - np.eye(3)).max() < 5 / np.sqrt(200 * 300)


def test_noise_is_neither_clipped_nor_rounded() -> None:
    black = np.zeros((100, 100, 1), np.float32)

    noisy = degrade(black, noise(25), generator(0)).image

    assert np.mean(noisy < 0) == pytest.approx(0.5, abs=0.03)
    assert len(np.unique(noisy)) > 9000


def test_quantised_noise_is_what_a_camera_stores() -> None:
    clean = photo(100, 100)

    floating = degrade(clean, noise(50), generator(0)).image
    stored = degrade(clean, noise(50, quantise=True), generator(0)).image

    assert np.array_equal(stored, from_8bit(to_8bit(floating)))
    assert (floating < 0).any()
    assert (floating > 1).any()


def test_no_noise_changes_nothing() -> None:
    assert np.array_equal(degrade(photo(), noise(0), generator(0)).image, photo())


def test_drawn_levels_fill_their_range() -> None:
    blind = noise({"min": 10, "max": 50})

    drawn = [degrade(photo(8, 8), blind, generator(0, n)).card["sigma_8bit"] for n in range(300)]

    counts, _ = np.histogram(np.array(drawn, float), bins=4, range=(10, 50))
    assert counts.sum() == 300
    assert counts.min() > 50


def test_drawn_level_is_the_one_on_the_card() -> None:
    clean = photo(300, 300)

    degraded = degrade(clean, noise({"min": 10, "max": 50}), generator(0))

    assert (degraded.image - clean).std() * 255 == pytest.approx(
        float(degraded.card["sigma_8bit"]), rel=0.02
    )


# ------------------------------------------------------------------------- photons


def flat(value: float, side: int = 400) -> Array:
    return np.full((side, side, 1), value, np.float32)


@pytest.mark.parametrize("peak", [4, 30, 1000])
def test_photons_have_the_moments_of_poisson(peak: float) -> None:
    for value in (0.1, 0.5, 1.0):
        counts = degrade(flat(value), poisson(peak), generator(0)).image.astype(float) * peak

        assert np.allclose(counts, np.round(counts), atol=peak * 1e-6)
        expected = value * peak
        error = 5 * np.sqrt(expected / counts.size)
        assert counts.mean() == pytest.approx(expected, abs=error)
        assert counts.var() == pytest.approx(expected, rel=0.03)
        third = np.mean((counts - counts.mean()) ** 3)
        assert third == pytest.approx(
            expected, abs=5 * np.sqrt(15 * expected**3 / counts.size) + 0.1
        )


@pytest.mark.parametrize(("peak", "sigma"), [(30, 10), (100, 2)])
def test_variance_of_a_sensor_is_linear_in_the_signal(peak: float, sigma: float) -> None:
    values = np.array([0.0, 0.25, 0.5, 0.75, 1.0])

    noisy = [
        degrade(flat(v), camera(peak, sigma), generator(0, n)).image for n, v in enumerate(values)
    ]

    means, variances = [one.mean() for one in noisy], [one.astype(float).var() for one in noisy]
    slope, offset = np.polyfit(values, variances, 1)
    assert means == pytest.approx(values, abs=1e-3)
    assert slope == pytest.approx(1 / peak, rel=0.03)
    assert offset == pytest.approx((sigma / 255) ** 2, rel=0.03, abs=0.01 / peak)


def test_what_undershoots_counts_no_photons() -> None:
    assert (degrade(flat(-0.1, 20), poisson(30), generator(0)).image == 0).all()


def test_photons_are_neither_clipped_nor_rounded_unless_asked() -> None:
    clean = flat(0.9, 60)

    floating = degrade(clean, poisson(30), generator(0)).image
    stored = degrade(clean, poisson(30, quantise=True), generator(0)).image

    assert floating.max() > 1
    assert np.array_equal(stored, from_8bit(to_8bit(floating)))


def test_photons_of_neighbours_and_channels_are_independent() -> None:
    clean = np.full((200, 300, 3), 0.5, np.float32)

    added = degrade(clean, poisson(20), generator(0)).image - clean

    bound = 5 * added.var() / np.sqrt(200 * 300)
    assert np.abs(np.mean(added[1:] * added[:-1])) < bound
    assert np.abs(np.cov(added.reshape(-1, 3).T) - added.var() * np.eye(3)).max() < 2 * bound


def test_card_has_the_drawn_peak_and_sigma() -> None:
    ranged = camera({"min": 10, "max": 50}, {"min": 1, "max": 9})
    cards = [degrade(photo(8, 8), ranged, generator(0, n)).card for n in range(100)]

    peaks, sigmas = ([float(card[name]) for card in cards] for name in ("peak", "sigma_8bit"))

    assert 10 < min(peaks) < 14 < 46 < max(peaks) < 50
    assert 1 < min(sigmas) < 2 < 8 < max(sigmas) < 9


# ---------------------------------------------------------------------------- blur


@pytest.mark.parametrize("spread", [0.6, 1.5])
def test_grain_is_the_noise_of_a_sensor_convolved_and_the_picture_stays_sharp(
    spread: float,
) -> None:
    edge = np.full((400, 400, 1), 0.25, np.float32)
    edge[:, 200:] = 0.75

    noisy = degrade(edge, grain(500, 10, spread), generator(0)).image

    change = (noisy - edge).astype(np.float64)[..., 0]
    impulse = np.zeros((99, 99))
    impulse[49, 49] = 1
    kernel = gaussian(impulse, spread)
    weakened = np.sqrt(np.sum(kernel**2))
    for columns, value in ((slice(0, 190), 0.25), (slice(210, 400), 0.75)):
        sensor = np.hypot(10 / 255, np.sqrt(value / 500))
        assert change[:, columns].std() == pytest.approx(weakened * sensor, rel=0.04)
        assert change[:, columns].mean() == pytest.approx(0, abs=4 * sensor / 190)
    neighbours = np.corrcoef(change[:, :-1].ravel(), change[:, 1:].ravel())[0, 1]
    alike = np.sum(kernel[:, :-1] * kernel[:, 1:]) / np.sum(kernel**2)
    assert neighbours == pytest.approx(alike, abs=0.03)


def test_grain_names_what_was_drawn() -> None:
    drawn = grain({"min": 10, "max": 50}, {"min": 1, "max": 9}, {"min": 0.3, "max": 2})

    card = degrade(photo(), drawn, generator(0)).card

    assert set(card) == {"peak", "sigma_8bit", "spread_px"}


# A sampled Gaussian has the spectra of its neighbours too, which a narrow one shows.
@pytest.mark.parametrize(("sigma", "tolerance"), [(1, 0.02), (1.5, 1e-3), (3, 1e-3)])
def test_spectrum_of_blur_is_gaussian(sigma: float, tolerance: float) -> None:
    impulse = np.zeros((129, 129, 1), np.float32)
    impulse[64, 64] = 1

    blurred = degrade(impulse, blur(sigma), generator(0)).image[..., 0]

    rows, columns = np.meshgrid(np.fft.fftfreq(129), np.fft.fftfreq(129), indexing="ij")
    expected = np.exp(-2 * np.pi**2 * sigma**2 * (rows**2 + columns**2))
    assert np.abs(np.abs(np.fft.fft2(blurred)) - expected).max() < tolerance


@pytest.mark.parametrize("sigma", [0.6, 1.5, 4])
def test_blur_is_a_convolution_of_the_mirrored_image(sigma: float) -> None:
    clean = photo(37, 50, 3)
    radius = int(4 * sigma + 0.5)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()

    blurred = degrade(clean, blur(sigma), generator(0)).image

    padded = np.pad(clean.astype(float), ((radius, radius), (radius, radius), (0, 0)), "reflect")
    rows = np.apply_along_axis(np.convolve, 0, padded, taps, "valid")
    expected = np.apply_along_axis(np.convolve, 1, rows, taps, "valid")
    assert np.abs(blurred - expected).max() < 1e-6


def test_blur_is_that_of_scikit_image() -> None:
    clean = photo(37, 50, 3)

    blurred = degrade(clean, blur(2), generator(0)).image

    expected = gaussian(clean, 2, mode="mirror", channel_axis=-1)
    assert np.abs(blurred - expected).max() < 1e-6


def test_two_blurs_are_one_whose_squares_add_up() -> None:
    clean = photo(80, 90)

    twice = degrade(clean, sequence(blur(3), blur(4)), generator(0)).image

    assert np.abs(twice - degrade(clean, blur(5), generator(0)).image).max() < 1e-3


# ------------------------------------------------------------------------- bicubic


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_goes_down_and_up_again(scale: int) -> None:
    clean = photo(48, 60)

    degraded = degrade(clean, bicubic(scale), generator(0))

    small = resize(clean, 48 // scale, 60 // scale)
    assert np.array_equal(degraded.image, resize(small, 48, 60))
    assert degraded.card == {"scale": scale}


def test_fraction_goes_through_the_nearest_whole_size() -> None:
    clean = photo(48, 61)

    degraded = degrade(clean, bicubic(1.7), generator(0)).image

    assert np.array_equal(degraded, resize(resize(clean, 28, 36), 48, 61))


def test_larger_scales_lose_more() -> None:
    clean = photo(48, 60)

    errors = [
        float(np.mean((degrade(clean, bicubic(s), generator(0)).image - clean) ** 2))
        for s in (1.5, 2, 3, 4)
    ]

    assert errors == sorted(errors)
    assert errors[0] > 0


@pytest.mark.parametrize(
    ("scale", "size"), [(2, (36, 50)), (3, (36, 48)), (4, (36, 48)), (1.5, (37, 50))]
)
def test_test_images_are_cut_to_whole_multiples_of_the_scale(
    scale: float, size: tuple[int, int]
) -> None:
    clean = photo(37, 50)

    cropped = fitting_crop(clean, bicubic(scale))

    assert np.array_equal(cropped, clean[: size[0], : size[1]])


@pytest.mark.parametrize("kind", ["noise", "jpeg"])
def test_other_degradations_cut_nothing(kind: str) -> None:
    clean = photo(37, 50)

    assert np.array_equal(fitting_crop(clean, EVERY_KIND[kind]()), clean)


def test_small_image_may_be_rounded_to_8_bits_as_a_file_is() -> None:
    clean = photo(36, 50, 3)
    small = resize(clean, 18, 25)

    degraded = degrade(clean, bicubic(2, quantise=True), generator(0)).image

    assert np.array_equal(degraded, resize(from_8bit(to_8bit(small)), 36, 50))
    assert not np.array_equal(degraded, degrade(clean, bicubic(2), generator(0)).image)


@pytest.mark.parametrize(("scale", "size"), [(2, (24, 30)), (1.7, (28, 35)), (16, (3, 4))])
@pytest.mark.parametrize("quantise", [False, True])
def test_low_result_is_the_small_image_that_the_other_one_is_interpolated_from(
    scale: float, size: tuple[int, int], quantise: bool
) -> None:
    clean = photo(48, 60, 3)

    low = degrade(clean, bicubic(scale, quantise=quantise, result="low"), generator(0))

    small = resize(clean, *size)
    expected = from_8bit(to_8bit(small)) if quantise else small
    interpolated = degrade(clean, bicubic(scale, quantise=quantise), generator(0))
    assert np.array_equal(low.image, expected)
    assert np.array_equal(resize(low.image, 48, 60), interpolated.image)
    assert low.card == interpolated.card


# ---------------------------------------------------------------------------- JPEG


@pytest.mark.parametrize(
    ("channels", "chroma"), [(1, "yuv420"), (3, "yuv420"), (3, "yuv422"), (3, "yuv444")]
)
@pytest.mark.parametrize("quality", [1, 10, 40, 100])
def test_jpeg_is_that_of_pillow_on_the_whole_image(
    channels: int, chroma: str, quality: int
) -> None:
    clean = photo(37, 50, channels)
    stream = io.BytesIO()
    ratio = {"yuv420": "4:2:0", "yuv422": "4:2:2", "yuv444": "4:4:4"}[chroma]
    options = {"subsampling": ratio} if channels == 3 else {}
    Image.fromarray(to_8bit(clean).squeeze()).save(stream, "jpeg", quality=quality, **options)

    degraded = degrade(clean, jpeg(quality, chroma), generator(0))

    with Image.open(stream) as decoded:
        expected = np.asarray(decoded).reshape(clean.shape)
    assert np.array_equal(to_8bit(degraded.image), expected)


def blockiness(image: Array, row: int, column: int) -> float:
    """Return how much stronger the edges of blocks that begin there are than all edges."""
    down, across = np.abs(np.diff(image, axis=0)), np.abs(np.diff(image, axis=1))
    at_edges = down[(row - 1) % 8 :: 8].mean() + across[:, (column - 1) % 8 :: 8].mean()
    return float(at_edges / (down.mean() + across.mean()))


@pytest.mark.parametrize("phase", [(0, 0), (3, 5), (7, 1), (0, 4), (4, 0)])
def test_blocks_begin_where_the_phase_says(phase: tuple[int, int]) -> None:
    noisy = degrade(photo(80, 96), noise(25), generator(0)).image

    compressed = degrade(noisy, jpeg(5, phase=list(phase)), generator(0)).image

    strength = {(r, c): blockiness(compressed, r, c) for r in range(8) for c in range(8)}
    assert max(strength, key=strength.__getitem__) == phase


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("phase", [(3, 5), (0, 1), (7, 0)])
def test_image_is_a_part_of_one_whose_blocks_begin_in_its_corner(
    phase: tuple[int, int], channels: int
) -> None:
    clean = photo(37, 50, channels)
    above, left = (8 - phase[0]) % 8, (8 - phase[1]) % 8
    larger = np.pad(to_8bit(clean), ((above, 0), (left, 0), (0, 0)), mode="edge")
    stream = io.BytesIO()
    Image.fromarray(larger.squeeze()).save(stream, "jpeg", quality=20)

    degraded = degrade(clean, jpeg(20, phase=list(phase)), generator(0))

    with Image.open(stream) as decoded:
        expected = np.asarray(decoded).reshape(larger.shape)[above:, left:]
    assert np.array_equal(to_8bit(degraded.image), expected)
    assert (degraded.card["phase_row"], degraded.card["phase_column"]) == phase


def test_phase_of_zero_is_the_aligned_one() -> None:
    aligned, zero = (
        degrade(photo(), jpeg(10, phase=one), generator(0)) for one in ("aligned", [0, 0])
    )

    assert np.array_equal(aligned.image, zero.image)


def test_random_phase_is_drawn_evenly_and_is_the_one_on_the_card() -> None:
    clean = photo(24, 24)
    compressed = [degrade(clean, jpeg(10, phase="random"), generator(0, n)) for n in range(400)]

    phases = [(int(one.card["phase_row"]), int(one.card["phase_column"])) for one in compressed]

    counts = np.zeros((8, 8), int)
    np.add.at(counts, tuple(np.transpose(phases)), 1)
    assert counts.sum(axis=0).min() > 25
    assert counts.sum(axis=1).min() > 25
    for one, phase in zip(compressed[:20], phases[:20], strict=True):
        fixed = degrade(clean, jpeg(10, phase=list(phase)), generator(0))
        assert np.array_equal(one.image, fixed.image)


def test_card_of_a_jpeg_names_quality_and_encoder() -> None:
    card = degrade(photo(), jpeg(30), generator(0)).card

    assert card["quality"] == 30
    assert str(card["encoder"]).startswith("libjpeg")


def test_drawn_qualities_include_both_ends() -> None:
    blind = jpeg({"min": 5, "max": 8}, draws=2)

    drawn = {degrade(photo(8, 8), blind, generator(0, n)).card["quality"] for n in range(60)}

    assert drawn == {5, 6, 7, 8}


# ----------------------------------------------------------------------- sequences


def test_sequence_applies_its_steps_one_after_the_other() -> None:
    clean = photo(48, 60, 3)
    steps = [
        blur({"min": 0.2, "max": 2}),
        bicubic(2, result="low"),
        noise({"min": 5, "max": 20}),
        jpeg({"min": 30, "max": 90}),
    ]

    low = degrade(clean, sequence(*steps, result="low"), generator(0))
    interpolated = degrade(clean, sequence(*steps), generator(0))

    rng, image, cards = generator(0), clean, []
    for step in steps:
        result = degrade(image, step, rng)
        image = result.image
        cards.append(result.card)
    assert image.shape == (24, 30, 3)
    assert np.array_equal(low.image, image)
    assert np.array_equal(interpolated.image, resize(image, 48, 60))
    assert low.card["1_sigma_px"] == cards[0]["sigma_px"]
    assert low.card["3_sigma_8bit"] == cards[2]["sigma_8bit"]
    assert low.card["4_quality"] == cards[3]["quality"]


def test_order_of_the_steps_matters() -> None:
    one, other = (
        degrade(photo(), sequence(*steps), generator(0)).image
        for steps in ((blur(1), noise(25)), (noise(25), blur(1)))
    )

    assert (one - photo()).std() > 2 * (other - photo()).std()


def test_step_that_interpolates_leaves_nothing_to_interpolate() -> None:
    clean = photo(48, 60)

    degraded = degrade(clean, sequence(bicubic(3), jpeg(20)), generator(0)).image

    through = degrade(clean, bicubic(3), generator(0)).image
    assert np.array_equal(degraded, degrade(through, jpeg(20), generator(0)).image)


def test_card_names_the_noise_level_only_where_noise_comes_last() -> None:
    last = degrade(photo(), sequence(blur(1), noise({"min": 5, "max": 20})), generator(0)).card
    first = degrade(photo(), sequence(noise(5), blur(1)), generator(0)).card

    assert last["sigma_8bit"] == last["2_sigma_8bit"]
    assert "sigma_8bit" not in first


@pytest.mark.parametrize(
    ("steps", "size"),
    [
        ((bicubic(2, result="low"), bicubic(2, result="low")), (36, 48)),
        ((bicubic(1.5, result="low"), blur(1), bicubic(2, result="low")), (36, 48)),
        ((bicubic(4), noise(5)), (37, 50)),
        ((bicubic(1.5, result="low"), noise(5)), (37, 50)),
    ],
)
@pytest.mark.parametrize("result", ["low", "interpolated"])
def test_test_images_of_a_sequence_are_cut_to_multiples_of_all_its_scales(
    steps: tuple[Level, ...], size: tuple[int, int], result: str
) -> None:
    if steps[0].settings.model_dump()["result"] == "interpolated":
        result = "interpolated"

    cropped = fitting_crop(photo(37, 50), sequence(*steps, result=result))

    assert cropped.shape[:2] == size


# -------------------------------------------------------------------------- errors


def test_real_pairs_cannot_be_synthesised() -> None:
    with pytest.raises(ValueError, match="photographed, not synthesised"):
        degrade(photo(), level(kind="paired"), generator(0))


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "gaussian", "sigma_8bit": [15, 25], "quantise": False},
        {"kind": "poisson", "peak": [15, 25], "quantise": False},
        {"kind": "blur", "sigma_px": [1, 2], "draws": 1},
        {"kind": "bicubic", "scale": [2, 3], "quantise": False, "result": "interpolated"},
        {
            "kind": "jpeg",
            "quality": [10, 20],
            "subsampling": "yuv420",
            "phase": "aligned",
            "draws": 1,
        },
    ],
)
def test_several_levels_at_once_are_refused(settings: dict[str, object]) -> None:
    several = Level("several", cast("Synthetic", ADAPTER.validate_python(settings)), 1)

    with pytest.raises(ValueError, match="expected a single level"):
        degrade(photo(), several, generator(0))
