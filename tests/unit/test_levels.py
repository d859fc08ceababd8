import re
from typing import Any

import pytest
from pydantic import TypeAdapter

from pipeline.degradations.levels import (
    in_8bit,
    levels,
    reduction_of,
    scale_of,
    versions,
)
from pipeline.degradations.settings import (
    KINDS,
    Bicubic,
    Degradation,
    FloatRange,
    Gaussian,
    Jpeg,
    RealPairs,
)

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
    ({"kind": "poisson", "peak": [30, 4.5], "quantise": False}, ["poisson_30", "poisson_4.5"]),
    ({"kind": "poisson", "peak": {"min": 4, "max": 60}, "quantise": True}, ["poisson_4-60_8bit"]),
    (
        {"kind": "poisson_gaussian", "peak": [30, 60], "sigma_8bit": 5, "quantise": False},
        ["poisson_gaussian_30_5", "poisson_gaussian_60_5"],
    ),
    (
        {
            "kind": "poisson_gaussian",
            "peak": {"min": 4, "max": 60},
            "sigma_8bit": {"min": 0, "max": 9},
            "quantise": True,
        },
        ["poisson_gaussian_4-60_0-9_8bit"],
    ),
    (
        {
            "kind": "grain",
            "peak": [30, 60],
            "sigma_8bit": 5,
            "spread_px": {"min": 0.5, "max": 2},
            "quantise": True,
            "draws": 1,
        },
        ["grain_30_5_0.5-2_8bit", "grain_60_5_0.5-2_8bit"],
    ),
    ({"kind": "blur", "sigma_px": [0.5, 2], "draws": 1}, ["blur_0.5", "blur_2"]),
    (
        {
            "kind": "sequence",
            "steps": [
                {"kind": "blur", "sigma_px": {"min": 0.5, "max": 2}, "draws": 1},
                {"kind": "bicubic", "scale": 2, "quantise": False, "result": "low"},
                {"kind": "gaussian", "sigma_8bit": 5, "quantise": True},
            ],
            "result": "low",
            "draws": 3,
        },
        ["blur_0.5-2-bicubic_x2-gaussian_5_8bit"],
    ),
    (
        {
            "kind": "mixture",
            "of": [
                {"kind": "gaussian", "sigma_8bit": {"min": 0, "max": 55}, "quantise": False},
                {"kind": "bicubic", "scale": [2, 3], "quantise": False, "result": "interpolated"},
            ],
        },
        ["gaussian_0-55", "bicubic_x2", "bicubic_x3"],
    ),
    ({"kind": "paired"}, ["paired"]),
]


@pytest.mark.parametrize(("settings", "labels"), LABELS)
def test_levels_are_named_in_the_order_of_the_params(
    settings: dict[str, object], labels: list[str]
) -> None:
    assert [level.label for level in levels(ADAPTER.validate_python(settings))] == labels


