"""What a picture file says beside its pixels: how it was turned, its profile, who took it where."""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ORIENTATION = 0x0112
_ENTRY = 12
"""Bytes of an entry of an EXIF directory."""
_LEFT_TO_BE_TURNED = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""What has to be done to stored pixels, by the EXIF tag 274; anything else means nothing."""


@dataclass(frozen=True)
class Metadata:
    """What goes along from a picture to its restored version.

    Args:
        exif: As in a JPEG file, TIFF structure with or without its heading; None for none.
        profile: ICC profile.
        xmp: Adobe's XML.
        dpi: Resolution, horizontal and vertical.
    """

    exif: bytes | None = None
    profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None

    @property
    def orientation(self) -> int:
        """How the picture must be turned to stand upright; 1 where nothing says so."""
        found = _orientation_at(self.exif)
        return 1 if found is None else found[1]

    @property
    def upright(self) -> "Metadata":
        """The same for a picture that has been turned: nothing is turned a second time.

        The small picture in EXIF goes, which shows the one before, as it lay in the file.
        """
        exif = _without_turn(_without_thumbnail(self.exif))
        return replace(self, exif=exif, xmp=_without_turn_in_xmp(self.xmp))


def as_metadata(info: Mapping[Any, Any]) -> Metadata:
    """Return what Pillow found in a file."""
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    dpi = info.get("dpi")
    return Metadata(
        exif=info.get("exif") or None,
        profile=info.get("icc_profile") or None,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and min(dpi) > 0 else None,
    )


def turn_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror pixels ``(H, W, ...)`` of any type as the EXIF orientation asks for."""
    turn = _LEFT_TO_BE_TURNED.get(orientation)
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))


def _directory_of(exif: bytes | None) -> tuple[str, int, int] | None:
    """Return the order of bytes, where the entries of the first directory begin, and how many.

    Of a block that was cut, those that are there; None for what is no EXIF, or corrupted: the rest
    of the picture may be well.
    """
    if exif is None:
        return None
    start = 6 if exif.startswith(b"Exif\0\0") else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, start + 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, start + directory)
    except struct.error:
        return None
    first = start + directory + 2
    return order, first, min(entries, (len(exif) - first) // _ENTRY)


def _orientation_at(exif: bytes | None) -> tuple[int, int, str] | None:
    """Return where the orientation lies, what it is, and the order of bytes; None without one."""
    found = _directory_of(exif)
    if exif is None or found is None:
        return None
    order, first, entries = found
    for at in range(first, first + _ENTRY * entries, _ENTRY):
        tag, kind, count, value = struct.unpack_from(f"{order}HHIH", exif, at)
        if (tag, kind, count) == (_ORIENTATION, 3, 1):
            return at + 8, value, order
    return None


# Bytes are changed where they lie, and none is taken out: notes of the maker point to places.


def _without_turn(exif: bytes | None) -> bytes | None:
    found = _orientation_at(exif)
    if exif is None or found is None:
        return exif
    at, _, order = found
    return exif[:at] + struct.pack(f"{order}H", 1) + exif[at + 2 :]


def _without_thumbnail(exif: bytes | None) -> bytes | None:
    found = _directory_of(exif)
    if exif is None or found is None:
        return exif
    _, first, entries = found
    at = first + _ENTRY * entries
    # Behind the entries stands where the next directory lies, which is that of the small picture.
    return exif[:at] + bytes(len(exif[at : at + 4])) + exif[at + 4 :]


def _without_turn_in_xmp(xmp: bytes | None) -> bytes | None:
    return None if xmp is None else re.sub(rb"(tiff:Orientation(?:=[\"']|>))\d", rb"\g<1>1", xmp)
