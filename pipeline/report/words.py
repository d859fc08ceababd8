"""Labels, names and numbers of the table in the words of the page."""

import math
import re

from pipeline.metrics import PROTOCOLS, Measure
from pipeline.params import PROTOCOL_COLOURS, Colour, Degradation, Protocol

METHODS = {
    "identity": "degraded image as it is",
    "bicubic": "bicubic interpolation",
    "nl_means": "non-local means",
    "bayes_shrink": "wavelets, BayesShrink",
    "tv": "total variation",
}
"""What a classical method is called on the page."""

DEGRADATIONS = {
    r"gaussian_([\d.-]+)": "Gaussian noise, \N{GREEK SMALL LETTER SIGMA}\N{NO-BREAK SPACE}{}",
    r"bicubic_x([\d.]+)": "Bicubic downscaling \N{MULTIPLICATION SIGN}{}",
    r"jpeg_([\d-]+)": "JPEG, quality {}",
    r"paired": "Real degradation",
}
"""What a level's label means; one that matches no pattern is shown as it is."""

CHANNELS: dict[tuple[Colour, ...], str] = {
    ("gray",): "gray values",
    ("rgb",): "all values of the three channels",
}
"""What a protocol that does not convert to luma compares, by the colours it is for."""


def decimal(value: float, digits: int) -> str:
    """Return a number with a fixed count of digits after the point."""
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """Return decibels with two digits after the point, and a sign unless they are all zero."""
    text = decimal(value, 2)
    return f"+{text}" if value > 0 and text != "0.00" else text


def describe_degradation(label: str) -> str:
    """Return what the label of a level means, such as ``gaussian_25``."""
    for pattern, words in DEGRADATIONS.items():
        match = re.fullmatch(pattern, label)
        if match:
            values = (group.replace("-", "\N{EN DASH}") for group in match.groups())
            return words.format(*values)
    return label


def describe_method(name: str) -> str:
    """Return what a classical method is called, with the benchmark if its name has one."""
    method, _, benchmark = name.partition("@")
    words = METHODS.get(method, method)
    return f"{words} ({benchmark})" if benchmark else words


def describe_protocol(name: Protocol) -> str:
    """Return how a protocol measures, in one sentence."""
    how: Measure = PROTOCOLS[name]
    what = "BT.601 luma, studio range (16 to 235)" if how.luma else CHANNELS[PROTOCOL_COLOURS[name]]
    rounded = (
        "clipped and rounded to 8 bits first" if how.rounded else "neither rounded nor clipped"
    )
    border = "without a border as wide as the scale" if how.shaved else "over the whole image"
    return f"Compares {what}, {border}; the restored image is {rounded}."


def describe_settings(section: Degradation) -> str:
    """Return the settings of a degradation in words, without its kind."""
    values = section.model_dump(exclude={"kind"})
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items())


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return f"{value['min']:g} to {value['max']:g}"
    if isinstance(value, list):
        return " / ".join(map(_plain, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