NBSP, SIGMA = "\N{NO-BREAK SPACE}", "\N{GREEK SMALL LETTER SIGMA}"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("gaussian_15", f"Gaussian noise, {SIGMA}{NBSP}15"),
        ("gaussian_0-55", f"Gaussian noise, {SIGMA}{NBSP}0\N{EN DASH}55"),
        ("gaussian_2.5_8bit", f"Gaussian noise, {SIGMA}{NBSP}2.5, rounded to 8 bits"),
        ("bicubic_x1.5", "Bicubic downscaling \N{MULTIPLICATION SIGN}1.5"),
        ("bicubic_x2_8bit", "Bicubic downscaling \N{MULTIPLICATION SIGN}2, through 8 bits"),
        ("jpeg_10", "JPEG, quality 10"),
        ("jpeg_10_phase_random", "JPEG, quality 10, blocks anywhere"),
        ("jpeg_10_phase_3_0", "JPEG, quality 10, blocks from row 3, column 0"),
        ("poisson_30", f"Poisson noise, peak{NBSP}30"),
        (
            "poisson_gaussian_4-60_0-9_8bit",
            f"Poisson and Gaussian noise, peak{NBSP}4\N{EN DASH}60, {SIGMA}{NBSP}0\N{EN DASH}9, "
            "rounded to 8 bits",
        ),
        (
            "grain_30_5_0.5-2_8bit",
            f"Grain, peak{NBSP}30, {SIGMA}{NBSP}5, spread over 0.5\N{EN DASH}2{NBSP}px, "
            "rounded to 8 bits",
        ),
        ("blur_0.5", f"Gaussian blur, {SIGMA}{NBSP}0.5{NBSP}px"),
        (
            "blur_0.5-2-bicubic_x2-gaussian_5_8bit",
            f"Gaussian blur, {SIGMA}{NBSP}0.5\N{EN DASH}2{NBSP}px, "
            "then Bicubic downscaling \N{MULTIPLICATION SIGN}2, "
            f"then Gaussian noise, {SIGMA}{NBSP}5, rounded to 8 bits",
        ),
        ("paired", "Real degradation"),
    ],
)
def test_levels_are_put_in_words(label: str, words: str) -> None:
    every = [level for settings, _ in LABELS for level in levels(ADAPTER.validate_python(settings))]

    assert words in {level.words for level in every if level.label == label}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_level_has_a_label_and_words(kind: str) -> None:
    found = [
        level
        for settings, _ in LABELS
        for level in levels(ADAPTER.validate_python(settings))
        if level.settings.kind == kind
    ]

    assert found
    for level in found:
        assert level.label == level.settings.label
        assert level.words not in {"", level.label}


def test_several_levels_have_no_label_in_common() -> None:
    noise = Gaussian(kind="gaussian", sigma_8bit=[15, 25], quantise=False)

    with pytest.raises(ValueError, match=r"expected a single level, came \[15.0, 25.0\]"):
        _ = noise.label


@pytest.mark.parametrize(("settings", "labels"), LABELS)
def test_labels_are_names_of_folders(settings: dict[str, object], labels: list[str]) -> None:  # noqa: ARG001
    for level in levels(ADAPTER.validate_python(settings)):
        assert re.fullmatch(r"[a-z][a-z0-9_.-]*", level.label)


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


# -------------------------------------------------------------------------- scales

NOISE: dict[str, Any] = {"kind": "gaussian", "sigma_8bit": 25, "quantise": False}
PHOTONS: dict[str, Any] = {"kind": "poisson", "peak": 30, "quantise": False}
BLUR: dict[str, Any] = {"kind": "blur", "sigma_px": 1.5, "draws": 1}
JPEG: dict[str, Any] = {
    "kind": "jpeg",
    "quality": 10,
    "subsampling": "yuv420",
    "phase": "aligned",
    "draws": 1,
}
ANY_JPEG: dict[str, Any] = {**JPEG, "quality": {"min": 5, "max": 50}, "draws": 3}


def bicubic(scale: object, result: str = "low", *, quantise: bool = False) -> dict[str, Any]:
    return {"kind": "bicubic", "scale": scale, "quantise": quantise, "result": result}


def sequence(*steps: dict[str, Any], result: str = "interpolated", draws: int = 1) -> Any:
    return {"kind": "sequence", "steps": list(steps), "result": result, "draws": draws}


@pytest.mark.parametrize(
    ("settings", "scale", "reduction"),
    [
        (bicubic(3), 3, 3),
        (bicubic(1.7), 1.7, 1.7),
        (bicubic(3, "interpolated"), 3, 1),
        (NOISE, 1, 1),
        (JPEG, 1, 1),
        ({"kind": "paired"}, 1, 1),
        (sequence(BLUR, NOISE), 1, 1),
        (sequence(BLUR, bicubic(2), NOISE, bicubic(2), result="low"), 4, 4),
        (sequence(BLUR, bicubic(2), NOISE, bicubic(2)), 4, 1),
        (sequence(bicubic(3, "interpolated"), bicubic(2), result="low"), 2, 2),
        (sequence(bicubic(3, "interpolated"), NOISE), 1, 1),
        (sequence(bicubic(1.2), bicubic(2.5), result="low"), 3, 3),
    ],
)
def test_scale_is_lost_detail_and_reduction_is_lost_size(
    settings: dict[str, Any], scale: float, reduction: float
) -> None:
    (level,) = levels(ADAPTER.validate_python(settings))

    assert (scale_of(level), reduction_of(level)) == (scale, reduction)


