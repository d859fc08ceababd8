"""Labels, names and numbers of the table in the words of the page."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from pipeline.measuring.metrics import PROTOCOLS, Border, Measure
from pipeline.measuring.protocols import PROTOCOL_COLOURS
from pipeline.measuring.statistics import Difference, Interval
from pipeline.settings.params import Protocol, TrialColour

METHODS = {
    "identity": "degraded image as it is",
    "bicubic": "bicubic interpolation",
    "lanczos": "Lanczos interpolation",
    "nl_means": "non-local means",
    "bayes_shrink": "wavelets, BayesShrink",
    "tv": "total variation",
    "bm3d": "BM3D",
}
"""What a classical method is called on the page."""

CHANNELS: dict[tuple[TrialColour, ...], str] = {
    ("gray",): "gray values",
    ("rgb",): "all values of the three channels",
}
"""What a protocol that does not convert to luma compares, by the colours it is for."""


BORDERS: dict[Border, str] = {
    "none": "over the whole image",
    "scale": "without a border as wide as the scale",
    "scale+6": "without a border of the scale and 6 pixels",
}
"""What a protocol leaves out."""


FEWEST_FOR_SURENESS = 5
"""Images below which an interval cannot hold a mean as often as it should."""


NAMES = {"kind", "class"}
"""Settings that name what the others belong to; the page says them first."""


MOST_LISTED = 4
"""Names in a list within a sentence; of more, the first ones and how many others there are."""


def list_names(names: Sequence[str]) -> str:
    """Return names with commas between them, a long list cut short."""
    if len(names) <= MOST_LISTED + 1:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_LISTED])} and {len(names) - MOST_LISTED} others"


def break_name(name: str) -> Markup:
    """Return a name that a narrow column breaks behind an underscore, not within a word."""
    return Markup("_<wbr>").join(name.split("_"))


def decimal(value: float, digits: int) -> str:
    """Return a number with a fixed count of digits after the point."""
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 2) -> str:
    """Return a number, of decibels if nothing else is said, with a sign unless it shows as zero."""
    text = decimal(value, digits)
    return f"+{text}" if value > 0 and text != decimal(0, digits) else text


def describe_method(name: str) -> str:
    """Return what a classical method is called, with the benchmark if its name has one."""
    method, _, benchmark = name.partition("@")
    words = METHODS.get(method, method)
    return f"{words} ({benchmark})" if benchmark else words


def describe_protocol(name: Protocol) -> str:
    """Return how a protocol measures, in a few words."""
    how: Measure = PROTOCOLS[name]
    what = "BT.601 luma, studio range (16 to 235)" if how.luma else CHANNELS[PROTOCOL_COLOURS[name]]
    rounded = (
        "clipped and rounded to 8 bits first" if how.rounded else "neither rounded nor clipped"
    )
    words = f"Compares {what}, {BORDERS[how.border]}; the restored image is {rounded}."
    if how.block is not None:
        side = f"{how.block}\N{MULTIPLICATION SIGN}{how.block}"
        words += f" Blocks of {side} pixels are measured each by itself."
    if how.ssim == "volume":
        words += " SSIM takes the channels as slices of a volume."
    return words


def describe_interval(interval: Interval) -> str:
    """Return the bounds of an interval of PSNR, with two digits after the point."""
    return f"{decimal(interval.low, 2)} to {decimal(interval.high, 2)}"


def describe_difference(found: Difference, digits: int = 2) -> str:
    """Return what a difference is worth, of decibels if nothing else is said."""
    if found.interval is None:
        return "one image: no interval" if found.images == 1 else "perfect images: no interval"
    bounds = " to ".join(
        signed(bound, digits) for bound in (found.interval.low, found.interval.high)
    )
    return f"within noise, {bounds}" if found.within_noise else bounds


def describe_sureness(found: Difference) -> str:
    """Return in few words how sure the sign of a difference is."""
    if found.interval is None:
        return "one image" if found.images == 1 else "perfect images"
    if found.within_noise:
        return "within noise"
    return "certain" if found.images >= FEWEST_FOR_SURENESS else f"on all {found.images} images"


def describe_settings(values: Mapping[str, object]) -> str:
    """Return settings in words: the names as in ``params.yaml``, with their values."""
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items() if key not in NAMES)


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        if value.keys() == {"min", "max"}:
            return f"{_plain(value['min'])} to {_plain(value['max'])}"
        inside = describe_settings(value)
        kind = str(value.get("kind", ""))
        return f"{kind} ({inside})".strip() if inside else kind
    if isinstance(value, list):
        return " / ".join(map(_plain, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def describe_way(way: str) -> str:
    """Return in words how a network restored whole images."""
    return _WAYS[way]


_WAYS = {
    "plain": "as it is",
    "self_ensemble": "as the mean of eight flips and quarter turns",
    "local_averages": "with local averages in place of those over the whole image",
    "patches": "in patches without surroundings, put together again",
}
