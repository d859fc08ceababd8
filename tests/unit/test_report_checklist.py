from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

import pytest

from pipeline.degradations.levels import levels
from pipeline.degradations.settings import (
    Bicubic,
    Degradation,
    FloatRange,
    Gaussian,
    Jpeg,
    RealPairs,
)
from pipeline.literature.draws import Draw
from pipeline.literature.papers import Conditions, Paper, Trained, read_papers
from pipeline.literature.published import Published
from pipeline.report.checklist import Card, Check, check_gap, likely_cause
from pipeline.settings.params import Protocol, Trial, TrialColour

DENOISING: Card = {
    "model": {"class": "DnCNN"},
    "degradation": {"kind": "gaussian", "sigma_8bit": 25.0, "quantise": False},
    "recipe": {"batch": 128},
    "parameters": 556097,
    "steps": 80000,
    "trained_on": {"bank": "bsd400_40", "images": 400, "patches": 1600, "patch_size": 40},
}
UPSCALING: Card = {
    "model": {"class": "VDSR"},
    "degradation": {
        "kind": "bicubic",
        "scale": [4.0, 2.0, 3.0],
        "quantise": False,
        "result": "interpolated",
    },
    "recipe": {"batch": 64},
    "parameters": 665921,
    "steps": 1000,
    "trained_on": {"bank": "t291_y_41", "images": 291, "patches": 1600, "patch_size": 41},
}
IMPORTED: Card = {
    "imported": {"file": "net.mat", "layout": "matconvnet"},
    "model": {"class": "DnCNN", "depth": 17, "batch_norm": False},
    "parameters": 555137,
}
NOISE = Gaussian(kind="gaussian", sigma_8bit=25.0, quantise=False)
HALF_SIZE = Bicubic(kind="bicubic", scale=2.0, quantise=False, result="interpolated")
VDSR_PAPER = read_papers()["VDSR"].model_copy(update={"steps": 1000})


def check(
    *,
    card: Card | None = DENOISING,
    paper: Paper | None = None,
    colour: TrialColour = "gray",
    degradation: Degradation = NOISE,
    protocol: Protocol = "gray-uint8",
    published: str = "gray-uint8",
    draw: Draw | None = None,
    colour_effect: float | None = None,
) -> dict[str, Check]:
    """Fill the checklist of one level; the items by name."""
    trial = Trial(
        dataset="set12",
        colour=colour,
        degradation=degradation,
        protocols=[protocol],
        baselines=[],
    )
    (level,) = levels(degradation)
    number = Published(
        system="a system",
        data_set="set12",
        degradation=level.label,
        protocol=published,
        psnr=30.0,
        ssim=None,
        from_memory=False,
        source="a paper",
    )
    checks = check_gap(
        trial=trial,
        level=level,
        protocol=protocol,
        published=number,
        paper=paper,
        card=card,
        draw=draw,
        colour_effect=colour_effect,
    )
    return {one.item: one for one in checks}


def check_denoising(**changed: Any) -> dict[str, Check]:
    return check(**{"paper": read_papers()["DnCNN-S"], **changed})


def check_upscaling(**changed: Any) -> dict[str, Check]:
    settings: dict[str, Any] = {
        "card": UPSCALING,
        "paper": VDSR_PAPER,
        "colour": "y",
        "degradation": HALF_SIZE,
        "protocol": "y-shave",
        "published": "y-shave",
    }
    return check(**{**settings, **changed})


def changed(card: Card, key: str, value: Any) -> Card:
    """Return a card with one entry changed; ``key`` is a path with dots."""
    copy: dict[str, Any] = deepcopy(dict(card))
    inside: Any = copy
    *path, last = key.split(".")
    for part in path:
        inside = inside[part]
    inside[last] = value
    return copy


def by_verdict(checks: Mapping[str, Check], verdict: str) -> list[str]:
    return [item for item, one in checks.items() if one.verdict == verdict]


def without_draw(items: Iterable[str]) -> list[str]:
    """Leave out what differs in every test with noise."""
    return [item for item in items if item != "noise draw"]


