"""Image files: read with all their quirks, written as PNG, compressed as JPEG.

The only module that imports Pillow.
"""

import io
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, TiffImagePlugin, UnidentifiedImageError

from pipeline.arrays.pixels import Array, Bytes, from_8bit, to_8bit

SUFFIXES = frozenset(
    {".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".webp", ".ppm", ".pgm"}
)
"""Endings of the files that count as images in a folder."""

FORMATS = ("PNG", "BMP", "JPEG", "TIFF", "GIF", "WEBP", "PPM")
"""What such a file may be inside, whatever its ending. Pillow would try many more; PostScript among
them starts another program."""

# The usual names of the ratios have colons, which YAML tools like to read as something else.
_SUBSAMPLING = {"yuv444": "4:4:4", "yuv422": "4:2:2", "yuv420": "4:2:0"}
_READ = 1 << 16
"""Bytes to read at once. Pillow asks for a few at a time, and at each visit to the disk a thread
has to wait for Python's lock."""

_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANES = 258, 262, 284
"""Tags of a TIFF file: bits of a sample, whether 0 is white, and whether each colour lies apart."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""What TIFF files begin with, also those that Pillow knows no way to read."""

_DEEP = frozenset({"I;16", "I;16B", "I;16L"})
"""Modes of gray with more than 8 bits."""

_WHITE = 2**16 - 1

_WITH_ALPHA = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
"""Modes that may name one transparent colour, and those that show it pixel by pixel."""


class ImageError(ValueError):
    """A file is not an image that the project can use; the message names it and says why."""


class _Samples(NamedTuple):
    """How an open file stores its values, which Pillow has forgotten once they are decoded.

    Args:
        bits: Of a value.
        white: Value of white as Pillow gives it, of gray with more than 8 bits; None of others.
        white_is_0: Whether such gray is inverted, which Pillow leaves to its users.
        gray: Whether it is gray, though Pillow makes it a colour image.
        apart: Whether 16-bit colours lie plane by plane, which Pillow reads as if they did not.
    """

    bits: int
    white: int | None = None
    white_is_0: bool = False
    gray: bool = False
    apart: bool = False


def read_image(path: Path) -> Array:
    """Read an image file by the rules of ``read_8bit``.

    Returns:
        ``(H, W, C)`` in [0, 1], multiples of 1/255; C is 1 or 3.

    Raises:
        ImageError: ``read_8bit`` says when.
    """
    return from_8bit(read_8bit(path))


def read_8bit(path: Path) -> Bytes:
    """Read an image file in 8 bits, as a viewer shows it.

    8-bit gray and RGB are taken as they are. Other kinds follow a stated rule: 1-bit becomes
    gray, a palette becomes its colours, gray of more than 8 bits is rounded to 8 bits, 16-bit
    colour keeps the upper 8 bits (Pillow reads no more; of PPM files it is rounded), an alpha
    channel or a transparent colour that no pixel uses is dropped. EXIF orientation is applied,
    and where 0 is white, values are inverted.

    Returns:
        uint8 ``(H, W, C)``, 0-255; C is 1 or 3.

    Raises:
        ImageError: The file is missing, empty, truncated, not an image, animated, or of a kind
            without one right conversion (CMYK, Lab, float, 32-bit, transparent pixels).
    """
    return read_with_depth(path)[0]


def read_with_depth(path: Path) -> tuple[Bytes, int]:
    """Read an image file by the rules of ``read_8bit``, and say how deep it is.

    Returns:
        uint8 ``(H, W, C)``, 0-255, C is 1 or 3; and the bits of each value in the file.

    Raises:
        ImageError: ``read_8bit`` says when.
    """
    try:
        with path.open("rb", _READ) as file, Image.open(file, formats=FORMATS) as image:
            frames: int = getattr(image, "n_frames", 1)
            # A phone's MPO file is a JPEG with a preview or a second view behind it.
            if frames > 1 and image.format != "MPO":
                raise ImageError(f"{path}: expected one image, came {frames} frames")
            samples = _samples(image)
            if samples.apart:
                raise ImageError(
                    f"{path}: expected the colours of a pixel side by side, came 16-bit colours "
                    "in a plane each, uncompressed; save it as PNG"
                )
            image.load()
            return _as_8bit(ImageOps.exif_transpose(image), samples, path), samples.bits
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: expected an image, came {_content(path)}") from error
    except Exception as error:  # decoders are made for sound files: they raise anything
        raise ImageError(f"{path}: the image cannot be decoded: {error}") from error


def image_size(path: Path) -> tuple[int, int]:
    """Return height and width of an image file as ``read_image`` gives it, from its header.

    Raises:
        ImageError: The file is missing or not an image.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            # The size of a TIFF file is that of the upright image already.
            turned = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation) in {
                5,
                6,
                7,
                8,
            }
    except Exception as error:  # as above
        raise ImageError(f"{path}: expected an image, but {error}") from error
    return (width, height) if turned else (height, width)


def _content(path: Path) -> str:
    with path.open("rb") as file:
        if file.read(4) in _TIFF:
            return "a TIFF file of a rare kind; save it as TIFF or PNG of 8 or 16 bits"
    return f"{path.stat().st_size} bytes of something else"


def _samples(image: ImageFile.ImageFile) -> _Samples:
    deep_gray = image.mode in _DEEP
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits: int = max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,)))
        in_planes = image.tag_v2.get(_PLANES) == 2 and image.info["compression"] == "raw"
        return _Samples(
            bits,
            white=2**bits - 1 if deep_gray else None,
            white_is_0=image.tag_v2.get(_PHOTOMETRIC) == 0,
            apart=bits == 16 and not deep_gray and in_planes,
        )
    stored = str(image.tile)  # how values are packed, such as 'RGB;16B'
    bits = 16 if ";16" in stored else 8
    if image.format == "PPM":
        deep_gray = deep_gray or image.mode == "I"
        packed = image.tile[0][3]
        if isinstance(packed, tuple):  # with the value of white, from which Pillow scales
            bits = int(packed[-1]).bit_length()
    return _Samples(bits, white=_WHITE if deep_gray else None, gray="LA;16" in stored)


def _as_8bit(image: Image.Image, samples: _Samples, path: Path) -> Bytes:
    if "transparency" in image.info:  # one colour, or a palette, that stands for nothing
        image = image.convert(_WITH_ALPHA.get(image.mode, image.mode))
    mode = image.mode
    if mode == "P":
        return _as_8bit(image.convert("RGB"), samples, path)
    if mode in {"LA", "RGBA", "PA"}:
        opaque = _without_alpha(image, path)
        return _as_8bit(opaque.convert("L") if samples.gray else opaque, samples, path)
    if mode == "1":
        return _as_8bit(image.convert("L"), samples, path)
    if samples.white is not None:
        values = np.asarray(image, np.float64)
        values = samples.white - values if samples.white_is_0 else values
        return np.round(values * (255 / samples.white)).astype(np.uint8)[..., None]
    if mode == "L":
        return np.asarray(image)[..., None]
    if mode == "RGB":
        return np.asarray(image)
    raise ImageError(
        f"{path}: expected a gray, RGB, palette or 16-bit gray image, came Pillow mode '{mode}'; "
        "convert it with its own colour profile first"
    )


def _without_alpha(image: Image.Image, path: Path) -> Image.Image:
    image = image.convert("RGBA") if image.mode == "PA" else image
    lowest = image.getchannel("A").getextrema()[0]
    if lowest != 255:
        raise ImageError(
            f"{path}: expected opaque pixels, came an alpha channel down to {lowest} of 255: "
            "transparent pixels have no colour of their own; flatten the image first"
        )
    return image.convert("L" if image.mode == "LA" else "RGB")


def write_png(path: Path, image: Array) -> None:
    """Write ``(H, W, C)`` in [0, 1], clipped and rounded to 8 bits, as a PNG file."""
    write_8bit_png(path, to_8bit(image))


def write_8bit_png(path: Path, values: Bytes) -> None:
    """Write 8-bit values ``(H, W, C)``, 0-255, as a PNG file."""
    _to_pillow(values).save(path, format="png")


def encode_png(image: Array) -> bytes:
    """Return ``(H, W, C)`` in [0, 1], clipped and rounded to 8 bits, as the bytes of a PNG."""
    stream = io.BytesIO()
    _to_pillow(to_8bit(image)).save(stream, format="png")
    return stream.getvalue()


def compress_jpeg(image: Array, quality: int, subsampling: str) -> Array:
    """Return what is left of ``image`` after JPEG compression.

    Args:
        image: ``(H, W, C)`` in [0, 1]; it is rounded to 8 bits before it is encoded.
        quality: 1 to 100 of the IJG scale, that MATLAB uses too.
        subsampling: Of the chroma channels, ``yuv444`` (none), ``yuv422`` or ``yuv420``; gray
            images have none.

    Returns:
        ``(H, W, C)`` in [0, 1], multiples of 1/255.
    """
    return from_8bit(compress_jpeg_8bit(to_8bit(image), quality, subsampling))


def compress_jpeg_8bit(values: Bytes, quality: int, subsampling: str) -> Bytes:
    """Return what is left of 8-bit values after JPEG compression.

    Args:
        values: uint8 ``(H, W, C)``, 0-255.
        quality: As in ``compress_jpeg``.
        subsampling: As in ``compress_jpeg``.

    Returns:
        uint8 ``(H, W, C)``, 0-255.
    """
    stream = io.BytesIO()
    options = {} if values.shape[-1] == 1 else {"subsampling": _SUBSAMPLING[subsampling]}
    _to_pillow(values).save(stream, format="jpeg", quality=quality, **options)
    with Image.open(stream, formats=["JPEG"]) as decoded:
        return np.asarray(decoded).reshape(values.shape)


@cache
def jpeg_encoder() -> str:
    """Return name and version of the library that compresses JPEG files."""
    from PIL import features

    turbo = features.check_feature("libjpeg_turbo")
    return f"{'libjpeg-turbo' if turbo else 'libjpeg'} {features.version('jpg')}"


def _to_pillow(values: Bytes) -> Image.Image:
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
