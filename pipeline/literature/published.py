"""Numbers of the literature, one a row of ``published.csv``, to put beside those measured here.

A row names the system as the literature does, the data set, the level and the protocol as this
project does. Figures from memory are marked: they may be shown, but nothing is compared with
them. ``protocol`` is one that ``pipeline/measuring/metrics.py`` measures, or one of
``NOT_MEASURED``.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pipeline.arrays.tables import read_lines
from pipeline.degradations.settings import Bicubic, Gaussian, Jpeg, RealPairs
from pipeline.settings.params import Protocol

SHIPPED = Path(__file__).with_name("published.csv")
"""The numbers that come with the project."""

MEASURED: tuple[str, ...] = get_args(Protocol)
"""Protocols that can be measured here."""

_Elsewhere = Literal["own-code", "sidd-raw"]

NOT_MEASURED: Mapping[_Elsewhere, str] = {
    "own-code": "code or server of the source; what it does differs from all here, or is not known",
    "sidd-raw": "raw Bayer blocks of SIDD or SIDD+, by the server of the NTIRE 2020 challenge",
}
"""Protocols that nothing here measures, and what they are."""

Metric = Literal["psnr", "ssim"]

METRICS: Mapping[Metric, tuple[str, float]] = {
    "psnr": ("decibels, mean over the images", 100),
    "ssim": ("mean over the images", 1),
}
"""Unit and greatest value of what is published; none is below zero."""

Key = tuple[str, str, str, str]
"""System, data set, degradation and protocol: only numbers that share all four are compared."""

_LEVEL = re.compile(
    rf"({Gaussian.prefix}|{Bicubic.prefix})\d+(\.\d+)?(_8bit)?|{Jpeg.prefix}\d+|{RealPairs.prefix}"
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of ``published.csv``, its columns in this order."""

    system: str
    data_set: str
    degradation: str
    protocol: Literal[Protocol, _Elsewhere]
    metric: Metric
    value: str
    from_memory: bool
    source: str


@dataclass(frozen=True, kw_only=True)
class _Reference:
    """What was published of a system: of which data, measured how, and where it stands.

    Args:
        system: Name in the literature.
        data_set: Name of the test set.
        degradation: Label of the level, such as ``gaussian_25``.
        protocol: How it was measured.
        from_memory: Not read in its source; nothing is compared with it.
        source: Where it stands, and what to know about it.
    """

    system: str
    data_set: str
    degradation: str
    protocol: str
    from_memory: bool
    source: str

    @property
    def key(self) -> Key:
        """Return what a measured number must have in common with this one."""
        return (self.system, self.data_set, self.degradation, self.protocol)


@dataclass(frozen=True, kw_only=True)
class Number(_Reference):
    """One published number.

    Args:
        metric: One of ``METRICS``, which has its unit.
        value: What was published.
        digits: After the point, to which it was rounded.
    """

    metric: str
    value: float
    digits: int


@dataclass(frozen=True, kw_only=True)
class Published(_Reference):
    """PSNR and SSIM that were published for the same thing.

    Args:
        psnr: In decibels, mean over the images.
        ssim: Mean over the images, if it was published by the same definition.
        psnr_digits: After the point, to which ``psnr`` was rounded.
    """

    psnr: float
    ssim: float | None
    psnr_digits: int = 2


def read_published(path: Path) -> list[Number]:
    """Read all published numbers, in the order of the file.

    Raises:
        ValueError: The columns or a value are wrong, or two rows say the same thing; the message
            names the line.
    """
    numbers: list[Number] = []
    lines: dict[tuple[Key, str], int] = {}
    for line, row in read_lines(path, Line):
        number = _number(row, f"{path}, line {line}")
        earlier = lines.setdefault((number.key, number.metric), line)
        if earlier != line:
            raise ValueError(
                f"{path}, line {line}: expected one {number.metric} for "
                f"{', '.join(number.key)}; line {earlier} has it already"
            )
        numbers.append(number)
    for (key, metric), line in lines.items():
        if metric == "ssim" and (key, "psnr") not in lines:
            raise ValueError(
                f"{path}, line {line}: expected a psnr beside the ssim of {', '.join(key)}"
            )
    return numbers


def joined(numbers: Iterable[Number]) -> dict[Key, Published]:
    """Join PSNR and SSIM of all that can be measured here, figures from memory included.

    Args:
        numbers: As read; what was published by other protocols or metrics is left out.
    """
    found: dict[Key, dict[str, Number]] = {}
    for number in numbers:
        if number.protocol in MEASURED:
            found.setdefault(number.key, {})[number.metric] = number
    return {key: _join(metrics) for key, metrics in found.items() if "psnr" in metrics}


def _join(metrics: Mapping[str, Number]) -> Published:
    psnr, ssim = metrics["psnr"], metrics.get("ssim")
    return Published(
        system=psnr.system,
        data_set=psnr.data_set,
        degradation=psnr.degradation,
        protocol=psnr.protocol,
        psnr=psnr.value,
        psnr_digits=psnr.digits,
        ssim=None if ssim is None else ssim.value,
        from_memory=psnr.from_memory or (ssim is not None and ssim.from_memory),
        source=psnr.source,
    )


def systems(path: Path = SHIPPED) -> list[str]:
    """Return the names of all systems that numbers were published of, sorted."""
    return sorted({number.system for number in read_published(path)})


def system_of_baseline(method: str, degradation: str, protocol: str) -> str | None:
    """Return what the literature calls a classical method, if it has numbers of it.

    Args:
        method: Name of the method here, such as ``identity``.
        degradation: Label of the level.
        protocol: How it is measured.
    """
    kind = degradation.partition("_")[0]
    if method == "bm3d" and kind == "gaussian":
        return "CBM3D" if protocol.startswith("rgb-") else "BM3D"
    return _SYSTEMS.get((method, kind))


_SYSTEMS = {
    ("identity", "gaussian"): "Noisy input",
    ("identity", "paired"): "Noisy input",
    ("identity", "jpeg"): "JPEG",
    # The degraded image is interpolated to full size already.
    ("identity", "bicubic"): "Bicubic",
    ("bicubic", "bicubic"): "Bicubic",
}
"""System by classical method and kind of degradation."""


def _number(row: Line, where: str) -> Number:
    if not _LEVEL.fullmatch(row.degradation):
        raise ValueError(
            f"{where}: expected a degradation such as gaussian_25, bicubic_x2, jpeg_10 or paired; "
            f"came '{row.degradation}'"
        )
    digits = len(row.value.partition(".")[2])
    return Number(**{**vars(row), "value": _value(row, where), "digits": digits})


def _value(row: Line, where: str) -> float:
    """Return the number, whose range depends on the metric."""
    unit, greatest = METRICS[row.metric]
    try:
        value = float(row.value)
    except ValueError:
        value = math.nan
    if not 0 <= value <= greatest:
        raise ValueError(
            f"{where}: expected a number from 0 to {greatest:g} for {row.metric} ({unit}); "
            f"came '{row.value}'"
        )
    return value
