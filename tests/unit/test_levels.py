import pytest
from pydantic import TypeAdapter

from pipeline.degradation_settings import (
    Bicubic,
    Degradation,
    FloatRange,
    Gaussian,
    Jpeg,
    RealPairs,
)
from pipeline.levels import levels

ADAPTER: TypeAdapter[Degradation] = TypeAdapter(Degradation)

LABELS = [
    ({"kind": "gaussian", "sigma_8bit": 25, "quantise": False}, ["gaussian_25"]),
    ({"kind": "gaussian", "sigma_8bit": 2.5, "quantise": True}, ["gaussian_2.5_8bit"]),
    (
        {"kind": "gaussian", "sigma_8bit": [50, 15.0], "quantise": False},
        ["gaussian_50", "gaussian_15"],
    ),
    (
        {"kind": "gaussian", "sigma_8bit": {"min": 0, "max": 55}, "quantise": False},
        ["gaussian_0-55"],
    ),
    (
        {"kind": "bicubic", "scale": [2, 3, 1.5], "quantise": False, "result": "interpolated"},
        ["bicubic_x2", "bicubic_x3", "bicubic_x1.5"],
    ),
    (
        {"kind": "bicubic", "scale": 2, "quantise": True, "result": "interpolated"},
        ["bicubic_x2_8bit"],
    ),
    (
        {
            "kind": "jpeg",
            "quality": [10, 40],
            "subsampling": "yuv420",
            "phase": "aligned",
            "draws": 1,
        },
        ["jpeg_10", "jpeg_40"],
    ),
    (
        {
            "kind": "jpeg",
            "quality": {"min": 5, "max": 50},
            "subsampling": "yuv444",
            "phase": "aligned",
            "draws": 6,
        },
        ["jpeg_5-50"],
    ),
    (
        {"kind": "bicubic", "scale": 2, "quantise": True, "result": "low"},
        ["bicubic_x2_8bit"],
    ),
    (
        {"kind": "jpeg", "quality": 10, "subsampling": "yuv420", "phase": [3, 0], "draws": 1},
        ["jpeg_10_phase_3_0"],
    ),
    (
        {"kind": "jpeg", "quality": 10, "subsampling": "yuv420", "phase": "random", "draws": 4},
        ["jpeg_10_phase_random"],
    ),
    ({"kind": "paired"}, ["paired"]),
]


@pytest.mark.parametrize(("settings", "labels"), LABELS)
def test_levels_are_named_in_the_order_of_the_params(
    settings: dict[str, object], labels: list[str]
) -> None:
    assert [level.label for level in levels(ADAPTER.validate_python(settings))] == labels


def test_list_becomes_single_values() -> None:
    noise = Gaussian(kind="gaussian", sigma_8bit=[15, 25, 50], quantise=True)

    found = [level.settings for level in levels(noise)]

    expected = [Gaussian(kind="gaussian", sigma_8bit=s, quantise=True) for s in (15, 25, 50)]
    assert found == expected


def test_range_stays_one_level() -> None:
    noise = Gaussian(kind="gaussian", sigma_8bit=FloatRange(min=0, max=55), quantise=False)

    (level,) = levels(noise)

    assert level.settings == noise


def test_only_drawn_qualities_are_stored_several_times() -> None:
    drawn = ADAPTER.validate_python(
        {
            "kind": "jpeg",
            "quality": {"min": 5, "max": 50},
            "subsampling": "yuv420",
            "phase": "aligned",
            "draws": 6,
        }
    )
    fixed = Jpeg(kind="jpeg", quality=[10, 20], subsampling="yuv420", phase="aligned", draws=1)

    assert [level.draws for level in levels(drawn)] == [6]
    assert [level.draws for level in levels(fixed)] == [1, 1]
    assert [
        level.draws
        for level in levels(
            Bicubic(kind="bicubic", scale=[2, 3], quantise=False, result="interpolated")
        )
    ] == [1, 1]
    assert [level.draws for level in levels(RealPairs(kind="paired"))] == [1]
