"""The schema by itself; ``test_params_file.py`` has what people may write wrong."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.checking.editor_schema import described_schema, editor_schema
from pipeline.checking.params_page import params_page
from pipeline.degradations.settings import Degradation, FloatRange, Gaussian, Jpeg, QualityRange
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.edsr.settings import EDSR
from pipeline.models.edsr_denoising.settings import EDSRDenoising
from pipeline.models.hybridsn.settings import HybridSN
from pipeline.models.mrdn.settings import MRDN
from pipeline.models.mwrcanet.settings import MWRCANet
from pipeline.models.parts.settings import Model
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.models.rednet.settings import RedNet
from pipeline.models.srcnn.settings import SRCNN
from pipeline.models.vdsr.settings import VDSR
from pipeline.section import Section
from pipeline.settings.architectures import NETWORKS, RECOGNISERS, Models
from pipeline.settings.outside import Outside
from pipeline.settings.params import (
    Adam,
    Applied,
    Colour,
    Dataset,
    Experiment,
    Imported,
    Params,
    Recipe,
    Recognition,
    Resources,
    Trial,
)
from pipeline.settings.programs import Program
from pipeline.settings.tasks import DscmrLoss, FoldSplit, RandomSplit


def subclasses(kind: type[Section]) -> Iterator[type[Section]]:
    for found in kind.__subclasses__():
        yield found
        yield from subclasses(found)


SCHEMA = ("pipeline.degradations.settings", "pipeline.models", "pipeline.settings")

BASES = {Model, Models.__base__, Recogniser, *Recogniser.__subclasses__()} - {*RECOGNISERS.values()}
"""Of other sections, and none themselves."""

SECTIONS: list[type[Section]] = sorted(
    (
        kind
        for kind in subclasses(Section)
        if kind.__module__.startswith(SCHEMA)
        and kind not in BASES
        and not kind.__name__.startswith("_")
    ),
    key=lambda kind: kind.__name__,
)

DEFAULTS_ALLOWED = {
    *((Models, arch) for arch in (*NETWORKS, *RECOGNISERS)),
    (Trial, "perceptual"),
    (Experiment, "compare_with"),
    (Imported, "compare_with"),
    (Imported, "entry"),
    (Applied, "compare_with"),
    (Program, "compare_with"),
    (Outside, "compare_with"),
    (Recognition, "compare_with"),
    (Resources, "train"),
}
"""An architecture that nobody uses may be left out, and so may a row of the literature, and
perceptual measures, which are then not taken; and the entry of a file, in place of which a rule is
followed, in code that the stage depends on. One process trains where nothing is said of several."""

SRCNN_915 = {
    "channels": 1,
    "widths": [64, 32],
    "kernels": [9, 1, 5],
    "initial": "paper",
    "residual": False,
}

EDSR_BASELINE = {
    "channels": 3,
    "width": 64,
    "blocks": 16,
    "upscale": 2,
    "residual_scale": 1.0,
    "mean": [0.4488, 0.4371, 0.4040],
    "residual": False,
}

EDSR_CORRECTED = {
    "channels": 3,
    "width": 8,
    "blocks": 2,
    "slope": 0.0,
    "block_end_activation": False,
    "block_pooling": False,
    "block_skip": True,
    "residual_scale": 0.1,
    "body_end_activation": False,
    "tail": "plain",
    "residual": True,
}

MWRCANET = {
    "channels": 3,
    "widths": [4, 8, 8],
    "blocks": 2,
    "reduction": 4,
    "second_kernel": 3,
    "group_residual": "sum",
    "orthonormal": True,
    "prelu": "shared",
    "last_activation": False,
}

MRDN_SMALL = {
    "channels": 1,
    "width": 8,
    "growth": 4,
    "layers": 2,
    "blocks": 2,
    "pyramid_entry": False,
    "rates": [6, 12],
    "pooling": "image",
    "repeated": False,
    "dropout": 0.0,
    "residual": True,
}

HYBRIDSN_SMALL = {
    "window": 9,
    "components": 10,
    "whiten": False,
    "fit_on": "train",
    "spectral": [[2, 5], [2, 3]],
    "spatial": [4],
    "hidden": [8],
    "dropout": 0.4,
    "hidden_activation": True,
}

FOLDS = {"kind": "folds", "folds": 5, "test": 0, "validation": 1}

DEGRADATION: TypeAdapter[Degradation] = TypeAdapter(Degradation)
DATASET: TypeAdapter[Dataset] = TypeAdapter(Dataset)


@pytest.mark.parametrize("section", SECTIONS)
def test_no_value_is_hidden_in_the_schema(section: type[Section]) -> None:
    optional = {
        (section, name) for name, field in section.model_fields.items() if not field.is_required()
    }

    assert optional <= DEFAULTS_ALLOWED


@pytest.mark.parametrize("section", SECTIONS)
def test_section_takes_no_unknown_keys_and_no_near_types(section: type[Section]) -> None:
    assert section.model_config["extra"] == "forbid"
    assert section.model_config["strict"]
    assert section.model_config["frozen"]


def test_every_section_can_be_reached_from_the_whole() -> None:
    reachable = set(Params.model_json_schema()["$defs"]) | {"Params"}

    assert {section.__name__ for section in SECTIONS} == reachable


def test_schema_for_editors_is_the_one_that_validates(root: Path) -> None:
    published = json.loads((root / "pipeline" / "checking" / "params.schema.json").read_text())

    published.pop("$schema", None)
    assert published == editor_schema()


def test_an_editor_says_what_a_key_means() -> None:
    schema = editor_schema()

    recipe = schema["$defs"]["Recipe"]["properties"]
    assert recipe["augment"]["description"].startswith("Flip and turn each patch")
    assert schema["properties"]["recipes"]["description"] == "How networks are trained."


def test_the_reference_for_people_is_up_to_date_and_has_every_key(root: Path) -> None:
    page = (root / "docs/params.md").read_text(encoding="utf-8")

    assert page == params_page() + "\n"
    schema = described_schema()
    keys = {key for one in schema["$defs"].values() for key in one.get("properties", ())}
    known = set(schema["$defs"]["Models"]["properties"])
    assert {f"| `{key}`" in page or f"| `{key}` (optional)" in page for key in keys - known} == {
        True
    }
    assert {f"`{arch}`: entries by name" in page for arch in known} == {True}
    for target in re.findall(r"\(#([a-z0-9_]+)\)", page):
        assert re.search(rf"^##+ {target}$", page, re.MULTILINE | re.IGNORECASE), target


def test_the_schema_for_editors_knows_entries_that_are_like_others() -> None:
    recipe = editor_schema()["$defs"]["Recipe"]

    assert set(recipe["properties"]) == {"<<", *Recipe.model_fields}
    assert recipe["anyOf"] == [{"required": ["<<"]}, {"required": list(Recipe.model_fields)}]
    assert recipe["additionalProperties"] is False


def test_schema_loads_without_numpy_and_torch() -> None:
    program = (
        "import sys, pipeline.checking.params_file; "
        "print(*{'numpy', 'torch', 'mlflow'} & set(sys.modules))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == ""


def test_values_cannot_be_changed_afterwards() -> None:
    settings = VDSR(channels=1, width=8, depth=3)

    with pytest.raises(ValidationError, match="frozen"):
        settings.width = 9  # type: ignore[misc]


# ----------------------------------------------------------------------------- values

NOISE = {"kind": "gaussian", "sigma_8bit": 25, "quantise": False}
SMALL = {"kind": "bicubic", "scale": 2, "quantise": False, "result": "low"}
FULL = {**SMALL, "result": "interpolated"}
BLUR = {"kind": "blur", "sigma_px": {"min": 1, "max": 2}, "draws": 1}


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "gaussian", "sigma_8bit": -1, "quantise": False},
        {"kind": "gaussian", "sigma_8bit": [], "quantise": False},
        {"kind": "gaussian", "sigma_8bit": "25", "quantise": False},
        {"kind": "gaussian", "sigma_8bit": {"min": 5, "max": 5}, "quantise": False},
        {"kind": "gaussian", "sigma_8bit": {"min": -5, "max": 5}, "quantise": False},
        {"kind": "gaussian", "sigma_8bit": 25, "quantise": 1},
        {"kind": "gaussian", "sigma_8bit": 25},
        {"kind": "bicubic", "scale": 1, "quantise": False, "result": "interpolated"},
        {"kind": "bicubic", "scale": [2, 17], "quantise": False, "result": "interpolated"},
        {"kind": "bicubic", "scale": 2},
        {"kind": "jpeg", "quality": 0, "subsampling": "yuv420", "phase": "aligned", "draws": 1},
        {"kind": "jpeg", "quality": 101, "subsampling": "yuv420", "phase": "aligned", "draws": 1},
        {"kind": "jpeg", "quality": 10.5, "subsampling": "yuv420", "phase": "aligned", "draws": 1},
        {
            "kind": "jpeg",
            "quality": {"min": 50, "max": 10},
            "subsampling": "yuv420",
            "phase": "aligned",
            "draws": 1,
        },
        {"kind": "jpeg", "quality": 10, "subsampling": "4:1:1", "phase": "aligned", "draws": 1},
        {"kind": "jpeg", "quality": 10, "subsampling": "yuv420", "phase": "aligned", "draws": 2},
        {
            "kind": "jpeg",
            "quality": [10, 20],
            "subsampling": "yuv420",
            "phase": "aligned",
            "draws": 2,
        },
        {
            "kind": "jpeg",
            "quality": {"min": 5, "max": 50},
            "subsampling": "yuv420",
            "phase": "aligned",
            "draws": 0,
        },
        {"kind": "bicubic", "scale": 2, "quantise": False},
        {"kind": "bicubic", "scale": 2, "quantise": False, "result": "small"},
        {"kind": "jpeg", "quality": 10, "subsampling": "yuv420", "draws": 1},
        {"kind": "jpeg", "quality": 10, "subsampling": "yuv420", "phase": "any", "draws": 1},
        {"kind": "jpeg", "quality": 10, "subsampling": "yuv420", "phase": [3], "draws": 1},
        {"kind": "jpeg", "quality": 10, "subsampling": "yuv420", "phase": [3, 8], "draws": 1},
        {"kind": "jpeg", "quality": 10, "subsampling": "yuv420", "phase": [3, 5], "draws": 2},
        {"kind": "poisson", "peak": 0, "quantise": False},
        {"kind": "poisson", "peak": {"min": 0, "max": 5}, "quantise": False},
        {"kind": "poisson", "peak": 30},
        {"kind": "poisson_gaussian", "peak": 30, "quantise": False},
        {"kind": "poisson_gaussian", "peak": 30, "sigma_8bit": [1, 2], "quantise": False},
        {"kind": "grain", "peak": 30, "sigma_8bit": 5, "quantise": False, "draws": 1},
        {
            "kind": "grain",
            "peak": 30,
            "sigma_8bit": 5,
            "spread_px": 0,
            "quantise": False,
            "draws": 1,
        },
        {"kind": "blur", "sigma_px": 0, "draws": 1},
        {"kind": "blur", "sigma_px": 1, "draws": 2},
        {"kind": "blur", "sigma_px": {"min": 0, "max": 2}, "draws": 1},
        {"kind": "mixture", "of": [NOISE]},
        {"kind": "mixture", "of": [NOISE, {"kind": "paired"}]},
        {"kind": "mixture", "of": [NOISE, {"kind": "mixture", "of": [NOISE, SMALL]}]},
        {"kind": "sequence", "steps": [], "result": "interpolated", "draws": 1},
        {"kind": "sequence", "steps": [NOISE, SMALL], "result": "low"},
        {"kind": "sequence", "steps": [NOISE, SMALL], "draws": 1},
        {"kind": "blur"},
        {},
    ],
)
def test_impossible_degradation_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DEGRADATION.validate_python(settings)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"steps": [{**NOISE, "sigma_8bit": [15, 25]}]},
            r"step 0 \(gaussian\) must have one sigma_8bit, not a list",
        ),
        ({"steps": [NOISE, {**BLUR, "draws": 3}]}, r"draws of step 1 \(blur\) must be 1"),
        ({"steps": [NOISE, FULL], "result": "low"}, "needs a bicubic step whose result is 'low'"),
        ({"steps": [FULL, NOISE], "draws": 2}, "need a stored step that draws something"),
        ({"steps": [SMALL, NOISE], "result": "low", "draws": 2}, "need a stored step"),
    ],
)
def test_impossible_sequence_is_explained(changes: dict[str, Any], fault: str) -> None:
    settings = {"kind": "sequence", "result": "interpolated", "draws": 1, **changes}

    with pytest.raises(ValidationError, match=fault):
        DEGRADATION.validate_python(settings)


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ([BLUR, NOISE], "interpolated"),
        ([NOISE, FULL], "interpolated"),
        ([SMALL, NOISE], "interpolated"),
        ([BLUR, SMALL], "low"),
    ],
)
def test_sequence_that_stores_what_it_draws_may_have_several_draws(
    steps: list[dict[str, Any]], result: str
) -> None:
    sequence = DEGRADATION.validate_python(
        {"kind": "sequence", "steps": steps, "result": result, "draws": 4}
    )

    assert sequence.model_dump()["draws"] == 4


def test_whole_numbers_are_taken_for_levels() -> None:
    noise = DEGRADATION.validate_python(
        {"kind": "gaussian", "sigma_8bit": {"min": 0, "max": 55}, "quantise": False}
    )
    scales = DEGRADATION.validate_python(
        {"kind": "bicubic", "scale": [2, 2.5], "quantise": False, "result": "interpolated"}
    )

    assert isinstance(noise, Gaussian)
    assert noise.sigma_8bit == FloatRange(min=0.0, max=55.0)
    assert scales.model_dump() == {
        "kind": "bicubic",
        "scale": [2.0, 2.5],
        "quantise": False,
        "result": "interpolated",
    }


def test_range_of_qualities_stays_a_range_of_integers() -> None:
    jpeg = DEGRADATION.validate_python(
        {
            "kind": "jpeg",
            "quality": {"min": 5, "max": 50},
            "subsampling": "yuv420",
            "phase": "aligned",
            "draws": 6,
        }
    )

    assert isinstance(jpeg, Jpeg)
    assert jpeg.quality == QualityRange(min=5, max=50)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (DnCNN, {"channels": 0, "width": 8, "depth": 5, "batch_norm": True, "residual": True}),
        (DnCNN, {"channels": 1, "width": 0, "depth": 5, "batch_norm": True, "residual": True}),
        (DnCNN, {"channels": 1, "width": 8, "depth": 2, "batch_norm": True, "residual": True}),
        (VDSR, {"channels": 1, "width": 8, "depth": 2}),
        (RedNet, {"channels": 1, "width": 8, "depth": 2, "skips": True}),
        (RedNet, {"channels": 1, "width": 8, "depth": 9, "skips": True}),
        (SRCNN, {**SRCNN_915, "kernels": [9, 2, 5]}),
        (SRCNN, {**SRCNN_915, "kernels": [9, 5]}),
        (SRCNN, {**SRCNN_915, "widths": [64]}),
        (EDSR, {**EDSR_BASELINE, "upscale": 5}),
        (EDSR, {**EDSR_BASELINE, "mean": [0.4488]}),
        (EDSR, {**EDSR_BASELINE, "channels": "shared"}),
        (EDSR, {**EDSR_BASELINE, "residual_scale": 0.0}),
        (EDSRDenoising, {**EDSR_CORRECTED, "block_skip": False}),
        (EDSRDenoising, {**EDSR_CORRECTED, "slope": -0.1}),
        (MWRCANet, {**MWRCANET, "prelu": 20}),
        (MWRCANet, {**MWRCANET, "prelu": "pixel"}),
        (MWRCANet, {**MWRCANET, "reduction": 5}),
        (MWRCANet, {**MWRCANET, "second_kernel": 2}),
        (MWRCANet, {**MWRCANET, "widths": []}),
        (MRDN, {**MRDN_SMALL, "rates": []}),
        (MRDN, {**MRDN_SMALL, "dropout": 1.0}),
        (MRDN, {**MRDN_SMALL, "pooling": "mean"}),
        (HybridSN, {**HYBRIDSN_SMALL, "window": 8}),
        (HybridSN, {**HYBRIDSN_SMALL, "window": 5}),
        (HybridSN, {**HYBRIDSN_SMALL, "components": 6}),
        (HybridSN, {**HYBRIDSN_SMALL, "dropout": 1.0}),
        (RandomSplit, {"kind": "random", "train": 0.7, "validation": 0.3}),
        (RandomSplit, {"kind": "random", "train": 0.0, "validation": 0.3}),
        (FoldSplit, {**FOLDS, "test": 5}),
        (FoldSplit, {**FOLDS, "validation": 5}),
        (FoldSplit, {**FOLDS, "validation": 0}),
        (DscmrLoss, {"kind": "dscmr", "label": -1.0, "discrimination": 0.0, "invariance": 0.0}),
        (Adam, {"kind": "adam", "betas": [0.9], "weight_decay": 0.0}),
        (Adam, {"kind": "adam", "betas": [0.9, 1.0], "weight_decay": 0.0}),
    ],
)
def test_impossible_settings_are_refused(kind: type[Section], settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(settings)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (HybridSN, HYBRIDSN_SMALL),
        (HybridSN, {**HYBRIDSN_SMALL, "window": 7, "components": 7}),
        (RandomSplit, {"kind": "random", "train": 0.6, "validation": 0.3}),
        (FoldSplit, FOLDS),
        (FoldSplit, {**FOLDS, "test": 4, "validation": 0}),
        (FoldSplit, {**FOLDS, "validation": None}),
    ],
)
def test_settings_that_just_fit_are_taken(kind: type[Section], settings: dict[str, Any]) -> None:
    assert isinstance(kind.model_validate(settings), kind)


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "skimage", "source": "c.csv", "images": []},
        {"kind": "skimage", "source": "c.csv", "images": ["coins", "coins"]},
        {"kind": "catalogue", "source": "it's"},
        {"kind": "paired", "source": "d", "clean": "same", "degraded": "same"},
        {"kind": "paired", "source": "d", "clean": "../clean", "degraded": "degraded"},
        {"kind": "archive", "source": "d"},
    ],
)
def test_impossible_data_set_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DATASET.validate_python(settings)


@pytest.mark.parametrize("name", ["a.b", "a/b", "..", "", "-a", "a b", "a@b", "ä", "a\n"])
def test_name_that_cannot_be_a_folder_or_a_tag_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        Models.model_validate({"vdsr": {name: {"channels": 1, "width": 8, "depth": 3}}})


@pytest.mark.parametrize("name", ["a", "A-1_b", "2x", "dncnn_s25"])
def test_plain_names_are_taken(name: str) -> None:
    models = Models.model_validate({"vdsr": {name: {"channels": 1, "width": 8, "depth": 3}}})

    assert name in models.named("vdsr")


def test_colours_are_those_that_images_know() -> None:
    assert get_args(Colour) == ("gray", "y", "rgb")
