import math

import pytest

from pipeline.degradations.settings import FloatRange, Gaussian
from pipeline.measuring.metrics import PROTOCOLS
from pipeline.measuring.statistics import Difference, Interval
from pipeline.report.words import (
    break_name,
    decimal,
    describe_difference,
    describe_interval,
    describe_method,
    describe_protocol,
    describe_settings,
    signed,
)
from pipeline.settings.params import Protocol


def test_methods_are_put_in_words() -> None:
    assert describe_method("nl_means") == "non-local means"
    assert describe_method("nl_means@luma") == "non-local means (luma)"
    assert describe_method("bm3d") == "BM3D"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_described_by_what_it_does(protocol: Protocol) -> None:
    words = describe_protocol(protocol)

    assert ("luma" in words) == PROTOCOLS[protocol].luma
    assert ("neither rounded" in words) != PROTOCOLS[protocol].rounded
    assert ("without a border" in words) == (PROTOCOLS[protocol].border != "none")
    assert ("Blocks" in words) == (PROTOCOLS[protocol].block is not None)


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
    recipe = {"steps": 80_000, "optimiser": {"kind": "adam", "betas": [0.9, 0.999]}}

    assert describe_settings(blind.model_dump()) == "sigma_8bit 0 to 55, quantise yes"
    assert describe_settings({"kind": "bicubic", "scale": [2.0, 3.5]}) == "scale 2 / 3.5"
    assert describe_settings(recipe) == "steps 80000, optimiser adam (betas 0.9 / 0.999)"
    assert describe_settings({"clip": {"kind": "none"}}) == "clip none"
    mixture = {"kind": "mixture", "of": [blind.model_dump(), {"kind": "blur", "sigma_px": 2.0}]}
    assert describe_settings(mixture) == (
        "of gaussian (sigma_8bit 0 to 55, quantise yes) / blur (sigma_px 2)"
    )


@pytest.mark.parametrize(
    ("mean", "interval", "words"),
    [
        (-0.1, Interval(-0.4, 0.2), "within noise, \N{MINUS SIGN}0.40 to +0.20"),
        (-0.3, Interval(-0.4, -0.2), "\N{MINUS SIGN}0.40 to \N{MINUS SIGN}0.20"),
    ],
)
def test_a_difference_says_whether_it_is_within_noise(
    mean: float, interval: Interval, words: str
) -> None:
    assert describe_difference(Difference(mean=mean, interval=interval, images=9)) == words


def test_a_difference_without_interval_says_why() -> None:
    single, perfect = (Difference(mean=1.0, interval=None, images=n) for n in (1, 9))

    assert describe_difference(single) == "one image: no interval"
    assert describe_difference(perfect) == "perfect images: no interval"


def test_intervals_have_two_digits() -> None:
    assert describe_interval(Interval(28.9, 29.456)) == "28.90 to 29.46"


def test_a_name_may_break_behind_its_underscores_and_stays_what_it_is() -> None:
    name = break_name("a_<b>_c")

    assert name == "a_<wbr>&lt;b&gt;_<wbr>c"
    assert name.striptags() == "a_<b>_c"
