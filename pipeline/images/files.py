"""Image files: read with all their quirks, written as PNG, compressed as JPEG.

The only module that imports Pillow.
"""

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

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

_WITH_ALPHA = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
"""Modes that may name one transparent colour, and those that show it pixel by pixel."""


class ImageError(ValueError):
    """A file is not an image that the project can use; the message names it and says why."""


def read_image(path: Path) -> Array:
    """Read an image file by the rules of ``read_8bit``.

    Returns:
        ``(H, W, C)`` in [0, 1], multiples of 1/255; C is 1 or 3.

    Raises:
        ImageError: ``read_8bit`` says when.
    """
    return from_8bit(read_8bit(path))


def read_8bit(path: Path) -> Bytes:
    """Read an image file in 8 bits.

    8-bit gray and RGB are taken as they are. Other kinds follow a stated rule: 1-bit becomes
    gray, a palette becomes its colours, 16-bit gray is rounded to 8 bits, 16-bit colour keeps
    the upper 8 bits (Pillow reads no more), an alpha channel or a transparent colour that no
    pixel uses is dropped. EXIF orientation is applied.

    Returns:
        uint8 ``(H, W, C)``, 0-255; C is 1 or 3.

    Raises:
        ImageError: The file is missing, empty, truncated, not an image, animated, or of a kind
            without one right conversion (CMYK, Lab, float, 32-bit, transparent pixels).
    """
    try:
        with path.open("rb", _READ) as file, Image.open(file, formats=FORMATS) as image:
            frames: int = getattr(image, "n_frames", 1)
            # A phone's MPO file is a JPEG with a preview or a second view behind it.
            if frames > 1 and image.format != "MPO":
                raise ImageError(f"{path}: expected one image, came {frames} frames")
            image.load()
            return _as_8bit(ImageOps.exif_transpose(image), path)
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        size = path.stat().st_size
        raise ImageError(
            f"{path}: expected an image, came {size} bytes of something else"
        ) from error
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
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    except Exception as error:  # as above
        raise ImageError(f"{path}: expected an image, but {error}") from error
    return (width, height) if turned else (height, width)


def _as_8bit(image: Image.Image, path: Path) -> Bytes:
    if "transparency" in image.info:  # one colour, or a palette, that stands for nothing
        image = image.convert(_WITH_ALPHA.get(image.mode, image.mode))
    mode = image.mode
    if mode == "P":
        return _as_8bit(image.convert("RGB"), path)
    if mode in {"LA", "RGBA", "PA"}:
        return _as_8bit(_without_alpha(image, path), path)
    if mode == "1":
        return _as_8bit(image.convert("L"), path)
    if mode in {"I;16", "I;16B", "I;16L"}:
        return np.round(np.asarray(image, np.float64) / 257).astype(np.uint8)[..., None]
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
