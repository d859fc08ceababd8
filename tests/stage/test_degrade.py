import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.patches import Grid, PatchBank, cut
from pipeline.arrays.pixels import from_8bit, to_8bit
from pipeline.arrays.randomness import generator
from pipeline.arrays.training_set import TrainingSet
from pipeline.degradations.levels import reduction_of, versions
from pipeline.degradations.settings import Degradation
from pipeline.degrading.synthesis import degrade as degrade_image
from pipeline.images.files import compress_jpeg
from pipeline.images.resize import resize
from stages.degrade import degrade
from tests.small_disk import mount_small_disk
from tests.stage.graph_data import (
    JPEG,
    NOISE,
    REAL,
    bank,
    degradation,
    degrade_bank,
    download_pairs,
    download_photos,
    extract_bank,
)


def low(scale: float, *, quantise: bool = False) -> dict[str, object]:
    return {"kind": "bicubic", "scale": scale, "quantise": quantise, "result": "low"}


BLUR = {"kind": "blur", "sigma_px": {"min": 0.5, "max": 2}, "draws": 1}
CROPPED = {"kind": "jpeg", "quality": 20, "subsampling": "yuv420", "phase": "random", "draws": 1}
WEAK = {"kind": "gaussian", "sigma_8bit": {"min": 1, "max": 5}, "quantise": False}
PHOTONS = {"kind": "poisson", "peak": 30, "quantise": True}


def sequence(*steps: dict[str, object], result: str, draws: int) -> dict[str, object]:
    return {"kind": "sequence", "steps": list(steps), "result": result, "draws": draws}


STORED: dict[str, Degradation] = {
    "JPEG": JPEG,
    "cropped JPEG": degradation(**{**CROPPED, "draws": 2}),
    "interpolated": degradation(
        kind="bicubic", scale=[2, 1.7], quantise=False, result="interpolated"
    ),
    "low": degradation(**low(2)),
    "low in 8 bits": degradation(**low(3, quantise=True)),
    "blur": degradation(**{**BLUR, "draws": 3}),
    "sequence": degradation(**sequence(BLUR, WEAK, CROPPED, result="interpolated", draws=2)),
    "low sequence": degradation(**sequence(BLUR, low(2), WEAK, CROPPED, result="low", draws=2)),
    "low sequence by fractions": degradation(**sequence(low(1.5), low(2), result="low", draws=1)),
    "interpolated sequence": degradation(**sequence(low(2), WEAK, result="interpolated", draws=2)),
    "noise on a sequence": degradation(**sequence(BLUR, low(2), PHOTONS, result="low", draws=2)),
    "mixture": degradation(
        kind="mixture", of=[WEAK, CROPPED, sequence(BLUR, WEAK, result="interpolated", draws=2)]
    ),
    "mixture of small images": degradation(
        kind="mixture", of=[low(3), sequence(BLUR, low(3), result="low", draws=1)]
    ),
}


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize(("size", "stride"), [(12, 12), (18, 6)])
def test_patches_are_those_of_the_whole_degraded_image(
    tmp_path: Path, name: str, size: int, stride: int
) -> None:
    patches = extract_bank(tmp_path, bank(size=size, stride=stride))
    one = PatchBank(patches)

    stored = np.load(degrade_bank(tmp_path, STORED[name], patches) / "degraded.npy")

    every = versions(STORED[name])
    assert len(stored) == len(every) * len(one)
    for number, version in enumerate(every):
        for image in one.images:
            whole = from_8bit(one.clean_image(image))
            scale = 1
            if version.stored is not None:
                scale = int(reduction_of(version.stored))
                rng = generator(0, "e1", version.stored.label, version.draw, image.name)
                whole = degrade_image(whole, version.stored, rng).image
            assert [scale * side for side in whole.shape[:2]] == list(image.grid.covered)
            small = Grid(whole.shape[0], whole.shape[1], size // scale, stride // scale)
            first = number * len(one) + image.first
            found = stored[first : first + len(image.grid)]
            values = from_8bit(found) if found.dtype == np.uint8 else found
            np.testing.assert_allclose(values, cut(whole, small), atol=2**-11)
            if found.dtype == np.uint8:
                np.testing.assert_array_equal(values, cut(whole, small))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("JPEG", np.uint8),
        ("low in 8 bits", np.uint8),
        ("sequence", np.uint8),
        ("low", np.float16),
        ("blur", np.float16),
        ("mixture", np.float16),
    ],
)
def test_only_values_of_8_bits_are_stored_in_8_bits(
    tmp_path: Path, name: str, dtype: type[np.generic]
) -> None:
    patches = extract_bank(tmp_path, bank(size=12, stride=12))

    stored = np.load(degrade_bank(tmp_path, STORED[name], patches) / "degraded.npy")

    assert stored.dtype == dtype


