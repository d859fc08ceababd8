"""Batches of small patches whose pixels say which patch they are."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.arrays.pixels import Bytes, from_8bit, to_8bit
from pipeline.arrays.shards import Rows, ShardedArray
from pipeline.arrays.training_set import DrawnNoise
from pipeline.degradations.settings import (
    FloatRange,
    Gaussian,
    PeakRange,
    Poisson,
    PoissonGaussian,
)
from pipeline.degrading.drawn_noise import drawn_noise
from pipeline.training.pairs import Pairs

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def numbered(patches: int, size: int = 4) -> Bytes:
    """Return patches each filled with its position."""
    positions = np.arange(patches, dtype=np.uint8)
    return np.tile(positions[:, None, None, None], (1, size, size, 1))


def random_patches(patches: int, size: int, channels: int = 1) -> Bytes:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (patches, size, size, channels), dtype=np.uint8)


def noise(sigma_8bit: Any, *, quantise: bool = False) -> DrawnNoise:
    return drawn_noise(Gaussian(kind="gaussian", sigma_8bit=sigma_8bit, quantise=quantise))


def photons(peak: Any, *, quantise: bool = False) -> DrawnNoise:
    return drawn_noise(Poisson(kind="poisson", peak=peak, quantise=quantise))


def sensor(peak: Any, sigma_8bit: Any) -> DrawnNoise:
    return drawn_noise(
        PoissonGaussian(kind="poisson_gaussian", peak=peak, sigma_8bit=sigma_8bit, quantise=False)
    )


def pairs_of(clean: Rows, **changes: Any) -> Pairs:
    settings: dict[str, Any] = {
        "clean": clean,
        "degraded": None,
        "noise": None,
        "key": (0, "e"),
        "batch": 4,
        "augment": False,
        "device": CPU,
    }
    if "noise" not in changes:
        settings["degraded"] = clean
    return Pairs(**{**settings, **changes})


def positions(batch: torch.Tensor) -> NDArray[np.int64]:
    """Return which numbered patches are in a batch."""
    values: NDArray[np.int64] = np.rint(batch[:, 0, 0, 0].numpy() * 255).astype(np.int64)
    return values


VARIANTS: dict[str, dict[str, Any]] = {
    "stored": {},
    "noise": {"noise": noise(25)},
    "blind noise": {"noise": noise(FloatRange(min=0, max=55))},
    "turned": {"augment": True},
    "turned noise": {"noise": noise([15, 25]), "augment": True},
    "photons": {"noise": photons(PeakRange(min=4, max=60)), "augment": True},
    "sensor": {"noise": sensor([10, 30], FloatRange(min=0, max=9)), "augment": True},
    "noises": {"noise": [noise(FloatRange(min=0, max=55)), photons(30, quantise=True)]},
}


# ------------------------------------------------------------- the step decides alone


@pytest.mark.parametrize("name", VARIANTS)
def test_batch_does_not_depend_on_the_steps_before(name: str, device: torch.device) -> None:
    clean = random_patches(11, 6)
    forwards = pairs_of(clean, **VARIANTS[name], device=device)
    backwards = pairs_of(clean, **VARIANTS[name], device=device)

    seen = {step: forwards.at(step) for step in range(9)}
    again = {step: backwards.at(step) for step in (8, 3, 0, 5)}

    for step, (degraded, clean_batch) in again.items():
        assert torch.equal(degraded, seen[step][0])
        assert torch.equal(clean_batch, seen[step][1])


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("key", [(1, "e"), (0, "f")])
def test_other_seed_or_experiment_gives_other_batches(name: str, key: tuple[int, str]) -> None:
    clean = random_patches(50, 6)

    one, other = pairs_of(clean, **VARIANTS[name]), pairs_of(clean, **VARIANTS[name], key=key)

    assert not torch.equal(one.at(0)[1], other.at(0)[1])
    assert not torch.equal(one.at(0)[0], other.at(0)[0])


def test_random_numbers_of_others_are_left_alone() -> None:
    before = torch.random.get_rng_state()

    pairs_of(random_patches(8, 6), noise=noise(25), augment=True).at(0)

    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("memory", [None, 0])
@pytest.mark.parametrize("name", VARIANTS)
def test_patches_in_several_files_give_the_same_batches(
    name: str, memory: int | None, device: torch.device
) -> None:
    clean = random_patches(11, 6)
    in_parts = ShardedArray([clean[:4], clean[4:8], clean[8:]])
    whole = pairs_of(clean, **VARIANTS[name], device=device)

    parts = pairs_of(in_parts, **VARIANTS[name], device=device, memory=memory)

    for step in (0, 1, 2, 7):
        for one, other in zip(whole.at(step), parts.at(step), strict=True):
            assert torch.equal(one, other)


# ----------------------------------------------------------------------------- epochs


@pytest.mark.parametrize(("patches", "batch"), [(23, 7), (8, 4), (5, 5), (9, 8), (100, 1)])
def test_each_epoch_visits_each_pair_once(patches: int, batch: int) -> None:
    pairs = pairs_of(numbered(patches), batch=batch)

    series = np.concatenate([positions(pairs.at(step)[1]) for step in range(3 * patches)])

    epochs = series[: len(series) // patches * patches].reshape(-1, patches)
    assert len(epochs) >= 3
    assert all(sorted(epoch) == list(range(patches)) for epoch in epochs)


def test_each_epoch_has_an_order_of_its_own() -> None:
    pairs = pairs_of(numbered(40), batch=40)

    orders = [tuple(positions(pairs.at(epoch)[1])) for epoch in range(5)]

    assert len(set(orders)) == 5
    assert tuple(range(40)) not in orders


@pytest.mark.parametrize("versions", [1, 2, 3])
def test_each_stored_version_meets_its_clean_patch(versions: int) -> None:
    clean = numbered(13)
    degraded = np.concatenate([clean + 60 * version for version in range(versions)])
    pairs = pairs_of(clean, degraded=degraded, batch=13)

    batches = [pairs.at(step) for step in range(versions)]

    of_clean = np.concatenate([positions(batch) for _, batch in batches])
    of_degraded = np.concatenate([positions(batch) for batch, _ in batches])
    assert len(pairs) == 13 * versions
    assert np.array_equal(of_degraded % 60, of_clean)
    assert sorted(of_degraded) == sorted(degraded[:, 0, 0, 0])


# ----------------------------------------------------------------------------- values


def test_8_bit_patches_become_values_up_to_1(device: torch.device) -> None:
    pairs = pairs_of(random_patches(8, 5, 3), batch=8, device=device)

    degraded, clean = (batch.cpu() for batch in pairs.at(0))

    assert degraded.dtype == clean.dtype == torch.float32
    expected = {image.tobytes() for image in from_8bit(random_patches(8, 5, 3))}
    assert {image.permute(1, 2, 0).numpy().tobytes() for image in clean} == expected
    assert torch.equal(degraded, clean)


def test_half_precision_patches_are_taken_as_they_are() -> None:
    clean = numbered(9)
    degraded = clean.astype(np.float16) - np.float16(0.25)

    restored, original = pairs_of(clean, degraded=degraded, batch=9).at(0)

    assert restored.dtype == torch.float32
    assert torch.equal(restored, original * 255 - 0.25)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", VARIANTS)
def test_batches_are_channels_last(name: str, channels: int) -> None:
    pairs = pairs_of(random_patches(9, 6, channels), **VARIANTS[name])

    for batch in pairs.at(2):
        assert batch.shape == (4, channels, 6, 6)
        assert batch.is_contiguous(memory_format=torch.channels_last)


def test_bank_may_stay_on_disk(tmp_path: Path) -> None:
    clean, degraded = random_patches(9, 6), random_patches(18, 6)
    np.save(tmp_path / "clean.npy", clean)
    np.save(tmp_path / "degraded.npy", degraded)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("clean", "degraded")]

    batches = pairs_of(mapped[0], degraded=mapped[1], augment=True).at(3)

    expected = pairs_of(clean, degraded=degraded, augment=True).at(3)
    assert all(torch.equal(one, other) for one, other in zip(batches, expected, strict=True))
    assert np.array_equal(mapped[0], clean)


@pytest.mark.parametrize("name", VARIANTS)
def test_patches_that_do_not_fit_the_device_are_streamed_to_the_same_batches(
    name: str, device: torch.device
) -> None:
    clean = random_patches(23, 6, 3)
    stored = "noise" not in VARIANTS[name] or name == "noises"
    degraded = np.concatenate([255 - clean, clean // 2]) if stored else None
    held = pairs_of(clean, **{**VARIANTS[name], "degraded": degraded}, device=device)

    streamed = pairs_of(
        clean, **{**VARIANTS[name], "degraded": degraded}, device=device, memory=clean.nbytes - 1
    )

    for step in (0, 1, 2, 3, 9, 4, 5):
        batches = zip(streamed.at(step), held.at(step), strict=True)
        assert all(torch.equal(one, other) for one, other in batches)


def test_streamed_batches_are_read_before_they_are_asked_for() -> None:
    four_read = threading.Event()
    reads: list[int] = []

    class Watched(np.ndarray):
        def __getitem__(self, key: Any) -> Any:
            reads.append(1)
            if len(reads) == 4:
                four_read.set()
            return np.asarray(self)[key]

    pairs = pairs_of(random_patches(40, 6).view(Watched), noise=noise(25), memory=0)

    pairs.at(0)

    assert four_read.wait(timeout=30)


def test_a_bank_that_cannot_be_read_any_more_is_an_error_of_the_step() -> None:
    class Torn(np.ndarray):
        def __getitem__(self, key: Any) -> Any:
            raise OSError(5, "Input/output error")

    pairs = pairs_of(random_patches(9, 6).view(Torn), noise=noise(25), memory=0)

    with pytest.raises(OSError, match="Input/output error"):
        pairs.at(0)


# ------------------------------------------------------------------------------ turns


def test_turns_cover_all_eight_ways_evenly() -> None:
    patch = np.array([[0, 1], [2, 3]], np.uint8)[None, ..., None]
    pairs = pairs_of(np.repeat(patch, 32, axis=0), batch=32, augment=True)

    seen = np.concatenate([np.rint(pairs.at(s)[1].numpy() * 255) for s in range(50)])

    ways, counts = np.unique(seen.reshape(-1, 4).astype(int), axis=0, return_counts=True)
    square = patch[0, ..., 0]
    expected = [np.rot90(m, k) for m in (square, square.T) for k in range(4)]
    assert {tuple(way) for way in ways} == {tuple(turned.ravel()) for turned in expected}
    assert counts.min() > 32 * 50 / 8 * 0.7


def test_clean_and_degraded_are_turned_alike(device: torch.device) -> None:
    clean = random_patches(40, 6, 3)

    batches = [pairs_of(clean, augment=True, device=device).at(step) for step in range(20)]

    assert all(torch.equal(degraded, original) for degraded, original in batches)


def test_turned_patches_are_those_of_the_same_step() -> None:
    clean = random_patches(40, 6)
    plain, turned = pairs_of(clean), pairs_of(clean, augment=True)

    for step in range(10):
        sums, turned_sums = (pairs.at(step)[1].sum(dim=(1, 2, 3)) for pairs in (plain, turned))
        assert torch.allclose(sums, turned_sums, atol=1e-4)


def test_without_augmentation_nothing_is_turned() -> None:
    clean = random_patches(8, 6)

    batch = pairs_of(clean, batch=8).at(0)[1]

    shown = {to_8bit(image.numpy())[0].tobytes() for image in batch}
    assert shown == {image[..., 0].tobytes() for image in clean}


# ------------------------------------------------------------------------------ noise


def residuals(pairs: Pairs, step: int) -> NDArray[np.float64]:
    degraded, clean = pairs.at(step)
    difference: NDArray[np.float64] = (degraded - clean).cpu().numpy().astype(np.float64) * 255
    return difference


@pytest.mark.parametrize("sigma", [0, 15, 50])
def test_noise_has_the_requested_level(sigma: float, device: torch.device) -> None:
    pairs = pairs_of(random_patches(16, 64), noise=noise(sigma), batch=16, device=device)

    assert residuals(pairs, 0).std() == pytest.approx(sigma, rel=0.02, abs=1e-4)


def test_blind_noise_fills_its_range() -> None:
    blind = noise(FloatRange(min=10, max=50))
    pairs = pairs_of(random_patches(64, 32), noise=blind, batch=64)

    deviations = np.concatenate([residuals(pairs, s).std(axis=(1, 2, 3)) for s in range(6)])

    counts, _ = np.histogram(deviations, bins=[0, 9, 20, 30, 40, 53, 255])
    assert counts[0] == counts[-1] == 0
    assert counts[1:-1].min() > 50


def test_listed_levels_are_all_drawn_and_no_others() -> None:
    pairs = pairs_of(random_patches(64, 32), noise=noise([10, 40]), batch=64)

    deviations = np.concatenate([residuals(pairs, s).std(axis=(1, 2, 3)) for s in range(4)])

    low, high = np.abs(deviations - 10) < 2, np.abs(deviations - 40) < 5
    assert (low | high).all()
    assert 64 < low.sum() < 192


def test_noise_is_new_at_every_step() -> None:
    pairs = pairs_of(random_patches(4, 16), noise=noise(25))

    one, other = residuals(pairs, 0), residuals(pairs, 1)

    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.15


def test_noise_of_the_pairs_of_a_batch_is_independent() -> None:
    pairs = pairs_of(random_patches(8, 32), noise=noise(25), batch=8)

    correlations = np.corrcoef(residuals(pairs, 0).reshape(8, -1))

    assert np.abs(correlations - np.eye(8)).max() < 0.15


def test_noise_is_neither_clipped_nor_rounded_unless_asked() -> None:
    clean = random_patches(8, 32)

    floating = pairs_of(clean, noise=noise(50)).at(0)[0].numpy()
    stored = pairs_of(clean, noise=noise(50, quantise=True)).at(0)[0].numpy()

    assert floating.min() < 0
    assert floating.max() > 1
    assert np.allclose(stored, from_8bit(to_8bit(floating)), atol=1e-7)
    assert np.mean(stored == 0) > 0.01


# ---------------------------------------------------------------------------- photons


def flat(value: int, patches: int = 16, size: int = 64) -> Bytes:
    return np.full((patches, size, size, 1), value, np.uint8)


@pytest.mark.parametrize("peak", [4, 30, 1000])
@pytest.mark.parametrize("value", [0, 64, 255])
def test_photons_have_the_moments_of_poisson(peak: float, value: int, device: torch.device) -> None:
    pairs = pairs_of(flat(value), noise=photons(peak), batch=16, device=device)

    counts = pairs.at(0)[0].cpu().numpy().astype(float) * peak

    expected = value / 255 * peak
    assert np.allclose(counts, np.round(counts), atol=peak * 1e-6)
    assert counts.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / counts.size))
    assert counts.var() == pytest.approx(expected, rel=0.05)


def test_variance_of_a_sensor_is_linear_in_the_signal(device: torch.device) -> None:
    values = [0, 64, 128, 255]

    noisy = [
        pairs_of(flat(value), noise=sensor(40, 5), batch=16, device=device).at(0)[0]
        for value in values
    ]

    variances = [float(one.double().var()) for one in noisy]
    slope, offset = np.polyfit(np.array(values) / 255, variances, 1)
    assert slope == pytest.approx(1 / 40, rel=0.03)
    assert offset == pytest.approx((5 / 255) ** 2, rel=0.1)


def test_photons_in_batches_of_many_channels_belong_to_their_pixels() -> None:
    clean = random_patches(8, 16, 3)

    degraded, original = pairs_of(clean, noise=photons(1e6), batch=8).at(0)

    assert torch.allclose(degraded, original, atol=0.006)


def test_what_undershoots_counts_no_photons() -> None:
    clean = flat(0, 4, 8)
    undershooting = np.full(clean.shape, -0.1, np.float16)

    degraded, _ = pairs_of(clean, degraded=undershooting, noise=photons(30)).at(0)

    assert (degraded == 0).all()


def test_drawn_peaks_fill_their_range() -> None:
    ranged = photons(PeakRange(min=10, max=50))
    pairs = pairs_of(flat(255, 64, 32), noise=ranged, batch=64)

    variances = np.concatenate([pairs.at(s)[0].var(dim=(1, 2, 3)).numpy() for s in range(6)])

    counts, _ = np.histogram(1 / variances, bins=[0, 8, 20, 30, 40, 56, 1e9])
    assert counts[0] == counts[-1] == 0
    assert counts[1:-1].min() > 50


def test_photons_are_new_at_every_step() -> None:
    pairs = pairs_of(flat(128, 4), noise=photons(20))

    one, other = residuals(pairs, 0), residuals(pairs, 1)

    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05


# --------------------------------------------------------------------------- versions

STORED = 90
"""Value of the patches of a version that is stored, in the tests of versions."""


def mixture(noises: list[DrawnNoise | None], **changes: Any) -> Pairs:
    """Return pairs of white patches; versions without noise are stored as ``STORED``."""
    clean = flat(255, 8, 32)
    parts = [clean if one else np.full_like(clean, STORED) for one in noises]
    settings = {"degraded": np.concatenate(parts), "noise": noises, "batch": 8}
    return pairs_of(clean, **{**settings, **changes})


NOISES: list[DrawnNoise | None] = [noise(10), None, photons(20), noise(FloatRange(min=40, max=50))]


def test_each_version_gets_the_noise_that_is_its_own(device: torch.device) -> None:
    pairs = mixture(NOISES, device=device)

    patches = torch.cat([pairs.at(step)[0] for step in range(4)]).cpu().numpy()

    means, sigmas = (getattr(patches, name)(axis=(1, 2, 3)) * 255 for name in ("mean", "std"))
    assert len(pairs) == 32
    is_stored = np.isclose(means, STORED, atol=0.01)
    assert is_stored.sum() == 8
    assert (sigmas[is_stored] == 0).all()
    sigmas = np.sort(sigmas[~is_stored])
    assert np.allclose(sigmas[:8], 10, rtol=0.1)
    assert ((sigmas[8:16] > 38) & (sigmas[8:16] < 52)).all()
    assert np.allclose(sigmas[16:], 255 / np.sqrt(20), rtol=0.1)


def test_versions_without_anything_stored_are_clean_patches_with_noise() -> None:
    pairs = mixture([noise(10), noise(50)], degraded=None)

    sigmas = np.concatenate([residuals(pairs, step).std(axis=(1, 2, 3)) for step in range(2)])

    assert len(pairs) == 16
    assert sorted(np.round(sigmas, -1)) == [10] * 8 + [50] * 8


def test_noise_comes_on_top_of_what_is_stored() -> None:
    clean = flat(255, 8)
    pairs = pairs_of(clean, degraded=np.full_like(clean, STORED), noise=noise(5), batch=8)

    degraded, original = pairs.at(0)

    assert float(degraded.mean()) * 255 == pytest.approx(STORED, abs=0.2)
    assert float(degraded.std()) * 255 == pytest.approx(5, rel=0.03)
    assert (original == 1).all()


def test_only_versions_that_say_so_are_rounded() -> None:
    pairs = mixture([noise(10, quantise=True), noise(10)], degraded=None, batch=16)

    values = pairs.at(0)[0].numpy() * 255

    rounded = np.isclose(values, np.round(values), atol=1e-3).all(axis=(1, 2, 3))
    assert rounded.sum() == 8
    assert values[rounded].max() == 255
    assert (values[~rounded].max(axis=(1, 2, 3)) > 256).all()


def test_patches_of_one_version_draw_independently() -> None:
    pairs = mixture([noise(FloatRange(min=1, max=50)), None], batch=16)

    sigmas = np.round(pairs.at(0)[0].std(dim=(1, 2, 3)).numpy() * 255, 2)

    assert len(np.unique(sigmas)) == 9


# ------------------------------------------------------------------------- noise maps


def test_noise_map_tells_the_sigma_of_each_patch(device: torch.device) -> None:
    pairs = mixture(
        [noise(FloatRange(min=1, max=50)), None, noise(25)],
        noise_map=True,
        device=device,
        augment=True,
        batch=24,
    )

    degraded, clean = (one.cpu() for one in pairs.at(0))

    told, noisy = degraded[:, 1:], degraded[:, :1]
    assert degraded.shape == pairs.shape == (24, 2, 32, 32)
    assert clean.shape == (24, 1, 32, 32)
    assert (told == told[:, :, :1, :1]).all()
    assert torch.allclose(told[:, 0, 0, 0], noisy.std(dim=(1, 2, 3)), rtol=0.1)
    assert ((told[:, 0, 0, 0] == 0).sum(), (told == 25 / 255).all(dim=(1, 2, 3)).sum()) == (8, 8)


@pytest.mark.parametrize("settings", [noise(25), noise([15, 25]), noise(25, quantise=True)])
@pytest.mark.parametrize("channels", [1, 3])
def test_noise_map_changes_nothing_else(settings: Gaussian, channels: int) -> None:
    clean = random_patches(9, 6, channels)

    plain = pairs_of(clean, noise=settings).at(2)
    told = pairs_of(clean, noise=settings, noise_map=True).at(2)

    assert torch.equal(told[0][:, :channels], plain[0])
    assert torch.equal(told[1], plain[1])
    assert told[0].is_contiguous(memory_format=torch.channels_last)


# ---------------------------------------------------------------------- small partners


@pytest.mark.parametrize("memory", [None, 0])
@pytest.mark.parametrize("scale", [2, 3])
def test_small_partners_are_turned_as_their_clean_patches(
    scale: int, memory: int | None, device: torch.device
) -> None:
    small = random_patches(20, 6, 3)
    clean = small.repeat(scale, axis=1).repeat(scale, axis=2)
    pairs = pairs_of(clean, degraded=small, augment=True, device=device, memory=memory)

    for step in range(12):
        degraded, original = pairs.at(step)
        enlarged = degraded.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
        assert degraded.shape == pairs.shape == (4, 3, 6, 6)
        assert degraded.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(enlarged, original)


def test_small_partners_get_noise_of_their_own_size() -> None:
    small = flat(128, 16, 32)
    clean = flat(128, 16, 64)
    pairs = pairs_of(clean, degraded=small, noise=noise(25), batch=16, noise_map=True)

    degraded, original = pairs.at(0)

    assert degraded.shape == (16, 2, 32, 32)
    assert float(degraded[:, :1].std()) * 255 == pytest.approx(25, rel=0.02)
    assert float(original.std()) == 0


# ----------------------------------------------------------------------------- errors


@pytest.mark.parametrize("noises", [1, 3])
def test_partners_that_are_no_whole_number_of_versions_are_refused(noises: int) -> None:
    clean = numbered(6)

    with pytest.raises(ValueError, match=f"expected {noises} version"):
        pairs_of(clean, degraded=np.concatenate([clean, clean[:noises]]), noise=[None] * noises)


def test_partners_whose_side_does_not_divide_that_of_the_clean_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="side divides"):
        pairs_of(numbered(6, size=5), degraded=numbered(6, size=2))


def test_fewer_patches_than_a_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="one batch of 9 training patches, came 8"):
        pairs_of(numbered(8), batch=9)


def test_versions_count_as_pairs() -> None:
    clean = numbered(5)

    pairs = pairs_of(clean, degraded=np.concatenate([clean, clean]), batch=9)

    assert pairs.at(0)[0].shape == (9, 1, 4, 4)


def test_neither_stored_patches_nor_noise_is_an_error() -> None:
    with pytest.raises(ValueError, match="came neither"):
        pairs_of(numbered(5), noise=None).at(0)


def test_patches_that_leave_the_device_give_the_same_batches() -> None:
    kept, released = (pairs_of(random_patches(11, 6), noise=noise(25.0)) for _ in range(2))
    before = released.at(0)

    freed = [released.release(), released.release()]

    assert freed == [True, False]
    for step in (0, 1, 5):
        for one, other in zip(kept.at(step), released.at(step), strict=True):
            assert torch.equal(one, other)
    assert torch.equal(before[0], released.at(0)[0])