@pytest.mark.parametrize("run", [check_denoising, check_upscaling])
def test_a_run_that_equals_the_paper_has_the_same_everywhere(
    run: Callable[..., dict[str, Check]],
) -> None:
    checks = run()

    assert by_verdict(checks, "same") == without_draw(checks)
    assert len(checks) >= 8
    assert (
        likely_cause(one for one in checks.values() if one.item != "noise draw")
        == "Nothing on the checklist differs."
    )


@pytest.mark.parametrize(
    ("item", "deviation"),
    [
        ("colour space", {"colour": "rgb"}),
        ("border", {"published": "y-shave", "paper": None}),
        (
            "rounding of the noisy image",
            {"degradation": NOISE.model_copy(update={"quantise": True})},
        ),
        ("rounding of the output", {"protocol": "gray-float"}),
        ("training degradation", {"degradation": NOISE.model_copy(update={"sigma_8bit": 15.0})}),
        ("training degradation", {"card": changed(DENOISING, "degradation.sigma_8bit", 15.0)}),
        ("training degradation", {"card": changed(DENOISING, "degradation.quantise", True)}),
        (
            "training degradation",
            {"card": changed(DENOISING, "degradation.sigma_8bit", {"min": 0.0, "max": 55.0})},
        ),
        ("network size", {"card": changed(DENOISING, "parameters", 39489)}),
        ("network size", {"card": changed(DENOISING, "parameters", 555137)}),
        ("training set", {"card": changed(DENOISING, "trained_on.images", 18)}),
        ("training set", {"card": changed(DENOISING, "trained_on.patch_size", 50)}),
        ("training length", {"card": changed(DENOISING, "steps", 3000)}),
        ("training length", {"card": changed(DENOISING, "recipe.batch", 64)}),
    ],
)
def test_a_single_deviation_is_found_and_no_other(item: str, deviation: dict[str, Any]) -> None:
    checks = check_denoising(**deviation)

    assert without_draw(by_verdict(checks, "differs")) == [item]
    assert checks[item].ours != checks[item].paper
    assert checks[item].note
    assert f"the {item} (" in likely_cause(checks.values())


@pytest.mark.parametrize(
    ("item", "deviation"),
    [
        ("colour space", {"colour": "y_of_rgb"}),
        ("border", {"protocol": "y-uint8"}),
        (
            "rounding of the low-resolution image",
            {"degradation": HALF_SIZE.model_copy(update={"quantise": True})},
        ),
        ("rounding of the output", {"protocol": "y-shave-float"}),
        ("training degradation", {"card": changed(UPSCALING, "degradation.scale", [2.0, 3.0])}),
    ],
)
def test_a_single_deviation_in_upscaling_is_found_and_no_other(
    item: str, deviation: dict[str, Any]
) -> None:
    assert by_verdict(check_upscaling(**deviation), "differs") == [item]


def test_another_resize_kernel_is_found() -> None:
    tests = {"bicubic": Conditions(colours=["y"], kernel="pil", quantised=False)}

    checks = check_upscaling(paper=VDSR_PAPER.model_copy(update={"tests": tests}))

    assert by_verdict(checks, "differs") == ["resize kernel"]


@pytest.mark.parametrize("run", [check_denoising, check_upscaling])
def test_what_is_not_known_of_a_paper_is_never_the_same(
    run: Callable[..., dict[str, Check]],
) -> None:
    checks = run(paper=None, published="own-code")

    assert by_verdict(checks, "unknown") == without_draw(checks)
    assert likely_cause(checks[item] for item in without_draw(checks)).startswith(
        "Nothing on the checklist differs; not known: colour space, "
    )


@pytest.mark.parametrize(
    ("fact", "items"),
    [
        ("parameters", ["network size"]),
        ("training_images", ["training set"]),
        ("patch_size", ["training set"]),
        ("steps", ["training length"]),
        ("batch", ["training length"]),
        ("trained", ["training degradation"]),
    ],
)
def test_a_fact_that_is_missing_makes_its_item_unknown(fact: str, items: list[str]) -> None:
    paper = read_papers()["DnCNN-S"].model_copy(update={fact: None})

    checks = check_denoising(paper=paper)

    assert by_verdict(checks, "unknown") == items
    assert without_draw(by_verdict(checks, "differs")) == []


