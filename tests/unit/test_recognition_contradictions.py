"""What the sections on recognition may say wrong of one another, and what people are told."""

from copy import deepcopy
from typing import Any

import pytest

from pipeline.checking.contradictions import contradictions, warnings
from pipeline.settings.params import Params
from tests.recognition_data import DSCMR_LOSS, MODELS
from tests.unit.test_params_file import GOOD

SOURCE = "pipeline/catalogue/some"
RANDOM = {"kind": "random", "train": 0.5, "validation": 0.1}
DISJOINT = {"kind": "disjoint", "train": 0.5, "validation": 0.1, "margin": 6}
FOLDS = {"kind": "folds", "folds": 5, "test": 1, "validation": 0}

TASKS: dict[str, Any] = {
    "faces": {"kind": "images", "source": SOURCE, "split": RANDOM, "shift": 1, "mirror": True},
    "scene": {"kind": "cube", "source": SOURCE, "split": DISJOINT, "ignore": []},
    "pairs": {"kind": "features", "source": SOURCE, "split": FOLDS},
}

NOISY = {"task": "faces", "degradation": "noise"}
RESTORED = {
    "task": "faces",
    "input": "faces_noisy",
    "arch": "vdsr",
    "model": "gray",
    "weights": "denoiser",
}
ON_FACES = {
    "arch": "mobilenet_v1",
    "model": "small",
    "task": "faces",
    "train_on": "faces",
    "recipe": "classify",
    "keep": "best",
}
ON_SCENE = {**ON_FACES, "arch": "hybridsn", "task": "scene", "train_on": "scene"}
ON_PAIRS = {**ON_FACES, "arch": "dscmr", "task": "pairs", "train_on": "pairs", "recipe": "match"}


def good() -> dict[str, Any]:
    """Return params with recognition of every kind and nothing wrong."""
    content = deepcopy(GOOD)
    quick = content["recipes"]["quick"]
    content["recipes"] |= {
        "classify": {**quick, "loss": "cross_entropy"},
        "match": {**quick, "loss": DSCMR_LOSS},
    }
    content["models"] |= {
        **{arch: {"small": settings.model_dump()} for arch, settings in MODELS.items()},
        "runet": {
            "told": {"channels": 1, "widths": [4], "blocks": [1], "noise_map": True},
        },
        "edsr": {
            "twice": {
                "channels": 1,
                "width": 4,
                "blocks": 1,
                "upscale": 2,
                "residual_scale": 1.0,
                "mean": [0.5],
                "residual": False,
            }
        },
    }
    content["benchmarks"]["noise"] = [
        {**GOOD["benchmarks"]["denoise"][0], "protocols": ["gray-uint8"]}
    ]
    low = {"kind": "bicubic", "scale": 2, "quantise": False, "result": "low"}
    content["degradations"]["low"] = low
    content["pairs"]["luma_low"] = {"bank": "y_48", "degradation": "low"}
    content["benchmarks"]["low"] = [
        {**GOOD["benchmarks"]["upscale"][0], "degradation": low, "baselines": ["bicubic"]}
    ]
    denoiser = content["experiments"]["denoiser"]
    content["experiments"] |= {
        "told": {**denoiser, "arch": "runet", "model": "told"},
        "enlarger": {
            **content["experiments"]["upscaler"],
            "arch": "edsr",
            "model": "twice",
            "train_on": "luma_low",
            "test_on": "low",
        },
        "colour": {**denoiser, "model": "colour", "train_on": "colour_noise", "test_on": "real"},
    }
    content["tasks"] = {**deepcopy(TASKS), "spare": TASKS["faces"]}
    content["inputs"] = {
        "faces_noisy": NOISY,
        "scene_noisy": {**NOISY, "task": "scene"},
    }
    content["restored_inputs"] = {
        "faces_vdsr": RESTORED,
        "scene_vdsr": {**RESTORED, "task": "scene", "input": "scene_noisy"},
    }
    content["recognition"] = {
        "on_faces": ON_FACES,
        "on_faces_vdsr": {**ON_FACES, "train_on": "faces_vdsr"},
        "on_scene": ON_SCENE,
        "on_pairs": ON_PAIRS,
    }
    return content


