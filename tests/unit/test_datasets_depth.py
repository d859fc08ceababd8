"""Sets of 16-bit files whose values have fewer bits, and sets that are merely dark."""

import logging
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pipeline.datasets.importing import look_at
from pipeline.images.raw_images import DatasetError, list_images
from tests.unit.image_sets import assert_nothing_written, fetch_folder, fetch_pairs, write_image


def drawn(white: int, seed: int = 0, channels: int = 1, side: int = 48) -> NDArray[np.uint16]:
    shape = (side, side) if channels == 1 else (side, side, channels)
    values = np.random.default_rng(seed).integers(0, white + 1, shape, dtype=np.uint16)
    values.flat[0] = white
    return values


def write_deep(path: Path, values: NDArray[np.uint16]) -> Path:
    """Write values as they are into a file of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = values.shape[:2]
    if path.suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(values))
    elif path.suffix == ".tif":
        tifffile.imwrite(path, values, photometric="minisblack" if values.ndim == 2 else "rgb")
    else:
        kind = "P5" if values.ndim == 2 else "P6"
        content = values.astype(">u2").tobytes()
        path.write_bytes(f"{kind} {width} {height} 65535\n".encode() + content)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("bits", "levels"), [(8, 2), (10, 5), (12, 17)])
def test_a_set_of_16_bit_files_with_values_of_fewer_bits_is_refused(
    tmp_path: Path, name: str, channels: int, bits: int, levels: int
) -> None:
    write_deep(tmp_path / "mine" / name, drawn(2**bits - 1, 0, channels))
    write_deep(tmp_path / "mine" / "s" / name, drawn(2**bits - 1, 1, channels))

    with pytest.raises(DatasetError) as refused:
        fetch_folder(tmp_path / "mine", tmp_path / "out")

    said = str(refused.value)
    assert "data set 'mine': the 2 file(s) of 16 bits have no pixel brighter than" in said
    assert f"seem to have {bits} bits" in said
    assert any(f" {count} gray levels would be left" in said for count in (levels, levels - 1))
    assert f"Multiply all values by 65535/{2**bits - 1} first" in said
    assert "If the set is as dark as that after all" in said
    assert_nothing_written(tmp_path / "out")


def test_import_refuses_the_same_sets(tmp_path: Path) -> None:
    write_deep(tmp_path / "a.png", drawn(4095))

    with pytest.raises(DatasetError, match="seem to have 12 bits"):
        look_at(tmp_path, "mine")


def test_what_the_message_says_makes_such_a_set_a_good_one(tmp_path: Path) -> None:
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    write_deep(tmp_path / "mine" / "a.png", np.round(values * (65535 / 4095)).astype(np.uint16))

    out = fetch_folder(tmp_path / "mine", tmp_path / "out")

    assert len(list_images(out)) == 1


def test_a_dark_set_saved_with_8_bits_is_taken_as_it_is(tmp_path: Path) -> None:
    dark = np.round(drawn(4095) / 257).astype(np.uint8)
    (tmp_path / "mine").mkdir()
    Image.fromarray(dark).save(tmp_path / "mine" / "a.png")

    assert len(list_images(fetch_folder(tmp_path / "mine", tmp_path / "out"))) == 1


def test_one_bright_image_is_enough_for_a_set_of_dark_ones(tmp_path: Path) -> None:
    for seed in range(4):
        write_deep(tmp_path / "mine" / f"{seed}.png", drawn(3000, seed))
    write_deep(tmp_path / "mine" / "bright.tif", drawn(30000))

    assert len(list_images(fetch_folder(tmp_path / "mine", tmp_path / "out"))) == 5


def test_dark_photographs_with_bright_partners_are_taken(tmp_path: Path) -> None:
    write_deep(tmp_path / "mine" / "gt" / "a.png", drawn(60000))
    write_deep(tmp_path / "mine" / "noisy" / "a.png", drawn(2000))

    assert len(list_images(fetch_pairs(tmp_path / "mine", tmp_path / "out"))) == 1


def test_a_single_small_image_may_be_dark(tmp_path: Path) -> None:
    write_deep(tmp_path / "mine" / "a.png", drawn(4095, side=16))

    assert len(list_images(fetch_folder(tmp_path / "mine", tmp_path / "out"))) == 1


def test_8_bit_images_among_them_hide_nothing(tmp_path: Path) -> None:
    write_image(tmp_path / "mine" / "ordinary.png")
    write_deep(tmp_path / "mine" / "a.png", drawn(4095))

    with pytest.raises(DatasetError, match=r"the 1 file\(s\) of 16 bits"):
        fetch_folder(tmp_path / "mine", tmp_path / "out")


def test_values_of_14_bits_are_doubted_but_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_deep(tmp_path / "mine" / "a.png", drawn(16383))

    with caplog.at_level(logging.WARNING):
        fetch_folder(tmp_path / "mine", tmp_path / "out")

    assert "if their values have 14 bits, multiply them by 65535/16383" in caplog.text


def test_a_file_that_says_how_many_bits_it_has_is_not_suspected(tmp_path: Path) -> None:
    values = drawn(4095)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.pgm").write_bytes(b"P5 48 48 4095\n" + values.astype(">u2").tobytes())
    tifffile.imwrite(
        tmp_path / "mine" / "b.tif", values, photometric="minisblack", bitspersample=12
    )

    assert len(list_images(fetch_folder(tmp_path / "mine", tmp_path / "out"))) == 2


def test_all_partners_of_different_colours_are_named(tmp_path: Path) -> None:
    modes = {"a": ("RGB", "L"), "b": ("RGB", "RGB"), "c": ("L", "RGB"), "d": ("L", "L")}
    for name, (clean, degraded) in modes.items():
        write_image(tmp_path / "mine" / "gt" / f"{name}.png", mode=clean)
        write_image(tmp_path / "mine" / "noisy" / f"{name}.png", mode=degraded)

    with pytest.raises(DatasetError) as refused:
        fetch_pairs(tmp_path / "mine", tmp_path / "out")

    said = str(refused.value)
    assert "2 unusable image(s)" in said
    assert "'a': expected partners that are both gray or both in colour, came clean colour" in said
    assert "came clean gray, degraded colour" in said
    assert "image 'b'" not in said
    assert "image 'd'" not in said
    assert_nothing_written(tmp_path / "out")
