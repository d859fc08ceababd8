"""Read picture files of all kinds, with what they say beside their pixels.

Pillow reads 8 bits. It has no more for colour, so 16 bits come through imagecodecs and tifffile.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pipeline.images.files import FORMATS
from pipeline.photographs.metadata import as_metadata, turn_upright
from pipeline.photographs.picture import Picture, PictureError, Values

MOST_PIXELS = 500 * 10**6
"""Pixels of the largest picture that is taken."""

_PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA"}
_TRANSPARENT = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
_SIXTEEN = {"I;16", "I;16B", "I;16L"}
_LARGEST = np.uint32(65535)

# fmt: off
_STANDARD = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
])
# fmt: on
"""Luminance table of the JPEG standard (ITU-T T.81, table K.1), which is quality 50."""

_TIFF = (b"II*\0", b"MM\0*")
"""What such files begin with, those too that Pillow does not take for a picture."""

_OF_PIXELS = {
    *(254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325),
    *(338, 339, 347, 700, 34675),
}
"""Tags of a TIFF file that say how its pixels lie in it, or what is kept otherwise."""


def read_picture(path: Path) -> Picture:
    """Read a picture with all that is in its file.

    Raises:
        PictureError: It is missing, damaged, animated, larger than ``MOST_PIXELS``, or of a kind
            without one right conversion (CMYK, Lab, float).
    """
    try:
        with warnings.catch_warnings():
            # Of large pictures and of odd metadata; the former have a limit of their own here.
            warnings.simplefilter("ignore")
            with _opened(path) as image:
                _check(image)
                return _read(path, image)
    except (PictureError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise PictureError(_not_an_image(path)) from error
    except OSError as error:
        raise PictureError(f"cannot be read: {error.strerror or error}") from error
    except Exception as error:  # decoders are made for sound files: they raise anything
        raise PictureError(f"cannot be decoded: {error}") from error


def picture_size(path: Path) -> tuple[int, int] | None:
    """Return height and width as stored, from the header; None for what is no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _opened(path) as image:
                return image.height, image.width
    except Exception:  # as above
        return None


def _opened(path: Path) -> Image.Image:
    # Pillow's own limit is below what cameras make; ``_check`` has ours.
    Image.MAX_IMAGE_PIXELS = None
    return Image.open(path, formats=FORMATS)


def _check(image: Image.Image) -> None:
    frames = getattr(image, "n_frames", 1)
    # A phone's MPO file is a JPEG with a preview or a second view behind it.
    if frames > 1 and image.format != "MPO":
        raise PictureError(f"expected one picture, came {frames} frames or pages")
    if image.width * image.height > MOST_PIXELS:
        raise PictureError(
            f"expected at most {MOST_PIXELS // 10**6} megapixels, came "
            f"{image.width * image.height / 1e6:.0f}"
        )
    known = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", *_SIXTEEN}
    if image.mode not in known and not _is_gray_ppm(image):
        raise PictureError(
            f"expected gray or RGB, came {image.mode}: convert it with its own colour profile first"
        )


def _read(path: Path, image: Image.Image) -> Picture:
    metadata = as_metadata(image.info)
    if image.format == "TIFF":  # where EXIF is the file's own structure
        metadata = replace(metadata, exif=_exif_of_tiff(image))
    pixels = _sixteen_bits(path, image)
    if pixels is None:
        pixels = _eight_bits(image)
        if image.format == "TIFF":  # which Pillow has turned itself
            metadata = metadata.upright
    if image.format == "PNG":  # whose words may stand behind its pixels
        image.load()
        metadata = as_metadata(image.info)
    pixels = turn_upright(pixels, metadata.orientation)
    colours = pixels.shape[-1] - (pixels.shape[-1] in {2, 4})
    return Picture(
        values=np.ascontiguousarray(pixels[..., :colours]),
        alpha=np.ascontiguousarray(pixels[..., -1]) if colours < pixels.shape[-1] else None,
        kind="JPEG" if image.format == "MPO" else str(image.format),
        metadata=metadata.upright,
        quality=_jpeg_quality(image),
        compression=image.info.get("compression"),
    )


def _sixteen_bits(path: Path, image: Image.Image) -> Values | None:
    """Return the pixels ``(H, W, C)`` of a file with more than 8 bits; None for others."""
    if image.format == "PNG" and (image.mode in _SIXTEEN or ";16" in str(vars(image)["tile"])):
        from imagecodecs import png_decode

        pixels = png_decode(path.read_bytes())
    elif image.format == "TIFF" and max(_bits_of_tiff(image)) == 16:
        import tifffile

        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            pixels = page.asarray()
            if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
                pixels = np.iinfo(pixels.dtype).max - pixels
        if pixels.ndim == 3 and pixels.shape[0] in {3, 4} and pixels.shape[-1] not in {3, 4}:
            pixels = pixels.transpose(1, 2, 0)  # one plane a colour
    elif image.mode in _SIXTEEN or _is_gray_ppm(image):
        largest = 2 ** max(_bits_of_tiff(image)) - 1 if image.format == "TIFF" else _LARGEST
        scaled = np.asarray(image).astype(np.uint32) * _LARGEST // largest
        pixels = scaled.astype(np.uint16)
    else:
        return None
    found: Values = pixels.reshape(*pixels.shape[:2], -1)
    if found.dtype != np.uint16 or found.shape[-1] > 4:
        raise PictureError(f"expected 8 or 16 bits, came {found.dtype} {found.shape}")
    return found


def _is_gray_ppm(image: Image.Image) -> bool:
    # Pillow has brought its values to 16 bits.
    return image.format == "PPM" and image.mode == "I"


def _bits_of_tiff(image: Image.Image) -> tuple[int, ...]:
    found = getattr(image, "tag_v2", {}).get(258, (1,))
    return found if isinstance(found, tuple) else (found,)


def _exif_of_tiff(image: Image.Image) -> bytes | None:
    """Return what a TIFF file says of the picture, as EXIF; where its pixels lie is left out."""
    exif = image.getexif()
    for tag in _OF_PIXELS:
        exif.pop(tag, None)
    return exif.tobytes() if len(exif) else None


def _eight_bits(image: Image.Image) -> Values:
    shown = _TRANSPARENT if "transparency" in image.info else _PLAIN
    image = image.convert(shown.get(image.mode, image.mode))
    image = image.convert(_PLAIN.get(image.mode, image.mode))
    return np.asarray(image).reshape(image.height, image.width, -1)


def _jpeg_quality(image: Image.Image) -> int | None:
    tables = getattr(image, "quantization", None)
    if image.format not in {"JPEG", "MPO"} or not tables:
        return None
    table = np.asarray(tables[min(tables)])
    qualities = np.arange(1, 101)
    percent = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    standard = np.clip((_STANDARD * percent[:, None] + 50) // 100, 1, 255)
    # Tables of cameras are none of these: the nearest tells as much as there is to tell.
    return int(qualities[np.abs(standard - table).sum(axis=1).argmin()])


def _not_an_image(path: Path) -> str:
    size = path.stat().st_size
    if size == 0:
        return "an empty file"
    with path.open("rb") as file:
        if file.read(4) in _TIFF:
            return "expected 8 or 16 bits, gray or RGB, came another kind of TIFF"
    return f"expected a picture, came {size} bytes of something else"
