import io
import re
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pipeline.arrays import pixels
from pipeline.arrays.pixels import from_8bit, to_8bit
from pipeline.images.colours import in_colour, in_colour_8bit, rgb_to_luma
from pipeline.images.files import (
    ImageError,
    compress_jpeg,
    compress_jpeg_8bit,
    encode_png,
    image_size,
    jpeg_encoder,
    read_image,
    write_png,
)

GRAY = np.random.default_rng(0).integers(0, 256, (9, 14), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (9, 14, 3), dtype=np.uint8)


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def read_8bit(path: Path) -> NDArray[np.uint8]:
    return to_8bit(read_image(path))


def png_of_16_bit_colour(values: NDArray[np.uint16]) -> bytes:
    """Return a PNG file, which Pillow cannot write; ``values`` are ``(H, W, 3)``."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    height, width, _ = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        ]
    )


def encoded(kind: str) -> bytes:
    """Return a small image as a file of a format."""
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, kind)
    return stream.getvalue()


def test_no_other_module_opens_images_with_pillow(root: Path) -> None:
    importing = re.compile(r"^\s*(from|import) PIL\b", re.MULTILINE)

    users = {
        path.relative_to(root).as_posix()
        for folder in ("pipeline", "stages")
        for path in (root / folder).rglob("*.py")
        if importing.search(path.read_text())
    }

    assert users == {
        "pipeline/images/files.py",
        # Photographs, with what their files say beside the pixels.
        "pipeline/photographs/reading.py",
        "pipeline/photographs/writing.py",
    }


# --------------------------------------------------------------------------- 8 bits


def test_every_8_bit_value_survives_the_way_to_float_and_back() -> None:
    values = np.arange(256, dtype=np.uint8)

    assert np.array_equal(to_8bit(from_8bit(values)), values)


def test_half_a_level_is_rounded_up() -> None:
    halves = np.arange(255) + 0.5
    values = halves / 255
    exact = values * 255 == halves

    rounded = to_8bit(values[exact])

    assert exact.sum() > 100
    assert np.array_equal(rounded, np.ceil(halves[exact]))


def around_halves(dtype: Any) -> NDArray[Any]:
    """Return the numbers next to those where rounding changes, and to the ends of the range."""
    exact = np.concatenate([(np.arange(255) + 0.5) / 255, [0.0, 1.0]]).astype(dtype)
    below = np.nextafter(exact, dtype(-1))
    above = np.nextafter(exact, dtype(2))
    return np.concatenate([below, exact, above, np.nextafter(above, dtype(2))])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("block", [1, 100, 10**6])
def test_rounding_is_exact_next_to_the_halves_and_in_blocks_of_any_size(
    monkeypatch: pytest.MonkeyPatch, dtype: Any, block: int
) -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([around_halves(dtype), rng.uniform(-0.2, 1.2, 4012).astype(dtype)])
    # 255 times a number of up to 24 bits has at most 32, which float64 holds exactly.
    expected = np.floor(np.clip(values, 0, 1).astype(np.float64) * 255 + 0.5)
    monkeypatch.setattr(pixels, "_BLOCK", block)
    grid = values.reshape(-1, 3, 8)

    assert np.array_equal(to_8bit(values), expected)
    assert np.array_equal(to_8bit(grid), expected.reshape(grid.shape))
    assert np.array_equal(to_8bit(grid[::-1, :, 2:5]), expected.reshape(grid.shape)[::-1, :, 2:5])
    assert np.array_equal(to_8bit(grid.T), expected.reshape(grid.shape).T)
    assert to_8bit(values[:1].reshape(())).item() == expected[0]
    assert to_8bit(values[:0].reshape(0, 5, 3)).shape == (0, 5, 3)


def test_large_images_are_never_held_in_float64() -> None:
    image = np.full((1000, 1500, 3), 0.3, np.float32)
    tracemalloc.start()
    try:
        to_8bit(image)
        rounding = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        in_colour(image, "y")
        luma = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    # The result, and for luma its version in float32, with little more than that.
    assert rounding < image.size + 2e6
    assert luma < 5 * image.size / 3 + 2e6


def test_values_outside_the_range_are_clipped() -> None:
    values = np.array([-3.0, -0.001, 0.0, 1.0, 1.001, 7.0])

    assert to_8bit(values).tolist() == [0, 0, 0, 255, 255, 255]


@pytest.mark.parametrize("values", [GRAY[..., None], RGB], ids=["gray", "rgb"])
def test_png_gives_back_what_was_written(tmp_path: Path, values: NDArray[np.uint8]) -> None:
    write_png(tmp_path / "image.png", from_8bit(values))

    image = read_image(tmp_path / "image.png")

    assert image.dtype == np.float32
    assert np.array_equal(to_8bit(image), values)


def test_same_image_gives_the_same_png_bytes() -> None:
    image = from_8bit(RGB)

    assert encode_png(image) == encode_png(image.copy())


# ------------------------------------------------------------------ kinds with a rule


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    path = save(tmp_path / "image.png", Image.fromarray(GRAY > 127))

    assert np.array_equal(read_8bit(path)[..., 0], np.where(GRAY > 127, 255, 0))


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp"])
def test_palette_becomes_its_colours(tmp_path: Path, suffix: str) -> None:
    few = Image.fromarray(RGB // 128 * 127).quantize(8)
    path = save(tmp_path / f"image.{suffix}", few)

    assert np.array_equal(read_8bit(path), np.asarray(few.convert("RGB")))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_gray_is_rounded_to_8_bits(tmp_path: Path, suffix: str) -> None:
    values = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    path = save(tmp_path / f"image.{suffix}", Image.fromarray(values))

    image = read_image(path)

    assert image.shape == (256, 256, 1)
    assert np.abs(image[..., 0] - values / 65535).max() <= 0.5 / 255 + 1e-6


def test_16_bit_colour_keeps_its_upper_8_bits(tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(0, 2**16, (9, 14, 3), dtype=np.uint16)
    path = tmp_path / "image.png"
    path.write_bytes(png_of_16_bit_colour(values))

    assert np.array_equal(read_8bit(path), values >> 8)


def test_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    opaque = np.full((9, 14), 255, np.uint8)
    rgba = save(tmp_path / "rgba.png", Image.fromarray(np.dstack([RGB, opaque])))
    la = save(tmp_path / "la.png", Image.fromarray(np.dstack([GRAY, opaque])))

    assert np.array_equal(read_8bit(rgba), RGB)
    assert np.array_equal(read_8bit(la), GRAY[..., None])


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.fromarray(np.maximum(GRAY, 1)), 0),
        (Image.fromarray(np.maximum(RGB, 1)), (0, 0, 0)),
        (Image.fromarray(RGB // 128 * 127).quantize(8), 200),
    ],
    ids=["gray", "rgb", "palette"],
)
def test_transparent_colour_that_no_pixel_has_is_dropped(
    tmp_path: Path, image: Image.Image, colour: Any
) -> None:
    plain = save(tmp_path / "plain.png", image)
    keyed = save(tmp_path / "keyed.png", image, transparency=colour)

    assert np.array_equal(read_8bit(keyed), read_8bit(plain))


@pytest.mark.parametrize("suffix", ["bmp", "jpg", "tif", "gif", "webp", "ppm"])
def test_colour_files_of_all_formats_are_read(tmp_path: Path, suffix: str) -> None:
    smooth = Image.fromarray(np.full((20, 30, 3), (200, 30, 90), np.uint8))
    path = save(tmp_path / f"image.{suffix}", smooth)

    values = read_8bit(path).astype(int)

    assert values.shape == (20, 30, 3)
    assert np.abs(values - [200, 30, 90]).max() <= 4


UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored),
}
"""What each EXIF orientation asks of a viewer."""


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "image.png", Image.fromarray(RGB), exif=exif)

    assert np.array_equal(read_8bit(path), UPRIGHT[orientation](RGB))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_size_from_the_header_is_that_of_the_image_read(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"image.{suffix}", Image.fromarray(RGB), exif=exif)

    assert image_size(path) == read_image(path).shape[:2]


def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    path = save(tmp_path / "image.png", Image.fromarray(RGB), exif=exif)

    assert image_size(path) == read_image(path).shape[:2] == RGB.shape[:2]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "lzw"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_tiff_of_16_bits_is_what_a_viewer_shows(
    tmp_path: Path, order: Any, compression: str | None, orientation: int
) -> None:
    values = np.random.default_rng(3).integers(0, 2**16, (9, 14), dtype=np.uint16)
    path = tmp_path / "image.tif"
    turn = (0x0112, "H", 1, orientation, True)
    tifffile.imwrite(
        path,
        values,
        byteorder=order,
        compression=compression,
        extratags=[turn],
        photometric="minisblack",
    )

    shown = UPRIGHT[orientation](np.round(values / 257)[..., None])
    assert np.array_equal(read_8bit(path), shown)
    assert image_size(path) == shown.shape[:2]


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_in_which_0_is_white_is_inverted(
    tmp_path: Path, bits: int, compression: str | None
) -> None:
    values = np.random.default_rng(3).integers(0, 2**bits, (9, 14), dtype=f"u{bits // 8}")
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, values, photometric="miniswhite", compression=compression)

    shown = np.round((2**bits - 1 - values.astype(float)) * 255 / (2**bits - 1))
    assert np.array_equal(read_8bit(path)[..., 0], shown)


def test_a_tiff_that_says_it_has_12_bits_is_scaled_by_them(tmp_path: Path) -> None:
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, values, photometric="minisblack", bitspersample=12, byteorder="<")

    assert np.array_equal(read_8bit(path)[..., 0], np.round(values / 4095 * 255))


@pytest.mark.parametrize("compression", [None, "lzw"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("bits", [8, 16])
def test_colours_that_lie_apart_are_put_together_or_refused(
    tmp_path: Path, bits: int, planes: Any, compression: str | None
) -> None:
    values = np.random.default_rng(3).integers(0, 2**bits, (9, 14, 3), dtype=f"u{bits // 8}")
    path = tmp_path / "image.tif"
    stored = values if planes == "contig" else values.transpose(2, 0, 1)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planes, compression=compression)

    if bits == 16 and planes == "separate" and compression is None:  # Pillow would mix them up
        with pytest.raises(ImageError, match=r"16-bit colours in a plane each.*; save it as PNG"):
            read_image(path)
    else:
        assert np.array_equal(read_8bit(path), values >> (bits - 8))


def test_a_tiff_of_a_rare_kind_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    values = np.zeros((8, 8), np.uint16)
    tifffile.imwrite(path, values, photometric="miniswhite", byteorder=">")

    with pytest.raises(ImageError, match=r"came a TIFF file of a rare kind; save it as TIFF or"):
        read_image(path)


@pytest.mark.parametrize("white", [15, 255, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", ["P2", "P5"])
def test_gray_of_a_pgm_file_is_scaled_by_its_white(tmp_path: Path, kind: str, white: int) -> None:
    values = np.linspace(0, white, 16).round().astype(">u2" if white > 255 else np.uint8)
    path = tmp_path / "image.pgm"
    pixels = values.tobytes() if kind == "P5" else " ".join(map(str, values)).encode()
    path.write_bytes(f"{kind} 4 4 {white}\n".encode() + pixels)

    expected = np.round(values.astype(float) * 255 / white)
    assert np.array_equal(read_8bit(path).ravel(), expected)


def test_16_bit_gray_with_an_opaque_alpha_channel_stays_gray(tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 2**16, (9, 14, 2), dtype=np.uint16)
    values[..., 1] = 65535
    path = tmp_path / "image.png"
    path.write_bytes(imagecodecs.png_encode(values))

    assert np.array_equal(read_8bit(path), values[..., :1] >> 8)


# -------------------------------------------------------------------------- refused


def transparent(*bands: NDArray[np.uint8]) -> Image.Image:
    alpha = np.full((9, 14), 255, np.uint8)
    alpha[3, 4] = 254
    return Image.fromarray(np.dstack([*bands, alpha]))


REFUSED: dict[str, tuple[str, Image.Image, dict[str, Any], str]] = {
    "cmyk jpeg": ("a.jpg", Image.fromarray(RGB).convert("CMYK"), {}, "'CMYK'"),
    "cmyk tiff": ("a.tif", Image.fromarray(RGB).convert("CMYK"), {}, "'CMYK'"),
    "lab": ("a.tif", Image.new("LAB", (14, 9)), {}, "'LAB'"),
    "float": ("a.tif", Image.fromarray(GRAY / np.float32(255)), {}, "'F'"),
    "32 bit": ("a.tif", Image.fromarray(GRAY.astype(np.int32)), {}, "'I'"),
    "rgba": ("a.png", transparent(RGB), {}, "alpha channel down to 254 of 255"),
    "la": ("a.png", transparent(GRAY), {}, "alpha channel down to 254 of 255"),
    "palette with alpha": (
        "a.png",
        Image.fromarray(RGB).quantize(8),
        {"transparency": 3},
        "alpha channel down to 0 of 255",
    ),
    "gray with a transparent colour": (
        "a.png",
        Image.fromarray(GRAY),
        {"transparency": int(GRAY[0, 0])},
        "alpha channel down to 0 of 255",
    ),
    "animation": (
        "a.gif",
        Image.fromarray(GRAY),
        {"save_all": True, "append_images": [Image.fromarray(255 - GRAY)]},
        "one image, came 2 frames",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_kind_without_one_right_conversion_is_refused(tmp_path: Path, kind: str) -> None:
    name, image, options, reason = REFUSED[kind]
    path = save(tmp_path / name, image, **options)

    with pytest.raises(ImageError, match=f"^{re.escape(str(path))}: expected .*{reason}"):
        read_image(path)


POSTSCRIPT = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 4 4
%%EndComments
showpage
%%EOF
"""
ICON = encoded("ICO")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.png", b"", "came 0 bytes of something else"),
        ("text.png", b"not an image\n", "came 13 bytes of something else"),
        # Whole images of kinds that Pillow decodes, one of them with the help of Ghostscript.
        ("eps.png", POSTSCRIPT, "of something else"),
        ("icon.png", ICON, "of something else"),
        ("header.ppm", b"P6 4x 4 255 abc", "cannot be decoded"),
    ],
)
def test_file_that_is_no_image_is_named(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(ImageError, match=f"^{re.escape(str(path))}: .*{reason}"):
        read_image(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nothing\.png: no such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(ImageError, match=re.escape(str(tmp_path))):
        read_image(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp", "ppm"])
def test_file_cut_anywhere_is_refused_and_named(tmp_path: Path, suffix: str) -> None:
    whole = save(tmp_path / f"whole.{suffix}", Image.fromarray(RGB)).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    # The last bytes of some formats say nothing about pixels.
    lengths = [*range(0, len(whole) // 2, 7), len(whole) // 2, len(whole) * 3 // 4]

    for length in lengths:
        path.write_bytes(whole[:length])
        with pytest.raises(ImageError, match=f"^{re.escape(str(path))}: "):
            read_image(path)


# ------------------------------------------------------------------------- colours


@pytest.mark.parametrize(
    ("rgb", "luma", "gray"),
    [
        ((255, 255, 255), 235, 255),
        ((0, 0, 0), 16, 0),
        ((255, 0, 0), 81, 76),
        ((0, 255, 0), 145, 150),
        ((0, 0, 255), 41, 29),
        ((128, 128, 128), 126, 128),
    ],
)
def test_luma_and_gray_are_those_of_matlab(rgb: tuple[int, int, int], luma: int, gray: int) -> None:
    image = from_8bit(np.array([[rgb]], np.uint8))

    assert to_8bit(in_colour(image, "y")).item() == luma
    assert to_8bit(in_colour(image, "gray")).item() == gray


def test_luma_is_not_rounded_before_it_is_asked_for() -> None:
    red = np.array([[[1.0, 0.0, 0.0]]])

    assert rgb_to_luma(red).item() * 255 == pytest.approx(81.481)


@pytest.mark.parametrize("colour", ["gray", "y", "rgb"])
def test_image_in_a_colour_is_in_8_bit_steps(colour: Any) -> None:
    image = in_colour(from_8bit(RGB), colour)

    assert image.dtype == np.float32
    assert image.shape == (9, 14, 3 if colour == "rgb" else 1)
    assert np.array_equal(image, from_8bit(to_8bit(image)))


@pytest.mark.parametrize("colour", ["gray", "y", "rgb"])
@pytest.mark.parametrize("channels", [1, 3])
def test_8_bit_values_in_a_colour_are_those_of_the_image(colour: Any, channels: int) -> None:
    values = np.random.default_rng(4).integers(0, 256, (200, 300, channels), dtype=np.uint8)

    converted = in_colour_8bit(values, colour)

    assert np.array_equal(converted, to_8bit(in_colour(from_8bit(values), colour)))


def test_luma_of_a_large_image_is_that_of_its_rows() -> None:
    image = np.random.default_rng(5).random((150, 300, 3), dtype=np.float32)

    rows = np.stack([rgb_to_luma(row) for row in image])

    assert np.array_equal(rgb_to_luma(image), rows)


def test_one_channel_is_used_as_it_is() -> None:
    image = from_8bit(GRAY[..., None])

    assert np.array_equal(in_colour(image, "gray"), image)
    assert np.array_equal(in_colour(image, "y"), image)
    assert np.array_equal(in_colour(image, "rgb"), np.repeat(image, 3, axis=-1))


# ---------------------------------------------------------------------------- JPEG


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_keeps_the_shape_and_gives_8_bit_steps(channels: int) -> None:
    image = from_8bit(RGB[..., :channels])

    compressed = compress_jpeg(image, 50, "yuv420")

    assert compressed.shape == image.shape
    assert np.array_equal(compressed, from_8bit(to_8bit(compressed)))


@pytest.mark.parametrize("channels", [1, 3])
def test_8_bit_values_are_compressed_as_the_image_is(channels: int) -> None:
    values = RGB[..., :channels]

    compressed = compress_jpeg_8bit(values, 30, "yuv420")

    assert np.array_equal(from_8bit(compressed), compress_jpeg(from_8bit(values), 30, "yuv420"))


def test_chroma_subsampling_matters_for_colour_alone() -> None:
    colour, gray = from_8bit(RGB), from_8bit(GRAY[..., None])

    full, halved = (compress_jpeg(colour, 80, chroma) for chroma in ("yuv444", "yuv420"))
    assert not np.array_equal(full, halved)

    full, halved = (compress_jpeg(gray, 80, chroma) for chroma in ("yuv444", "yuv420"))
    assert np.array_equal(full, halved)


def test_encoder_has_a_name_and_a_version() -> None:
    assert re.fullmatch(r"libjpeg(-turbo)? \d\S*", jpeg_encoder())
