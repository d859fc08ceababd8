"""Image files and arrays, and the colour spaces between them.

The only module that knows 8 bits and the only one that imports Pillow. Everywhere else an
image is float32 ``(H, W, C)`` in [0, 1], with one channel (gray or luma) or three (RGB).
"""

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pipeline.params import Colour

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SUFFIXES = frozenset(
    {".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".webp", ".ppm", ".pgm"}
)
"""Endings of the files that count as images in a folder."""

# MATLAB's rgb2gray and rgb2ycbcr (ITU-R BT.601), the definitions behind published numbers.
_GRAY = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
_LUMA_STUDIO = np.array([65.481, 128.553, 24.966])
_LUMA_OFFSET = 16.0

# The usual names of the ratios have colons, which YAML tools like to read as something else.
_SUBSAMPLING = {"yuv444": "4:4:4", "yuv422": "4:2:2", "yuv420": "4:2:0"}

_BLOCK = 1 << 15
"""Values to convert at once, so that float64 versions of them stay in the processor's cache."""

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
        with path.open("rb", _READ) as file, Image.open(file) as image:
            frames: int = getattr(image, "n_frames", 1)
            # A phone's MPO file is a JPEG with a preview or a second view behind it.
            if frames > 1 and image.format != "MPO":
                raise ImageError(f"{path}: expected one image, came {frames} frames")
            image.load()
            return _as_8bit(ImageOps.exif_transpose(image), path)
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        size = path.stat().st_size
        raise ImageError(
            f"{path}: expected an image, came {size} bytes of something else"
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: the image cannot be decoded: {error}") from error


def image_size(path: Path) -> tuple[int, int]:
    """Return height and width of an image file as ``read_image`` gives it, from its header.

    Raises:
        ImageError: The file is missing or not an image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    except (OSError, SyntaxError, ValueError) as error:
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


def from_8bit(values: Bytes) -> Array:
    """Return 8-bit values, 0-255, as float32 in [0, 1]."""
    return np.divide(values, np.float32(255), dtype=np.float32)


def to_8bit(image: NDArray[np.floating]) -> Bytes:
    """Clip values in [0, 1] and round them to 8 bits, half away from zero as MATLAB does."""
    result = np.empty(image.shape, np.uint8)
    for block, values in _blocks(result, image):
        # In float64 nothing is rounded before the end; what is positive is cut off by the cast.
        exact = np.multiply(np.clip(values, 0, 1), 255, dtype=np.float64)
        exact += 0.5
        block[...] = exact.astype(np.uint8)
    return result


def _blocks(
    result: NDArray[Any], source: NDArray[Any]
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield parts of two arrays, the first of which is contiguous, that belong together.

    Args:
        result: Some values for each row of ``source``.
        source: Rows of equal size.
    """
    if result.shape == source.shape and source.flags.c_contiguous:
        result, source = result.reshape(-1), source.reshape(-1)
    rows = max(1, _BLOCK * len(source) // max(1, source.size))
    for first in range(0, len(source), rows):
        yield result[first : first + rows], source[first : first + rows]


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
    with Image.open(stream) as decoded:
        return np.asarray(decoded).reshape(values.shape)


@cache
def jpeg_encoder() -> str:
    """Return name and version of the library that compresses JPEG files."""
    from PIL import features

    turbo = features.check_feature("libjpeg_turbo")
    return f"{'libjpeg-turbo' if turbo else 'libjpeg'} {features.version('jpg')}"


def _to_pillow(values: Bytes) -> Image.Image:
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def in_colour(image: Array, colour: Colour) -> Array:
    """Bring an image into a working colour space, rounded to 8 bits as published tests do.

    A one-channel image is used as it is for ``gray`` and ``y`` (scaling Set14's gray
    ``bridge`` to studio range would add 0.09 dB to the mean), and repeated for ``rgb``.

    Args:
        image: ``(H, W, C)`` in [0, 1], C 1 or 3.
        colour: ``gray`` (full range), ``y`` (studio range, 16-235 of 255) or ``rgb``.

    Returns:
        ``(H, W, 1)`` or ``(H, W, 3)`` in [0, 1], multiples of 1/255.
    """
    if image.shape[-1] == 1 or colour == "rgb":
        return _with_channels(image, colour)
    return from_8bit(_to_one_channel(image, colour))


def in_colour_8bit(values: Bytes, colour: Colour) -> Bytes:
    """Bring 8-bit values into a working colour space, by the rules of ``in_colour``.

    Args:
        values: uint8 ``(H, W, C)``, 0-255, C 1 or 3.
        colour: ``gray`` (full range), ``y`` (studio range, 16-235) or ``rgb``.

    Returns:
        uint8 ``(H, W, 1)`` or ``(H, W, 3)``, 0-255.
    """
    if values.shape[-1] == 1 or colour == "rgb":
        return _with_channels(values, colour)
    return _to_one_channel(values, colour)


def _with_channels(image: NDArray[Any], colour: Colour) -> NDArray[Any]:
    return np.repeat(image, 3, axis=-1) if colour == "rgb" and image.shape[-1] == 1 else image


def _to_one_channel(image: Array | Bytes, colour: Colour) -> Bytes:
    """Return the luma or the gray values of RGB, in [0, 1] or in 8 bits, rounded to 8 bits."""
    result = np.empty((*image.shape[:2], 1), np.uint8)
    for block, values in _blocks(result, image):
        scaled = from_8bit(values) if values.dtype == np.uint8 else values
        exact = _luma(scaled) if colour == "y" else scaled.astype(np.float64) @ _GRAY
        block[..., 0] = to_8bit(exact)
    return result


def rgb_to_luma(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the BT.601 luma of RGB values in [0, 1], studio range: 16/255 to 235/255.

    Args:
        image: ``(H, W, 3)`` in [0, 1].

    Returns:
        ``(H, W)``, not rounded.
    """
    result = np.empty(image.shape[:-1])
    for block, values in _blocks(result, image):
        block[...] = _luma(values)
    return result


def _luma(image: NDArray[np.floating]) -> NDArray[np.float64]:
    luma: NDArray[np.float64] = (image.astype(np.float64) @ _LUMA_STUDIO + _LUMA_OFFSET) / 255
    return luma