def faults_of(**changes: Any) -> list[str]:
    """Return the faults of good params with other entries in some sections.

    Args:
        changes: Entries by section; they replace those of the same name.
    """
    content = good()
    for section, entries in changes.items():
        content[section] |= entries
    return list(contradictions(Params.model_validate(content)))


def test_good_params_have_no_faults() -> None:
    assert faults_of() == []


# ------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "section"), [("denoiser", "experiments"), ("official", "imported")]
)
def test_a_recogniser_has_a_name_of_its_own(name: str, section: str) -> None:
    official = {
        "arch": "vdsr",
        "model": "gray",
        "source": "w.pth",
        "layout": "restore",
        "test_on": "denoise",
    }

    faults = faults_of(imported={"official": official}, recognition={name: ON_FACES})

    assert faults == [
        f"recognition.{name}: {section}.{name} has this name too, and results lie by name"
    ]


def test_a_recogniser_has_no_name_of_weights_in_use_elsewhere() -> None:
    again = {
        "arch": "vdsr",
        "model": "gray",
        "weights": "denoiser",
        "way": "self_ensemble",
        "test_on": "denoise",
    }

    assert faults_of(applied={"again": again}, recognition={"again": ON_FACES}) == [
        "recognition.again: applied.again has this name too, and results lie by name"
    ]


def test_no_recogniser_is_called_random() -> None:
    assert faults_of(recognition={"random": ON_FACES}) == [
        "recognition.random: this name says of `start` that weights are random"
    ]


def test_an_input_has_not_the_name_of_a_task() -> None:
    assert faults_of(inputs={"spare": NOISY}) == [
        "inputs.spare: tasks.spare has this name too, and results lie by name"
    ]


@pytest.mark.parametrize(("name", "section"), [("spare", "tasks"), ("faces_noisy", "inputs")])
def test_a_restored_input_has_a_name_of_its_own(name: str, section: str) -> None:
    assert faults_of(restored_inputs={name: RESTORED}) == [
        f"restored_inputs.{name}: {section}.{name} has this name too, and results lie by name"
    ]


def test_an_input_may_have_the_name_of_a_recogniser() -> None:
    assert faults_of(inputs={"on_faces": NOISY}) == []


# ----------------------------------------------------------------------------- undefined


@pytest.mark.parametrize(
    ("section", "entry", "key", "fault"),
    [
        ("inputs", NOISY, "task", "task 'fases' is not defined; the nearest known one is 'faces'"),
        ("inputs", NOISY, "degradation", "degradation 'fases' is not defined; expected one of: "),
        ("restored_inputs", RESTORED, "task", "task 'fases' is not defined; the nearest known one"),
        ("restored_inputs", RESTORED, "input", "degraded input 'fases' is not defined; "),
        ("restored_inputs", RESTORED, "model", "model 'fases' is not defined; expected one of: co"),
        ("restored_inputs", RESTORED, "weights", "experiment 'fases' is not defined; expected one"),
        ("recognition", ON_FACES, "model", "model 'fases' is not defined; expected one of: small"),
        ("recognition", ON_FACES, "task", "task 'fases' is not defined; the nearest known one is"),
        ("recognition", ON_FACES, "train_on", "input 'fases' is not defined; the nearest known on"),
        ("recognition", ON_FACES, "recipe", "recipe 'fases' is not defined; expected one of: clas"),
    ],
)
def test_a_name_that_is_not_defined_is_told_once_with_its_key(
    section: str, entry: dict[str, str], key: str, fault: str
) -> None:
    (found,) = faults_of(**{section: {"new": {**entry, key: "fases"}}})

    assert found.startswith(f"{section}.new.{key}: {fault}")


def test_every_name_that_is_not_defined_is_told() -> None:
    wrong = {**ON_FACES, "task": "fases", "recipe": "fast"}

    faults = faults_of(recognition={"new": wrong})

    assert [fault.split(":")[0] for fault in faults] == [
        "recognition.new.task",
        "recognition.new.recipe",
    ]


