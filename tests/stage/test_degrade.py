import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.images import compress_jpeg, from_8bit, to_8bit
from pipeline.patches import PatchBank, cut
from stages.degrade import degrade
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


def cards(folder: Path) -> list[dict[str, str]]:
    with (folder / "card.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_whole_images_are_compressed_and_then_cut(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path, bank(size=12, stride=12))
    one = PatchBank(patches)

    out = degrade_bank(tmp_path, JPEG, patches)

    image = one.images[1]
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

    assert [path.name for path in out.iterdir()] == ["card.csv"]
    assert cards(out) == [{"label": "gaussian_25", "drawn": "at every step"}]


def test_real_pairs_keep_their_photographed_partners(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path, raw=download_pairs(tmp_path))

    stored = np.load(degrade_bank(tmp_path, REAL, patches) / "degraded.npy")

    np.testing.assert_array_equal(stored, np.load(patches / "degraded.npy"))


def test_real_pairs_of_a_bank_without_partners_are_refused(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path)

    with pytest.raises(ValueError, match="expected degraded partners"):
        degrade(experiment="e1", degradation=REAL, patches=patches, out=tmp_path / "x", seed=0)

    assert not (tmp_path / "x").exists()


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    patches = extract_bank(tmp_path)

    outs = [degrade_bank(tmp_path / name, JPEG, patches) for name in ("one", "two")]

    for path in outs[0].iterdir():
        assert path.read_bytes() == (outs[1] / path.name).read_bytes()
