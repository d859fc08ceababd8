"""Picture files: what is in them comes out again."""

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline.photographs.picture import Picture, PictureError
from pipeline.photographs.reading import read_picture
from pipeline.photographs.writing import write_picture
from tests.unit.photographs import exif_with, pixels, profile, saved

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'


def there_and_back(source: Path) -> tuple[Picture, Picture, Path]:
    picture = read_picture(source)
    target = source.with_name(f"back{source.suffix}")
    write_picture(picture, target)
    return picture, read_picture(target), target


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_profile_camera_and_resolution_are_kept(suffix: str, tmp_path: Path) -> None:
    options = {"exif": exif_with(1), "icc_profile": profile(), "dpi": (300, 300)}
    if suffix == ".webp":
        del options["dpi"]  # which such files do not say
    source = saved(tmp_path / f"a{suffix}", pixels(20, 30, 3), **options)

    _, _, target = there_and_back(source)

    with Image.open(target) as image:
        assert image.getexif()[0x010F] == "Maker"
        assert image.info["icc_profile"] == profile()
        assert "dpi" not in options or round(float(image.info["dpi"][0])) == 300


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_stands_upright_once(
    suffix: str, orientation: int, tmp_path: Path
) -> None:
    stored = np.zeros((40, 60, 3), np.uint8)
    stored[:8, :8] = 255  # the corner says how it was turned
    options = {"lossless": True} if suffix == ".webp" else {}
    source = saved(tmp_path / f"a{suffix}", stored, exif=exif_with(orientation), **options)

    picture, again, target = there_and_back(source)

    corner = {
        **dict.fromkeys((1, 5), (0, 0)),
        **dict.fromkeys((2, 6), (0, -1)),
        **dict.fromkeys((3, 7), (-1, -1)),
        **dict.fromkeys((4, 8), (-1, 0)),
    }[orientation]
    assert picture.values.shape == ((60, 40, 3) if orientation >= 5 else (40, 60, 3))
    assert again.values.shape == picture.values.shape
    for one in (picture, again):
        assert one.values[corner].min() > 200
        assert one.values.mean() < 20
    with Image.open(target) as image:
        assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_xmp_is_kept_but_for_its_turn(suffix: str, tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    words = PngInfo()
    words.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options: dict[str, dict[str, Any]] = {
        ".png": {"pnginfo": words},
        ".tif": {"tiffinfo": {700: XMP}},
    }
    source = saved(tmp_path / f"a{suffix}", pixels(20, 30, 3), **options.get(suffix, {"xmp": XMP}))

    _, again, _ = there_and_back(source)

    assert again.metadata.xmp == XMP.replace(b'"6"', b'"1"')


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (20, 30, 4)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_stay_16_bits(shape: tuple[int, ...], suffix: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    source = tmp_path / f"a{suffix}"
    if suffix == ".png":
        source.write_bytes(imagecodecs.png_encode(values))
    else:
        kind = "minisblack" if values.ndim == 2 else "rgb"
        tifffile.imwrite(source, values, photometric=kind, compression="lzw")

    picture, again, _ = there_and_back(source)

    stored = values.reshape(20, 30, -1)
    colours = 3 if stored.shape[-1] >= 3 else 1
    for one in (picture, again):
        assert one.values.dtype == np.uint16
        assert np.array_equal(one.values, stored[..., :colours])
        assert (one.alpha is None) == (stored.shape[-1] != 4)
        assert one.alpha is None or np.array_equal(one.alpha, stored[..., 3])


def test_16_bits_of_png_keep_profile_resolution_and_camera(tmp_path: Path) -> None:
    values = np.zeros((5, 6, 3), np.uint16)
    source = tmp_path / "a.png"
    source.write_bytes(imagecodecs.png_encode(values))
    picture = read_picture(source)
    metadata = read_picture(
        saved(
            tmp_path / "b.png",
            pixels(5, 6, 3),
            exif=exif_with(1),
            icc_profile=profile(),
            dpi=(300, 300),
        )
    ).metadata

    write_picture(Picture(picture.values, None, "PNG", metadata), tmp_path / "c.png")

    assert read_picture(tmp_path / "c.png").metadata == metadata


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1"])
def test_what_pngs_hold_is_read_as_what_it_shows(mode: str, tmp_path: Path) -> None:
    shown = Image.fromarray(pixels(20, 30, 3)).convert(mode)
    shown.save(tmp_path / "a.png")

    picture, again, _ = there_and_back(tmp_path / "a.png")

    expected = np.asarray(shown.convert("RGB" if mode in {"RGB", "RGBA", "P"} else "L"))
    assert np.array_equal(picture.values, expected.reshape(20, 30, -1))
    assert (picture.alpha is not None) == (mode in {"LA", "RGBA"})
    assert np.array_equal(picture.values, again.values)


def test_a_jpeg_tells_its_quality(tmp_path: Path) -> None:
    for quality in (1, 10, 50, 75, 95, 100):
        source = saved(tmp_path / "a.jpg", pixels(20, 30, 3), quality=quality)

        assert read_picture(source).quality == quality


def test_corrupted_exif_does_not_stop_a_picture(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.jpg", pixels(20, 30, 3), exif=exif_with(6)[:16])

    picture, again, _ = there_and_back(source)

    assert picture.values.shape == again.values.shape == (20, 30, 3)


def test_the_small_picture_in_exif_goes_and_nothing_moves(tmp_path: Path) -> None:
    heading = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    turned = struct.pack("<HHHII", 1, 0x0112, 3, 1, 6)
    small_one = struct.pack("<HHHII", 1, 0x0100, 4, 1, 160) + bytes(4)
    block = heading + turned + struct.pack("<I", 26) + small_one
    source = saved(tmp_path / "a.jpg", pixels(40, 60, 3), exif=block)

    exif = read_picture(source).metadata.exif

    upright = struct.pack("<HHHII", 1, 0x0112, 3, 1, 1)
    assert exif == heading + upright + bytes(4) + small_one


def test_exif_that_was_cut_behind_the_turn_still_turns(tmp_path: Path) -> None:
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    block += struct.pack("<HHHII", 9, 0x0112, 3, 1, 6) + b"\x0f\x01"
    source = saved(tmp_path / "a.jpg", pixels(40, 60, 3), exif=block)

    picture = read_picture(source)

    assert picture.values.shape == (60, 40, 3)
    assert picture.metadata.orientation == 1


@pytest.mark.parametrize("bits", [8, 16])
def test_what_a_png_says_behind_its_pixels_is_read(bits: int, tmp_path: Path) -> None:
    values = pixels(40, 60, 3)
    png = bytes(imagecodecs.png_encode(values if bits == 8 else values.astype(np.uint16) * 257))
    exif = exif_with(6).removeprefix(b"Exif\0\0")
    chunk = len(exif).to_bytes(4, "big") + b"eXIf" + exif
    chunk += zlib.crc32(chunk[4:]).to_bytes(4, "big")
    path = written(tmp_path / "late.png", png[:-12] + chunk + png[-12:])

    picture = read_picture(path)

    assert picture.values.shape == (60, 40, 3)
    assert picture.metadata.exif is not None
    assert b"Maker" in picture.metadata.exif


def test_gray_of_more_than_8_bits_fills_16(tmp_path: Path) -> None:
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    pgm = written(tmp_path / "a.pgm", b"P5 64 64 4095\n" + ramp.astype(">u2").tobytes())
    pairs = ramp.reshape(-1, 2)
    packed = (pairs[:, 0].astype(np.uint32) << 12) | pairs[:, 1]
    content = packed.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    entries = [(256, 64), (257, 64), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 64)]
    entries.append((279, len(content)))
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    heading = b"II*\0" + struct.pack("<I", 8 + len(content))
    tiff = written(tmp_path / "a.tif", heading + content + directory + bytes(4))

    for path in (pgm, tiff):
        picture, again, _ = there_and_back(path)

        assert picture.values.dtype == np.uint16
        np.testing.assert_allclose(picture.values[..., 0], ramp * (65535 / 4095), atol=1)
        np.testing.assert_array_equal(again.values, picture.values)


def test_a_bmp_keeps_its_resolution(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.bmp", pixels(20, 30, 3), dpi=(300, 300))

    _, again, _ = there_and_back(source)

    assert again.metadata.dpi == pytest.approx((300, 300), rel=1e-3)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def tiff_of_floats(path: Path) -> Path:
    tifffile.imwrite(path, pixels(9, 9, 3).astype(np.float32), photometric="rgb")
    return path


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda at: written(at / "a.jpg", b""), "empty file"),
        (lambda at: written(at / "a.jpg", b"no picture"), "10 bytes of something else"),
        (lambda at: at / "missing.png", "cannot be read: No such file"),
        (lambda at: tiff_of_floats(at / "a.tif"), "8 or 16 bits, gray or RGB, came another kind"),
        (
            lambda at: written(
                at / "cut.jpg", saved(at / "a.jpg", pixels(99, 99, 3)).read_bytes()[:900]
            ),
            "cannot be",
        ),
        (
            lambda at: saved(
                at / "a.gif",
                pixels(9, 9),
                save_all=True,
                append_images=[Image.fromarray(pixels(9, 9, seed=1))],
            ),
            "2 frames or pages",
        ),
    ],
)
def test_what_is_no_picture_is_refused_in_words(make, why: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(PictureError, match=why):
        read_picture(make(tmp_path))


def test_ink_is_refused_in_words(tmp_path: Path) -> None:
    Image.new("CMYK", (9, 9)).save(tmp_path / "a.jpg")

    with pytest.raises(PictureError, match="expected gray or RGB, came CMYK"):
        read_picture(tmp_path / "a.jpg")


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    picture = read_picture(saved(tmp_path / "a.png", pixels(9, 9, 3)))
    (tmp_path / "out.png").mkdir()

    with pytest.raises(OSError, match=r"out\.png"):
        write_picture(picture, tmp_path / "out.png")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "out.png"]
