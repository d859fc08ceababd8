import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.pixels import from_8bit, to_8bit
from pipeline.images.benchmarks import images_of
from pipeline.images.colours import rgb_to_luma
from pipeline.images.files import read_image, write_png
from pipeline.images.resize import resize
from pipeline.settings.params import FolderDataset
from stages.degrade_test import degrade_test
from tests.stage.graph_data import (
    NOISE,
    REAL,
    degradation,
    download_pairs,
    download_photos,
    fetch,
    photo,
    trial,
)


def test_the_noise_has_the_named_level_and_is_neither_clipped_nor_rounded(tmp_path: Path) -> None:
    raw = download_photos(tmp_path).parent

    degrade_test(trials=[trial()], raw=raw, out=tmp_path / "out", seed=0)

    place = tmp_path / "out/set/gaussian_25"
    noise = [
        np.load(path) - read_image(place / "clean" / f"{path.stem}.png")
        for path in sorted((place / "degraded").glob("*.npy"))
    ]
    assert len(noise) == 3
    assert np.std(noise) * 255 == pytest.approx(25, rel=0.03)
    values = np.load(place / "degraded" / "a.npy") * 255
    assert np.abs(values - np.round(values)).max() > 0.1


def test_every_level_has_its_folder(tmp_path: Path) -> None:
    raw = download_photos(tmp_path).parent
    levels = degradation(kind="gaussian", sigma_8bit=[15, 50], quantise=False)

    degrade_test(trials=[trial(levels)], raw=raw, out=tmp_path / "out", seed=0)

    assert {p.name for p in (tmp_path / "out/set").iterdir()} == {"gaussian_15", "gaussian_50"}


def test_no_two_images_have_the_same_noise(tmp_path: Path) -> None:
    raw = download_photos(tmp_path).parent

    degrade_test(trials=[trial()], raw=raw, out=tmp_path / "out", seed=0)

    folder = tmp_path / "out/set/gaussian_25"
    noise = {
        name: np.load(folder / f"degraded/{name}.npy") - read_image(folder / f"clean/{name}.png")
        for name in ("a", "b")
    }
    assert abs(np.corrcoef(noise["a"].ravel(), noise["b"].ravel())[0, 1]) < 0.1


def test_an_image_has_the_same_noise_in_every_benchmark(tmp_path: Path) -> None:
    raw = download_photos(tmp_path).parent
    other = trial(degradation(kind="bicubic", scale=2, quantise=False, result="interpolated"))

    degrade_test(trials=[trial()], raw=raw, out=tmp_path / "one", seed=0)
    degrade_test(trials=[other, trial()], raw=raw, out=tmp_path / "two", seed=0)

    place = "set/gaussian_25/degraded/b.npy"
    assert (tmp_path / "one" / place).read_bytes() == (tmp_path / "two" / place).read_bytes()


def test_another_seed_gives_other_noise(tmp_path: Path) -> None:
    raw = download_photos(tmp_path).parent

    for seed in (0, 1):
        degrade_test(trials=[trial()], raw=raw, out=tmp_path / str(seed), seed=seed)

    place = "set/gaussian_25/degraded/b.npy"
    assert (tmp_path / "0" / place).read_bytes() != (tmp_path / "1" / place).read_bytes()


def test_a_test_of_super_resolution_cuts_off_what_the_scale_does_not_divide(tmp_path: Path) -> None:
    raw = download_photos(tmp_path).parent
    trials = [
        trial(degradation(kind="bicubic", scale=[2, 3], quantise=False, result="interpolated"))
    ]

    degrade_test(trials=trials, raw=raw, out=tmp_path / "out", seed=0)

    sizes = {
        label: np.load(tmp_path / f"out/set/{label}/degraded/a.npy").shape[:2]
        for label in ("bicubic_x2", "bicubic_x3")
    }
    assert photo(0).shape[:2] == (45, 52)
    assert sizes == {"bicubic_x2": (44, 52), "bicubic_x3": (45, 51)}


@pytest.mark.parametrize("scale", [2, 3, 1.7])
def test_low_results_are_written_small_and_interpolated_when_asked(
    tmp_path: Path, scale: float
) -> None:
    raw = download_photos(tmp_path).parent
    results = {
        result: degradation(kind="bicubic", scale=scale, quantise=False, result=result)
        for result in ("low", "interpolated")
    }

    for result, settings in results.items():
        degrade_test(trials=[trial(settings)], raw=raw, out=tmp_path / result, seed=0)

    images = {result: next(images_of(tmp_path / result)) for result, settings in results.items()}
    height, width = images["low"].clean().shape[:2]
    assert images["low"].degraded().shape[:2] == (round(height / scale), round(width / scale))
    np.testing.assert_array_equal(images["low"].clean(), images["interpolated"].clean())
    for interpolated in (images["low"].interpolated(), images["interpolated"].interpolated()):
        np.testing.assert_array_equal(interpolated, images["interpolated"].degraded())