def test_a_restored_input_is_made_of_a_degraded_one() -> None:
    (fault,) = faults_of(restored_inputs={"new": {**RESTORED, "input": "faces_vdsr"}})

    assert fault.startswith("restored_inputs.new.input: degraded input 'faces_vdsr' is not defined")


# ------------------------------------------------------------------------------- inputs


def test_features_are_not_degraded() -> None:
    assert faults_of(inputs={"new": {**NOISY, "task": "pairs"}}) == [
        "inputs.new: 'pairs' has features, and only images and cubes are degraded"
    ]


GAUSSIAN = {"kind": "gaussian", "sigma_8bit": 25, "quantise": False}
POISSON = {"kind": "poisson", "peak": 30, "quantise": False}
MIXTURE = {"kind": "mixture", "of": [GAUSSIAN, POISSON]}


@pytest.mark.parametrize(
    ("degradation", "fault"),
    [
        (MIXTURE, ".degradation: 'new' is mixture; what is recognised is degraded in one way"),
        ({"kind": "paired"}, ".degradation: 'new' is paired; what is recognised is degraded in on"),
        (
            {**GAUSSIAN, "sigma_8bit": [15, 25]},
            ".degradation: expected a single level, 'new' has gaussian_15, gaussian_25: give each",
        ),
        (
            {"kind": "bicubic", "scale": 2, "quantise": False, "result": "low"},
            ".degradation: 'new' leaves small images, but what is recognised keeps its size: choos",
        ),
    ],
)
def test_what_cannot_degrade_samples_is_refused(degradation: dict[str, Any], fault: str) -> None:
    (found,) = faults_of(
        degradations={"new": degradation}, inputs={"new": {**NOISY, "degradation": "new"}}
    )

    assert found.startswith(f"inputs.new{fault}")


@pytest.mark.parametrize(
    "degradation",
    [
        GAUSSIAN,
        {**GAUSSIAN, "sigma_8bit": [25]},
        {**GAUSSIAN, "sigma_8bit": {"min": 5, "max": 50}},
        {"kind": "bicubic", "scale": 2, "quantise": False, "result": "interpolated"},
        {"kind": "blur", "sigma_px": 1.0, "draws": 1},
    ],
)
def test_one_level_that_keeps_the_size_degrades_samples(degradation: dict[str, Any]) -> None:
    inputs = {"new": {**NOISY, "degradation": "new"}}

    assert faults_of(degradations={"new": degradation}, inputs=inputs) == []


# ------------------------------------------------------------------------------ restored


def test_a_restored_input_is_of_the_task_of_the_degraded_one() -> None:
    assert faults_of(restored_inputs={"new": {**RESTORED, "task": "scene"}}) == [
        "restored_inputs.new.task: expected that of 'faces_noisy', 'faces'; came 'scene'"
    ]


def test_samples_are_restored_by_the_network_that_was_trained() -> None:
    assert faults_of(restored_inputs={"new": {**RESTORED, "model": "colour"}}) == [
        "restored_inputs.new: expected the network of 'denoiser', vdsr.gray; came vdsr.colour"
    ]


def test_samples_are_restored_with_published_weights_too() -> None:
    official = {
        "arch": "vdsr",
        "model": "gray",
        "source": "w.pth",
        "layout": "restore",
        "test_on": "denoise",
    }
    new = {**RESTORED, "weights": "official"}

    assert faults_of(imported={"official": official}, restored_inputs={"new": new}) == []
    assert faults_of(
        imported={"official": {**official, "model": "colour", "test_on": "real"}},
        restored_inputs={"new": new},
    ) == ["restored_inputs.new: expected the network of 'official', vdsr.colour; came vdsr.gray"]


def test_a_network_that_enlarges_restores_no_samples() -> None:
    new = {**RESTORED, "arch": "edsr", "model": "twice", "weights": "enlarger"}

    assert faults_of(restored_inputs={"new": new}) == [
        "restored_inputs.new: edsr.twice makes images 2 times larger: a network for interpolated "
        "images is needed"
    ]


TOLD = {**RESTORED, "arch": "runet", "model": "told", "weights": "told", "input": "new"}