def test_a_difference_is_found_although_another_fact_is_missing() -> None:
    paper = read_papers()["DnCNN-S"].model_copy(update={"patch_size": None})

    checks = check_denoising(paper=paper, card=changed(DENOISING, "trained_on.images", 18))

    assert checks["training set"].verdict == "differs"


def test_a_card_that_does_not_say_what_it_was_trained_on_is_not_the_same() -> None:
    card = {key: value for key, value in DENOISING.items() if key != "trained_on"}

    assert check_denoising(card=card)["training set"].verdict == "unknown"


def test_size_and_length_are_said_in_numbers() -> None:
    card = changed(changed(DENOISING, "parameters", 39489), "steps", 3000)
    card = changed(card, "recipe.batch", 8)

    checks = check_denoising(card=card)

    assert checks["network size"].note == "39,489 of 556,097 parameters"
    assert checks["training length"].note == (
        "24,000 of 10,240,000 patches seen (0.2%), in batches of 8 instead of 128"
    )


def test_a_level_that_was_not_trained_for_is_the_first_cause() -> None:
    card = changed(changed(DENOISING, "steps", 100), "degradation.sigma_8bit", 15.0)

    cause = likely_cause(check_denoising(card=card).values())

    assert cause.startswith(
        "Possible: the training degradation (trained on noise of sigma 15, tested on noise of "
        "sigma 25), then the training length ("
    )


@pytest.mark.parametrize(
    ("trained", "tested", "verdict"),
    [
        ({"min": 0.0, "max": 55.0}, 50.0, "same"),
        ({"min": 0.0, "max": 55.0}, 75.0, "same"),  # neither ours nor the paper's covers it
        ({"min": 0.0, "max": 50.0}, 50.0, "differs"),
        ({"min": 0.0, "max": 50.0}, 75.0, "differs"),
        ([15.0, 25.0, 50.0], 25.0, "differs"),
    ],
)
def test_a_range_is_compared_with_the_range_of_the_paper(
    trained: Any, tested: float, verdict: str
) -> None:
    checks = check(
        card=changed(DENOISING, "degradation.sigma_8bit", trained),
        paper=read_papers()["DnCNN-B"],
        degradation=NOISE.model_copy(update={"sigma_8bit": tested}),
    )

    assert checks["training degradation"].verdict == verdict


def test_one_kind_differs_from_a_mixture() -> None:
    card = changed(DENOISING, "degradation", QUALITIES)
    jpeg = Jpeg(kind="jpeg", quality=10, subsampling="yuv420", phase="aligned", draws=1)

    found = check(card=card, paper=read_papers()["DnCNN-3"], degradation=jpeg)

    assert found["training degradation"].verdict == "differs"
    assert found["training degradation"].note == (
        "JPEG quality 5 to 99 instead of noise of sigma 0 to 55, bicubic scale 2, 3 and 4 and "
        "JPEG quality 5 to 99"
    )


NOISES = {"kind": "gaussian", "sigma_8bit": {"min": 0.0, "max": 55.0}, "quantise": False}
SCALES = {"kind": "bicubic", "scale": [2.0, 3.0, 4.0], "quantise": False, "result": "interpolated"}
QUALITIES = {
    "kind": "jpeg",
    "quality": {"min": 5, "max": 99},
    "subsampling": "yuv420",
    "phase": "aligned",
    "draws": 4,
}


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ([NOISES, SCALES, QUALITIES], "same"),
        ([QUALITIES, NOISES, SCALES], "same"),
        ([NOISES, QUALITIES], "differs"),
        ([NOISES, {**SCALES, "scale": [2.0, 3.0]}, QUALITIES], "differs"),
    ],
)
def test_a_mixture_is_compared_with_the_mixture_of_the_paper(
    parts: list[dict[str, Any]], verdict: str
) -> None:
    card = changed(DENOISING, "degradation", {"kind": "mixture", "of": parts})

    found = check(card=card, paper=read_papers()["DnCNN-3"])["training degradation"]

    assert found.verdict == verdict