def test_luma_of_a_low_result_is_that_of_the_small_rgb_image(tmp_path: Path) -> None:
    clean = photo(3, 36, 50, 3)
    source = tmp_path / "photos"
    source.mkdir()
    write_png(source / "a.png", clean)
    raw = fetch(tmp_path, FolderDataset(kind="folder", source=str(source)), source).parent
    small = degradation(kind="bicubic", scale=2, quantise=True, result="low")
    trials = [trial(small, "y_of_rgb")]

    degrade_test(trials=trials, raw=raw, out=tmp_path / "out", seed=0)

    (image,) = images_of(tmp_path / "out")
    in_rgb = from_8bit(to_8bit(resize(clean, 18, 25)))
    np.testing.assert_allclose(image.degraded()[..., 0], rgb_to_luma(in_rgb), atol=1e-6)
    assert image.interpolated().shape == image.clean().shape == (36, 50, 1)


def test_a_sequence_is_cut_to_a_multiple_of_its_scale_and_carded_step_by_step(
    tmp_path: Path,
) -> None:
    raw = download_photos(tmp_path).parent
    settings = degradation(
        kind="sequence",
        steps=[
            {"kind": "blur", "sigma_px": {"min": 0.5, "max": 2}, "draws": 1},
            {"kind": "bicubic", "scale": 2, "quantise": False, "result": "low"},
            {"kind": "bicubic", "scale": 1.5, "quantise": False, "result": "low"},
            {"kind": "poisson", "peak": {"min": 10, "max": 50}, "quantise": False},
        ],
        result="low",
        draws=1,
    )

    degrade_test(trials=[trial(settings)], raw=raw, out=tmp_path / "out", seed=0)

    images = list(images_of(tmp_path / "out"))
    with (tmp_path / "out/card.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {image.scale for image in images} == {3}
    assert {image.clean().shape[:2] for image in images} == {(45, 51)}
    assert {image.degraded().shape[:2] for image in images} == {(15, 17)}
    assert len({row["1_sigma_px"] for row in rows}) == len({row["4_peak"] for row in rows}) == 3


def test_luma_of_an_rgb_image_is_degraded_in_rgb_and_never_rounded(tmp_path: Path) -> None:
    clean = photo(3, 36, 50, 3)
    source = tmp_path / "photos"
    source.mkdir()
    write_png(source / "a.png", clean)
    raw = fetch(tmp_path, FolderDataset(kind="folder", source=str(source)), source).parent
    small = degradation(kind="bicubic", scale=2, quantise=True, result="interpolated")
    trials = [trial(small, "y_of_rgb")]

    degrade_test(trials=trials, raw=raw, out=tmp_path / "out", seed=0)

    (image,) = images_of(tmp_path / "out")
    in_rgb = resize(from_8bit(to_8bit(resize(clean, 18, 25))), 36, 50)
    np.testing.assert_allclose(image.clean()[..., 0], rgb_to_luma(clean), atol=1e-6)
    np.testing.assert_allclose(image.degraded()[..., 0], rgb_to_luma(in_rgb), atol=1e-6)


def test_real_pairs_are_taken_as_they_were_photographed(tmp_path: Path) -> None:
    raw = download_pairs(tmp_path)

    degrade_test(trials=[trial(REAL)], raw=raw.parent, out=tmp_path / "out", seed=0)

    stored = np.load(tmp_path / "out/set/paired/degraded/a.npy")
    np.testing.assert_array_equal(stored, read_image(raw / "degraded/a.png"))


def test_real_pairs_of_a_set_without_partners_are_refused(tmp_path: Path) -> None:
    raw = download_photos(tmp_path).parent

    with pytest.raises(ValueError, match="'a' has no degraded partner"):
        degrade_test(trials=[trial(REAL)], raw=raw, out=tmp_path / "out", seed=0)

    assert not (tmp_path / "out").exists()


def test_noise_may_be_clipped_and_rounded_where_the_params_say_so(tmp_path: Path) -> None:
    raw = download_photos(tmp_path).parent
    camera = NOISE.model_copy(update={"quantise": True})

    degrade_test(trials=[trial(camera)], raw=raw, out=tmp_path / "out", seed=0)

    values = np.load(tmp_path / "out/set/gaussian_25_8bit/degraded/a.npy") * 255
    np.testing.assert_allclose(values, np.round(values), atol=1e-4)