@pytest.mark.parametrize(
    "degradation", [{**GAUSSIAN, "sigma_8bit": {"min": 5, "max": 50}}, POISSON]
)
def test_a_network_is_not_told_a_level_that_is_not_known(degradation: dict[str, Any]) -> None:
    assert faults_of(
        degradations={"new": degradation},
        inputs={"new": {**NOISY, "degradation": "new"}},
        restored_inputs={"new_told": TOLD},
    ) == [
        "restored_inputs.new_told: runet.told is told the noise level, which needs Gaussian noise "
        "of one sigma: 'new' has other noise, or none"
    ]


@pytest.mark.parametrize("sigma", [25, 12.5, [25]])
def test_a_network_is_told_a_level_that_is_known(sigma: object) -> None:
    assert (
        faults_of(
            degradations={"new": {**GAUSSIAN, "sigma_8bit": sigma}},
            inputs={"new": {**NOISY, "degradation": "new"}},
            restored_inputs={"new_told": TOLD},
        )
        == []
    )


def test_a_degradation_that_is_not_defined_is_told_of_the_input_alone() -> None:
    (fault,) = faults_of(
        inputs={"new": {**NOISY, "degradation": "nois"}}, restored_inputs={"new_told": TOLD}
    )

    assert fault.startswith("inputs.new.degradation: degradation 'nois' is not defined; the near")


def test_bands_of_a_cube_are_restored_one_by_one() -> None:
    new = {
        **RESTORED,
        "task": "scene",
        "input": "scene_noisy",
        "model": "colour",
        "weights": "colour",
    }

    assert faults_of(restored_inputs={"new": new}) == [
        "restored_inputs.new: the bands of a cube are restored one by one, which needs a network "
        "with channels: 1 or shared; vdsr.colour has 3"
    ]
    faces = {**new, "task": "faces", "input": "faces_noisy"}
    assert faults_of(restored_inputs={"new": faces}) == []


# --------------------------------------------------------------------------- recognition


def test_a_network_recognises_what_it_is_for() -> None:
    wrong = {**ON_FACES, "task": "scene", "train_on": "scene"}

    assert faults_of(recognition={"new": wrong}) == [
        "recognition.new: mobilenet_v1 recognises images, task 'scene' is of kind 'cube'"
    ]


@pytest.mark.parametrize("train_on", ["scene", "scene_noisy", "scene_vdsr"])
def test_a_network_trains_on_an_input_of_its_task(train_on: str) -> None:
    assert faults_of(recognition={"new": {**ON_FACES, "train_on": train_on}}) == [
        f"recognition.new.train_on: expected 'faces' or one of its inputs, '{train_on}' is of task "
        "'scene'"
    ]


@pytest.mark.parametrize(
    ("entry", "recipe", "needed"),
    [
        (ON_FACES, "quick", "cross_entropy"),
        (ON_FACES, "match", "cross_entropy"),
        (ON_SCENE, "match", "cross_entropy"),
        (ON_PAIRS, "quick", "the losses of DSCMR"),
        (ON_PAIRS, "classify", "the losses of DSCMR"),
    ],
)
def test_a_recipe_has_the_loss_of_the_task(entry: dict[str, str], recipe: str, needed: str) -> None:
    assert faults_of(recognition={"new": {**entry, "recipe": recipe}}) == [
        f"recognition.new.recipe: expected one with {needed}; '{recipe}' has another loss"
    ]


@pytest.mark.parametrize("recipe", ["classify", "match"])
def test_a_restoring_network_has_no_loss_of_recognition(recipe: str) -> None:
    denoiser = {**GOOD["experiments"]["denoiser"], "recipe": recipe}

    assert faults_of(experiments={"denoiser": denoiser}) == [
        "experiments.denoiser.recipe: expected one whose loss is for networks that restore; that "
        f"of '{recipe}' is for networks that recognise"
    ]