def test_a_mixture_without_the_tested_degradation_does_not_cover_it() -> None:
    card = changed(DENOISING, "degradation", {"kind": "mixture", "of": [SCALES, QUALITIES]})

    found = check(card=card)["training degradation"]

    assert found.note == (
        "trained on bicubic scale 2, 3 and 4 and JPEG quality 5 to 99, tested on noise of sigma 25"
    )


@pytest.mark.parametrize(
    ("trained", "words"),
    [
        (
            {"kind": "poisson", "peak": [10.0, 30.0], "quantise": False},
            "Poisson noise of peak 10 and 30",
        ),
        ({"kind": "blur", "sigma_px": 1.5, "draws": 1}, "blur of 1.5 pixels"),
        (
            {
                "kind": "poisson_gaussian",
                "peak": {"min": 5.0, "max": 9.0},
                "sigma_8bit": 2.0,
                "quantise": False,
            },
            "Poisson and Gaussian noise of peak 5 to 9",
        ),
        (
            {"kind": "sequence", "steps": [NOISES], "result": "interpolated", "draws": 1},
            "several degradations one after the other",
        ),
    ],
)
def test_degradations_that_no_paper_of_ours_trained_on_are_described(
    trained: dict[str, Any], words: str
) -> None:
    found = check(card=changed(DENOISING, "degradation", trained))["training degradation"]

    assert found.note == f"trained on {words}, tested on noise of sigma 25"


def test_what_is_known_of_a_network_for_another_task_is_not_compared() -> None:
    # RED30 has a network for each task; only that for noise is described.
    checks = check_upscaling(paper=read_papers()["RED30"])

    found = checks["training degradation"]
    assert (found.paper, found.verdict) == ("not known", "unknown")


def test_another_kind_of_degradation_is_not_covered() -> None:
    jpeg = Jpeg(kind="jpeg", quality=10, subsampling="yuv420", phase="aligned", draws=1)

    found = check(degradation=jpeg)["training degradation"]

    assert found.note == "trained on noise of sigma 25, tested on JPEG quality 10"


def test_real_pairs_are_compared_with_real_pairs() -> None:
    paper = Paper(reference="a paper", trained=[Trained(kind="paired")])
    card = changed(DENOISING, "degradation", {"kind": "paired"})

    checks = check(
        card=card,
        paper=paper,
        colour="rgb",
        degradation=RealPairs(kind="paired"),
        protocol="sidd",
        published="sidd",
    )

    assert checks["training degradation"].verdict == "same"


TRAINING = ("training degradation", "training set", "training length")


def of_twenty_layers(layout: str) -> Card:
    """Return the card of an imported network as large as DnCNN-B and VDSR."""
    card = changed(changed(IMPORTED, "parameters", 665921), "model.depth", 20)
    return changed(card, "imported.layout", layout)


def test_nobody_knows_how_the_imported_weights_of_others_were_trained() -> None:
    checks = check(card=of_twenty_layers("cszn"), paper=read_papers()["DnCNN-B"])

    assert [checks[item].verdict for item in TRAINING] == ["unknown"] * 3


def test_the_training_of_the_weights_that_a_paper_published_is_no_cause() -> None:
    checks = check(card=of_twenty_layers("matconvnet"), paper=read_papers()["DnCNN-B"])

    assert [checks[item].verdict for item in TRAINING] == ["same"] * 3
    assert by_verdict(checks, "unknown") == []


def test_a_file_does_not_say_which_level_its_network_is_for() -> None:
    checks = check_denoising(card=IMPORTED)

    assert [checks[item].verdict for item in TRAINING] == ["unknown", "same", "same"]


def test_zeros_in_place_of_biases_do_not_make_a_network_the_same() -> None:
    found = check_denoising(card=changed(IMPORTED, "imported.layout", "saoyan"))["network size"]

    assert (found.ours, found.verdict) == ("555,137 parameters", "differs")
    assert found.note == "its file has no biases, for which zeros are counted"


def test_weights_without_biases_are_those_of_the_code_that_has_none() -> None:
    checks = check(
        card=of_twenty_layers("saoyan"),
        paper=read_papers()["DnCNN-B (SaoYan)"],
        protocol="gray-float",
        published="gray-float",
    )

    assert without_draw(by_verdict(checks, "same")) == without_draw(checks)