# ------------------------------------------------------------------------ versions


def described(settings: dict[str, Any]) -> list[tuple[str | None, int, str | None]]:
    return [
        (
            one.stored.label if one.stored else None,
            one.draw,
            one.noise.kind if one.noise else None,
        )
        for one in versions(ADAPTER.validate_python(settings))
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (NOISE, [(None, 0, "gaussian")]),
        ({**NOISE, "sigma_8bit": [15, 25]}, [(None, 0, "gaussian")]),
        (PHOTONS, [(None, 0, "poisson")]),
        ({"kind": "paired"}, [("paired", 0, None)]),
        (bicubic([2, 3]), [("bicubic_x2", 0, None), ("bicubic_x3", 0, None)]),
        (ANY_JPEG, [("jpeg_5-50", 0, None), ("jpeg_5-50", 1, None), ("jpeg_5-50", 2, None)]),
        (sequence(NOISE), [(None, 0, "gaussian")]),
        (sequence(BLUR, NOISE), [("blur_1.5-gaussian_25", 0, "gaussian")]),
        (
            sequence({**ANY_JPEG, "draws": 1}, PHOTONS, draws=2),
            [("jpeg_5-50-poisson_30", 0, "poisson"), ("jpeg_5-50-poisson_30", 1, "poisson")],
        ),
        (sequence(NOISE, BLUR), [("gaussian_25-blur_1.5", 0, None)]),
        (
            sequence(bicubic(2), NOISE, result="low"),
            [("bicubic_x2-gaussian_25", 0, "gaussian")],
        ),
        (sequence(bicubic(2), NOISE), [("bicubic_x2-gaussian_25", 0, None)]),
    ],
)
def test_noise_is_drawn_anew_only_where_nothing_comes_after_it(
    settings: dict[str, Any], expected: list[tuple[str | None, int, str | None]]
) -> None:
    assert described(settings) == expected


def test_what_is_stored_of_a_sequence_are_the_steps_before_its_last_noise() -> None:
    (version,) = versions(ADAPTER.validate_python(sequence(BLUR, bicubic(2), NOISE, result="low")))

    assert version.stored is not None
    assert version.stored.settings == ADAPTER.validate_python(
        sequence(BLUR, bicubic(2), result="low")
    )
    assert reduction_of(version.stored) == 2


def test_versions_of_a_mixture_are_those_of_its_parts() -> None:
    parts = [NOISE, bicubic([2, 3], "interpolated"), ANY_JPEG, sequence(BLUR, PHOTONS)]

    found = described({"kind": "mixture", "of": parts})

    assert found == [version for part in parts for version in described(part)]
    assert len(found) == 1 + 2 + 3 + 1


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (JPEG, True),
        ({"kind": "paired"}, True),
        (bicubic(2), False),
        (bicubic(2, quantise=True), True),
        (bicubic(2, "interpolated", quantise=True), False),
        (BLUR, False),
        (sequence(BLUR, JPEG), True),
        (sequence(JPEG, BLUR), False),
        (sequence(JPEG, NOISE), True),
        (sequence(bicubic(2), JPEG), False),
        (sequence(bicubic(2), JPEG, result="low"), True),
        ({"kind": "mixture", "of": [NOISE, JPEG]}, True),
        ({"kind": "mixture", "of": [BLUR, JPEG]}, False),
    ],
)
def test_only_values_of_8_bits_are_stored_in_8_bits(
    settings: dict[str, Any], expected: bool
) -> None:
    assert in_8bit(versions(ADAPTER.validate_python(settings))) == expected