@pytest.mark.parametrize(
    ("task", "split", "entry"),
    [
        ("faces", {**RANDOM, "validation": 0.0}, ON_FACES),
        ("faces", {"kind": "published", "validation": 0.0}, ON_FACES),
        ("faces", {**FOLDS, "validation": None}, ON_FACES),
        ("scene", {**DISJOINT, "validation": 0.0}, ON_SCENE),
        ("pairs", {**FOLDS, "validation": None}, ON_PAIRS),
    ],
)
def test_the_best_weights_need_a_validation_part(
    task: str, split: dict[str, Any], entry: dict[str, str]
) -> None:
    tasks = {task: {**TASKS[task], "split": split}}
    content = good()
    content["tasks"] |= tasks
    content["recognition"] = {"new": entry}

    assert list(contradictions(Params.model_validate(content))) == [
        "recognition.new.keep: the best weights are chosen on a validation part, and "
        f"tasks.{task}.split leaves none"
    ]
    content["recognition"] = {"new": {**entry, "keep": "last"}}
    assert list(contradictions(Params.model_validate(content))) == []


@pytest.mark.parametrize("margin", [0, 5])
def test_a_margin_that_windows_reach_across_is_told_once(margin: int) -> None:
    assert faults_of(
        tasks={"scene": {**TASKS["scene"], "split": {**DISJOINT, "margin": margin}}},
        recognition={"again": ON_SCENE},
    ) == [
        "tasks.scene.split.margin: expected 6 or more, so that no window of hybridsn.small reaches "
        f"from one part into another; came {margin}"
    ]


def test_parts_drawn_at_random_have_no_margin() -> None:
    assert faults_of(tasks={"scene": {**TASKS["scene"], "split": RANDOM}}) == []


# ------------------------------------------------------------------------- the literature


@pytest.mark.parametrize("name", ["hybridsn", "HybridSM"])
def test_a_system_that_nobody_published_is_refused(name: str) -> None:
    (fault,) = faults_of(recognition={"new": {**ON_SCENE, "compare_with": name}})

    assert fault.startswith(
        "recognition.new.compare_with: pipeline/literature/published_recognition.csv has no system "
        f"'{name}'; the nearest are "
    )
    assert "HybridSN" in fault


@pytest.mark.parametrize("name", ["HybridSN", "DSCMR", "MobileNetV2 (course)", None])
def test_a_published_system_stands_beside_a_recogniser(name: str | None) -> None:
    assert faults_of(recognition={"new": {**ON_SCENE, "compare_with": name}}) == []


# ---------------------------------------------------------------------------- warnings


def warnings_of(weights: str, source: str) -> list[str]:
    """Return the warnings where an experiment restores samples of a source.

    Args:
        weights: The experiment.
        source: Of the task.
    """
    content = good()
    denoiser = content["experiments"]["denoiser"]
    content["patches"]["mine_40"] = {**content["patches"]["gray_40"], "dataset": "mine"}
    content["pairs"]["mine"] = {"bank": "mine_40", "degradation": "noise"}
    content["experiments"]["tuned"] = {**denoiser, "train_on": "mine", "start": "denoiser"}
    content["tasks"]["faces"] = {**TASKS["faces"], "source": source}
    content["restored_inputs"] = {"faces_vdsr": {**RESTORED, "weights": weights}}
    found = warnings(Params.model_validate(content))
    return [warning for warning in found if warning.startswith("restored_inputs")]


@pytest.mark.parametrize(
    ("weights", "source", "learnt", "dataset"),
    [
        ("denoiser", "c.csv", "denoiser", "train"),
        ("tuned", "photos/", "tuned", "mine"),
        ("tuned", "c.csv", "denoiser", "train"),
    ],
    ids=["its own", "a folder", "what it started from"],
)
def test_samples_restored_by_what_learnt_from_them_are_a_warning(
    weights: str, source: str, learnt: str, dataset: str
) -> None:
    (found,) = warnings_of(weights, source)

    assert found.startswith(
        f"restored_inputs.faces_vdsr: experiment '{learnt}' trained on data set '{dataset}', whose "
        "source is that of task 'faces'"
    )


def test_samples_restored_by_what_learnt_from_others_are_no_warning() -> None:
    assert warnings_of("tuned", SOURCE) == []
    assert warnings_of("denoiser", "photos") == []
