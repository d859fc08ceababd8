"""Write restored pictures as files of the kind that they came from, whole or not at all."""

import io
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipeline.photographs.picture import Picture, Values

_QUALITY = 95
"""Of JPEG and WebP files: what they lose is far below what was restored."""

_HEADING = 8 + 25
"""Bytes of a PNG file before what it says beside its pixels: signature and IHDR."""


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture as a file of its own kind, whatever its name ends with.

    Raises:
        OSError: There is no room or no permission.
    """
    with _whole(path) as part:
        if picture.values.dtype == np.uint16:
            _write_16_bits(picture, part)
        else:
            _write_8_bits(picture, part)


def copy_picture(source: Path, path: Path) -> None:
    """Write a picture that is left as it is.

    Raises:
        OSError: There is no room or no permission.
    """
    with _whole(path) as part:
        shutil.copyfile(source, part)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, whose file takes its name when all went well."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def encode_jpeg(values: Values) -> bytes:
    """Return 8-bit values ``(H, W, C)``, 0-255, as the bytes of a JPEG file to look at."""
    stream = io.BytesIO()
    pixels = values[..., 0] if values.shape[-1] == 1 else values
    Image.fromarray(pixels).save(stream, format="JPEG", quality=_QUALITY, subsampling=0)
    return stream.getvalue()


def _write_8_bits(picture: Picture, part: Path) -> None:
    Image.fromarray(_together(picture)).save(part, **_OPTIONS[picture.kind](picture))


def _together(picture: Picture) -> Values:
    """Return all channels of a picture; without an axis of them where there is one."""
    pixels = picture.values
    if picture.alpha is not None:
        pixels = np.concatenate([pixels, picture.alpha[..., None]], axis=-1)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _kept(picture: Picture) -> dict[str, Any]:
    said = picture.metadata
    kept = {"exif": said.exif, "icc_profile": said.profile, "dpi": said.dpi}
    return {name: value for name, value in kept.items() if value is not None}


def _as_jpeg(picture: Picture) -> dict[str, Any]:
    return {**_as_lossy(picture), "format": "JPEG", "subsampling": 0}


def _as_webp(picture: Picture) -> dict[str, Any]:
    return {**_as_lossy(picture), "format": "WEBP"}


def _as_lossy(picture: Picture) -> dict[str, Any]:
    xmp = picture.metadata.xmp
    return {"quality": _QUALITY, **_kept(picture), **({} if xmp is None else {"xmp": xmp})}


def _as_png(picture: Picture) -> dict[str, Any]:
    options = {"format": "PNG", **_kept(picture)}
    if picture.metadata.xmp is not None:
        words = PngInfo()
        words.add_itxt("XML:com.adobe.xmp", picture.metadata.xmp.decode(errors="replace"))
        options["pnginfo"] = words
    return options


def _as_tiff(picture: Picture) -> dict[str, Any]:
    # JPEG inside TIFF would lose again what was won.
    lossless = picture.compression in {"raw", "tiff_lzw"}
    compression = picture.compression if lossless else "tiff_adobe_deflate"
    options = {"format": "TIFF", "compression": compression, **_kept(picture)}
    if picture.metadata.xmp is not None:
        options["tiffinfo"] = {700: picture.metadata.xmp}
    return options


_OPTIONS: Mapping[str, Callable[[Picture], dict[str, Any]]] = {
    "JPEG": _as_jpeg,
    "PNG": _as_png,
    "GIF": _as_png,
    "TIFF": _as_tiff,
    "WEBP": _as_webp,
    "BMP": lambda picture: {"format": "BMP", **_kept(picture)},
    "PPM": lambda _: {"format": "PPM"},
}
"""What Pillow is told, by the kind of the file."""


def _write_16_bits(picture: Picture, part: Path) -> None:
    if picture.kind == "TIFF":
        _write_tiff_16(picture, part)
    elif picture.kind == "PPM":
        Image.fromarray(_together(picture)).save(part, format="PPM")
    else:
        _write_png_16(picture, part)


def _write_tiff_16(picture: Picture, part: Path) -> None:
    import tifffile

    said = picture.metadata
    tifffile.imwrite(
        part,
        _together(picture),
        photometric="minisblack" if picture.values.shape[-1] == 1 else "rgb",
        extrasamples=None if picture.alpha is None else ["unassalpha"],
        compression="zlib",
        predictor=True,
        iccprofile=said.profile,
        resolution=said.dpi,
        resolutionunit=None if said.dpi is None else "INCH",
        extratags=[] if said.xmp is None else [(700, 1, len(said.xmp), said.xmp, True)],
        metadata=None,
    )


def _write_png_16(picture: Picture, part: Path) -> None:
    """Write a PNG file; what it says beside its pixels belongs behind the heading."""
    from imagecodecs import png_encode

    said, chunks = picture.metadata, b""
    if said.profile is not None:
        chunks += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(said.profile))
    if said.dpi is not None:
        chunks += _chunk(b"pHYs", struct.pack(">IIB", *(round(d / 0.0254) for d in said.dpi), 1))
    if said.exif is not None:
        chunks += _chunk(b"eXIf", said.exif.removeprefix(b"Exif\0\0"))
    if said.xmp is not None:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + said.xmp)
    encoded = png_encode(_together(picture), level=6)
    part.write_bytes(encoded[:_HEADING] + chunks + encoded[_HEADING:])


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
