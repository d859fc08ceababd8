"""Batches of small patches whose pixels say which patch they are."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.degradation_settings import FloatRange, Gaussian
from pipeline.images import Bytes, from_8bit, to_8bit
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


def noise(sigma_8bit: Any, *, quantise: bool = False) -> Gaussian:
    return Gaussian(kind="gaussian", sigma_8bit=sigma_8bit, quantise=quantise)


def pairs_of(clean: Bytes, **changes: Any) -> Pairs:
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
    degraded = None if "noise" in VARIANTS[name] else np.concatenate([255 - clean, clean // 2])
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


# ----------------------------------------------------------------------------- errors


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