def test_a_network_of_other_depth_is_not_the_same() -> None:
    found = check(card=IMPORTED, paper=read_papers()["DnCNN-B"])["network size"]

    assert found.verdict == "differs"
    assert found.note == "555,137 of 665,921 parameters, 17 of 20 layers"


def test_depth_is_compared_although_the_number_of_parameters_is_not_known() -> None:
    paper = read_papers()["DnCNN-B"].model_copy(
        update={"parameters": None, "parameters_merged": None}
    )

    assert check(card=IMPORTED, paper=paper)["network size"].verdict == "differs"


def test_the_draw_of_the_noise_is_on_the_checklist_with_what_it_is_worth() -> None:
    draw = Draw(
        data_set="set12",
        degradation="gaussian_25",
        spread=0.012,
        spread_shared=0.016,
    )

    checks = check_denoising(draw=draw)

    assert by_verdict(checks, "differs") == ["noise draw"]
    assert likely_cause(checks.values()) == (
        "Possible: the noise draw (another draw moves the mean by up to 0.039 dB in 95% of the "
        "cases)."
    )


def test_a_draw_that_was_not_measured_says_so() -> None:
    assert "was not measured" in check_denoising()["noise draw"].note


def test_nothing_is_drawn_without_noise() -> None:
    assert "noise draw" not in check_upscaling()


def test_what_was_measured_stands_before_what_is_only_possible() -> None:
    checks = check_upscaling(
        colour="y_of_rgb", colour_effect=0.012, card=changed(UPSCALING, "steps", 500)
    )

    assert likely_cause(checks.values()) == (
        "The colour space makes +0.01 dB of it, as measured here. Possible: the training length "
        "(32,000 of 64,000 patches seen (50.0%))."
    )


def test_what_is_said_of_jpeg_is_not_said_of_bicubic() -> None:
    assert "JPEG" not in check_upscaling(colour="y_of_rgb")["colour space"].note
    assert "0.05 dB" in check_upscaling(colour="y_of_rgb")["colour space"].note


def test_imported_weights_may_have_their_normalisation_merged() -> None:
    checks = check_denoising(card=IMPORTED)

    assert checks["network size"].verdict == "same"


def test_a_classical_method_has_no_training_to_compare() -> None:
    checks = check(card=None, paper=read_papers()["BM3D"])

    assert by_verdict(checks, "same") == without_draw(checks)
    assert not [item for item in checks if "training" in item or "network" in item]


def test_what_is_from_memory_says_so() -> None:
    checks = check_upscaling()

    assert checks["training degradation"].paper == "bicubic scale 2, 3 and 4 (from memory)"
    assert "from memory" not in checks["network size"].paper


def test_size_and_patches_may_differ_by_level() -> None:
    card = changed(UPSCALING, "parameters", 1369859)

    checks = check_upscaling(card=card, paper=read_papers()["EDSR baseline"])

    assert checks["network size"].verdict == "same"
    assert "patches of 96x96" in checks["training set"].paper


def test_rgb_instead_of_luma_weighs_more_than_another_way_to_degrade_luma() -> None:
    rgb = check_upscaling(colour="rgb", protocol="rgb-shave")["colour space"]
    luma = check_upscaling(colour="y_of_rgb")["colour space"]

    assert rgb.weight > 1 > luma.weight > 0


def test_only_the_first_causes_are_explained() -> None:
    card = changed(changed(DENOISING, "parameters", 39489), "steps", 3000)
    card = changed(changed(card, "trained_on.images", 18), "degradation.sigma_8bit", 15.0)

    cause = likely_cause(check_denoising(card=card, protocol="gray-float").values())

    assert cause.endswith(
        ", then the training set (18 of 400 images, patches of 40x40); less so: network size, "
        "rounding of the output and noise draw."
    )


def test_a_trained_range_is_read_from_the_card() -> None:
    paper = Paper(
        reference="a paper",
        trained=[Trained(kind="gaussian", levels=FloatRange(min=0.0, max=55.0))],
    )
    card = changed(DENOISING, "degradation.sigma_8bit", {"min": 0.0, "max": 55.0})

    found = check(card=card, paper=paper)["training degradation"]

    assert (found.ours, found.verdict) == ("noise of sigma 0 to 55", "same")
