import math

import pytest

from pipeline.metrics import PROTOCOLS
from pipeline.params import Bicubic, FloatRange, Gaussian, Protocol
from pipeline.report.words import (
    decimal,
    describe_degradation,
    describe_method,
    describe_protocol,
    describe_settings,
    signed,
)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("gaussian_25", "Gaussian noise, \N{GREEK SMALL LETTER SIGMA}\N{NO-BREAK SPACE}25"),
        (
            "gaussian_0-55",
            "Gaussian noise, \N{GREEK SMALL LETTER SIGMA}\N{NO-BREAK SPACE}0\N{EN DASH}55",
        ),
        ("bicubic_x2.5", "Bicubic downscaling \N{MULTIPLICATION SIGN}2.5"),
        ("jpeg_10", "JPEG, quality 10"),
        ("paired", "Real degradation"),
        ("blur_3", "blur_3"),
    ],
)
def test_labels_of_levels_are_put_in_words(label: str, words: str) -> None:
    assert describe_degradation(label) == words


def test_methods_are_put_in_words() -> None:
    assert describe_method("nl_means") == "non-local means"
    assert describe_method("nl_means@luma") == "non-local means (luma)"
    assert describe_method("bm3d") == "bm3d"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_described_by_what_it_does(protocol: Protocol) -> None:
    words = describe_protocol(protocol)

    assert ("luma" in words) == PROTOCOLS[protocol].luma
    assert ("neither rounded" in words) != PROTOCOLS[protocol].rounded
    assert ("without a border" in words) == PROTOCOLS[protocol].shaved


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.234, "+1.23"),
        (-1.236, "\N{MINUS SIGN}1.24"),
        (0.0, "0.00"),
        (-0.001, "0.00"),
        (0.001, "0.00"),
        (math.inf, "+∞"),
        (-math.inf, "\N{MINUS SIGN}∞"),
    ],
)
def test_differences_have_a_sign(value: float, words: str) -> None:
    assert signed(value) == words


def test_numbers_have_a_fixed_count_of_digits() -> None:
    assert decimal(0.85, 4) == "0.8500"


def test_settings_are_put_in_words() -> None:
    blind = Gaussian(kind="gaussian", sigma_8bit=FloatRange(min=0, max=55), quantise=True)

    assert describe_settings(blind) == "sigma_8bit 0 to 55, quantise yes"
    assert describe_settings(Bicubic(kind="bicubic", scale=[2, 3.5])) == "scale 2 / 3.5"