def test_small_patches_are_a_part_of_the_small_image(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path, bank(size=12, stride=6))
    one = PatchBank(patches)

    stored = np.load(degrade_bank(tmp_path, STORED["low"], patches) / "degraded.npy")

    image = list(one.images)[1]
    height, width = image.grid.covered
    small = resize(from_8bit(one.clean_image(image)), height // 2, width // 2)
    assert stored.shape[1:] == (6, 6, 1)
    for patch, (row, column) in zip(stored[image.patches], image.grid, strict=True):
        place = np.s_[row // 2 : row // 2 + 6, column // 2 : column // 2 + 6]
        np.testing.assert_allclose(patch, small[place], atol=2**-11)


@pytest.mark.parametrize(
    ("size", "stride", "scale", "came"),
    [(16, 16, 3.0, "3"), (12, 4, 3.0, "3"), (12, 12, 1.5, "1.5"), (12, 12, [2.0, 3.0], "2, 3")],
)
def test_a_scale_that_does_not_divide_the_patches_is_refused(
    tmp_path: Path, size: int, stride: int, scale: object, came: str
) -> None:
    patches = extract_bank(tmp_path, bank(size=size, stride=stride))
    small = degradation(kind="bicubic", scale=scale, quantise=False, result="low")

    with pytest.raises(ValueError, match=f"scale that divides patches of {size} .* came {came}$"):
        degrade_bank(tmp_path, small, patches)


def cards(folder: Path) -> list[dict[str, str]]:
    with (folder / "card.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_whole_images_are_compressed_and_then_cut(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path, bank(size=12, stride=12))
    one = PatchBank(patches)

    out = degrade_bank(tmp_path, JPEG, patches)

    image = list(one.images)[1]
    whole = compress_jpeg(from_8bit(one.clean_image(image)), 10, "yuv420")
    stored = np.load(out / "degraded.npy")
    np.testing.assert_array_equal(stored[image.patches], cut(to_8bit(whole), image.grid))


def test_every_level_is_one_version_of_the_whole_bank(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path)

    stored = np.load(degrade_bank(tmp_path, JPEG, patches) / "degraded.npy")

    count = len(PatchBank(patches))
    clean = np.load(patches / "clean.npy").astype(int)
    error = np.abs(stored.astype(int).reshape(2, *clean.shape) - clean)
    assert stored.shape[0] == 2 * count
    assert error[0].mean() > error[1].mean()


def test_interpolated_images_are_stored_to_a_sixteenth_of_a_gray_level(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path)

    stored = np.load(
        degrade_bank(
            tmp_path,
            degradation(kind="bicubic", scale=2, quantise=False, result="interpolated"),
            patches,
        )
        / "degraded.npy"
    )

    assert stored.dtype == np.float16
    assert 0 < np.abs(stored - from_8bit(np.load(patches / "clean.npy"))).max() < 0.5


def test_a_range_draws_each_image_a_value_of_its_own_and_notes_it(tmp_path: Path) -> None:
    ranged = degradation(
        kind="jpeg", quality={"min": 5, "max": 95}, subsampling="yuv420", phase="aligned", draws=3
    )

    rows = cards(degrade_bank(tmp_path, ranged, extract_bank(tmp_path)))

    assert len(rows) == 3 * 3
    assert len({row["quality"] for row in rows}) > 3
    assert all(row["encoder"].startswith("libjpeg") for row in rows)


def test_what_is_drawn_for_an_image_does_not_depend_on_the_others(tmp_path: Path) -> None:
    ranged = degradation(
        kind="jpeg", quality={"min": 5, "max": 95}, subsampling="yuv420", phase="aligned", draws=1
    )
    drawn = []
    for names in (("b",), ("a", "b", "c")):
        folder = tmp_path / "-".join(names)
        patches = extract_bank(folder, raw=download_photos(folder, names))
        rows = cards(degrade_bank(folder, ranged, patches))
        drawn.append(next(row["quality"] for row in rows if row["image"] == "b"))

    assert drawn[0] == drawn[1]


def test_noise_is_left_to_the_training(tmp_path: Path) -> None:
    out = degrade_bank(tmp_path, NOISE, extract_bank(tmp_path))

    assert not (out / "degraded.npy").exists()
    assert cards(out) == [{"label": "gaussian_25", "drawn": "at every step"}]


def test_what_is_drawn_for_a_sequence_is_noted_step_by_step(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path, bank(size=12, stride=12))

    rows = cards(degrade_bank(tmp_path, STORED["low sequence"], patches))

    assert len(rows) == 2 * 3
    assert {"1_sigma_px", "2_scale", "3_sigma_8bit", "4_phase_row"} <= set(rows[0])
    assert len({row["1_sigma_px"] for row in rows}) == 6
    assert {row["label"] for row in rows} == {
        "blur_0.5-2-bicubic_x2-gaussian_1-5-jpeg_20_phase_random"
    }


def test_noise_of_a_mixture_has_a_card_and_clean_patches(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path)

    out = degrade_bank(tmp_path, STORED["mixture"], patches)

    rows = cards(out)
    clean = from_8bit(np.load(patches / "clean.npy"))
    stored = np.load(out / "degraded.npy")
    assert [row["label"] for row in rows if row["drawn"]] == ["gaussian_1-5"]
    assert len(rows) == 1 + 3 * 3
    np.testing.assert_allclose(stored[: len(clean)], clean, atol=2**-11)


def test_a_mixture_of_noises_stores_nothing(tmp_path: Path) -> None:
    noises = degradation(kind="mixture", of=[WEAK, PHOTONS])

    out = degrade_bank(tmp_path, noises, extract_bank(tmp_path))

    assert not (out / "degraded.npy").exists()
    assert [row["label"] for row in cards(out)] == ["gaussian_1-5", "poisson_30_8bit"]


def test_real_pairs_keep_their_photographed_partners(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path, raw=download_pairs(tmp_path))

    stored = np.load(degrade_bank(tmp_path, REAL, patches) / "degraded.npy")

    np.testing.assert_array_equal(stored, np.load(patches / "degraded.npy"))


def test_real_pairs_of_a_bank_without_partners_are_refused(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path)

    with pytest.raises(ValueError, match="expected degraded partners"):
        degrade(name="e1", degradation=REAL, patches=patches, out=tmp_path / "x", seed=0)

    assert not (tmp_path / "x").exists()


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path)

    outs = [degrade_bank(tmp_path / name, JPEG, patches) for name in ("one", "two")]

    for path in outs[0].iterdir():
        assert path.read_bytes() == (outs[1] / path.name).read_bytes()


@pytest.mark.parametrize("name", ["JPEG", "low", "mixture", "paired"])
def test_a_large_training_set_has_the_same_patches_in_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings = {**STORED, "paired": REAL}[name]
    raw = download_pairs(tmp_path) if name == "paired" else download_photos(tmp_path)
    sets = []
    for bytes_each in (1 << 31, 1000):
        monkeypatch.setattr("pipeline.arrays.shards.SHARD_BYTES", bytes_each)
        folder = tmp_path / str(bytes_each)
        sets.append(degrade_bank(folder, settings, extract_bank(folder, bank(12, 12), raw)))

    one, other = (TrainingSet(folder) for folder in sets)

    assert not (sets[1] / "clean.npy").exists()
    assert len(list(sets[1].glob("degraded-*"))) > 1
    assert one.degraded is not None
    assert other.degraded is not None
    assert one.degraded.dtype == other.degraded.dtype
    assert np.array_equal(one.degraded[:], other.degraded[:])
    assert np.array_equal(one.bank.clean[:], other.bank.clean[:])
    assert (sets[0] / "card.csv").read_bytes() == (sets[1] / "card.csv").read_bytes()


@pytest.mark.parametrize("linked", [True, False])
def test_a_bank_in_a_cache_on_another_disk_is_not_copied(tmp_path: Path, linked: bool) -> None:
    patches = extract_bank(tmp_path, bank())
    clean = patches / "clean.npy"
    content = clean.read_bytes()
    with mount_small_disk(tmp_path / "other", "size=4m") as disk:
        if linked:  # as DVC leaves it with links to its cache
            shutil.move(clean, disk / "2f")
            clean.symlink_to(disk / "2f")
        else:
            shutil.move(patches, disk / "patches")
            patches = disk / "patches"

        out = degrade_bank(tmp_path, NOISE, patches) / "clean.npy"

        assert out.is_symlink() == linked
        assert out.read_bytes() == content
