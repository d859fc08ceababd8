"""What people may write wrong in ``params.yaml``, and what they are told."""

import re
from collections.abc import Callable
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import load_yaml
from ruamel.yaml import YAML

from pipeline.checking.contradictions import contradictions, warnings
from pipeline.checking.params_file import ParamsError, load_params, read_yaml
from pipeline.degradations.settings import Gaussian
from pipeline.literature.published import SHIPPED, joined, read_published
from pipeline.measuring.protocols import places_of
from pipeline.models.vdsr.settings import VDSR
from pipeline.settings.params import Params, Recipe

OFFICIAL = {
    "arch": "vdsr",
    "model": "gray",
    "source": "weights/vdsr.pth",
    "layout": "restore",
    "test_on": "denoise",
}

PRESETS = sorted((Path(__file__).parents[2] / "pipeline" / "checking" / "presets").glob("*.yaml"))

Refuse = Callable[..., str]
"""Write params with something changed, expect that they are refused, and return the faults."""

GOOD: dict[str, Any] = {
    "seed": 0,
    "datasets": {
        "train": {"kind": "skimage", "source": "c.csv", "images": ["brick", "page"]},
        "test": {"kind": "skimage", "source": "c.csv", "images": ["camera", "coins"]},
        "mine": {"kind": "folder", "source": "photos"},
        "pairs": {"kind": "paired", "source": "p", "clean": "clean", "degraded": "degraded"},
    },
    "patches": {
        "gray_40": {
            "dataset": "train",
            "colour": "gray",
            "size": 40,
            "stride": 40,
            "scales": [1.0],
        },
        "y_48": {"dataset": "train", "colour": "y", "size": 48, "stride": 24, "scales": [1.0]},
        "rgb_40": {"dataset": "train", "colour": "rgb", "size": 40, "stride": 40, "scales": [1.0]},
        "real_40": {"dataset": "pairs", "colour": "rgb", "size": 40, "stride": 40, "scales": [1.0]},
    },
    "degradations": {
        "noise": {"kind": "gaussian", "sigma_8bit": 25, "quantise": False},
        "blind": {"kind": "gaussian", "sigma_8bit": {"min": 0, "max": 55}, "quantise": False},
        "small": {"kind": "bicubic", "scale": [2, 3], "quantise": False, "result": "interpolated"},
        "jpeg": {
            "kind": "jpeg",
            "quality": 10,
            "subsampling": "yuv420",
            "phase": "aligned",
            "draws": 1,
        },
        "real": {"kind": "paired"},
    },
    "pairs": {
        "gray_noise": {"bank": "gray_40", "degradation": "noise"},
        "luma_small": {"bank": "y_48", "degradation": "small"},
        "gray_blind": {"bank": "gray_40", "degradation": "blind"},
        "colour_noise": {"bank": "rgb_40", "degradation": "noise"},
        "real": {"bank": "real_40", "degradation": "real"},
    },
    "models": {
        "vdsr": {
            "gray": {"channels": 1, "width": 8, "depth": 10},
            "colour": {"channels": 3, "width": 8, "depth": 10},
        }
    },
    "recipes": {
        "quick": {
            "steps": 10,
            "batch": 4,
            "loss": "mse",
            "optimiser": {"kind": "adam", "betas": [0.9, 0.999], "weight_decay": 0.0},
            "learning_rate": 0.001,
            "schedule": {"kind": "constant"},
            "clip": {"kind": "none"},
            "precision": "float32",
            "compile": "never",
            "augment": True,
            "log_every": 5,
            "checkpoint_every": 5,
        }
    },
    "benchmarks": {
        "denoise": [
            {
                "dataset": "test",
                "colour": "gray",
                "degradation": {"kind": "gaussian", "sigma_8bit": [15, 25], "quantise": False},
                "protocols": ["gray-uint8"],
                "baselines": ["identity", "nl_means"],
            }
        ],
        "upscale": [
            {
                "dataset": "test",
                "colour": "y",
                "degradation": {
                    "kind": "bicubic",
                    "scale": [2, 3],
                    "quantise": False,
                    "result": "interpolated",
                },
                "protocols": ["y-shave"],
                "baselines": ["bicubic"],
            }
        ],
        "real": [
            {
                "dataset": "mine",
                "colour": "rgb",
                "degradation": {"kind": "gaussian", "sigma_8bit": 25, "quantise": True},
                "protocols": ["rgb-uint8"],
                "baselines": [],
            }
        ],
    },
    "experiments": {
        "denoiser": {
            "arch": "vdsr",
            "model": "gray",
            "train_on": "gray_noise",
            "recipe": "quick",
            "start": "random",
            "test_on": "denoise",
        },
        "upscaler": {
            "arch": "vdsr",
            "model": "gray",
            "train_on": "luma_small",
            "recipe": "quick",
            "start": "random",
            "test_on": "upscale",
        },
    },
    "imported": {},
    "applied": {},
    "programs": {},
    "outside": {},
    "tasks": {},
    "inputs": {},
    "restored_inputs": {},
    "recognition": {},
    "accepted_overlaps": [],
    "inference": {"tile": 64, "precision": "float32"},
    "resources": {"threads": 2},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return good params with one value set, or with one key removed when it is ``...``."""
    content = deepcopy(GOOD)
    node: Any = content
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("/"))
    for key in parents:
        node = node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return content


def as_yaml(content: Any) -> str:
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(content, stream)
    return stream.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


@pytest.fixture
def refuse(file: Path) -> Refuse:
    def refused(path: str, value: Any) -> str:
        file.write_text(as_yaml(changed(path, value)))
        with pytest.raises(ParamsError) as caught:
            load_params(file)
        head, *faults = str(caught.value).splitlines()
        assert head == f"{file} has {len(faults)} fault(s):"
        return "\n".join(fault.removeprefix("  ") for fault in faults)

    return refused


# ------------------------------------------------------------------------------- good


def test_good_params_are_read(file: Path) -> None:
    file.write_text(as_yaml(GOOD))

    params = load_params(file)

    assert params.experiments["denoiser"].arch == "vdsr"
    assert params.datasets["mine"].kind == "folder"


def test_project_runs_with_params_that_are_valid(root: Path) -> None:
    assert isinstance(load_params(root / "params.yaml"), Params)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_a_system_that_a_preset_names_has_numbers_for_its_tests(preset: Path) -> None:
    params = load_params(preset)
    numbers = joined(read_published(SHIPPED)).keys()

    for name, experiment in params.experiments.items():
        system = experiment.compare_with
        places = places_of(params.benchmarks[experiment.test_on])
        assert system is None or any((system, *place) in numbers for place in places), name


def test_there_are_presets() -> None:
    assert {path.stem for path in PRESETS} >= {"quick", "smoke", "paper"}


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_preset_is_valid(path: Path) -> None:
    assert isinstance(load_params(path), Params)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_preset_fetches_and_cuts_nothing_that_none_of_its_experiments_uses(path: Path) -> None:
    params = load_params(path)

    experiments = params.experiments.values()
    trials = [trial for trials in params.benchmarks.values() for trial in trials]
    datasets = {bank.dataset for bank in params.patches.values()}
    datasets |= {trial.dataset for trial in trials}
    assert set(params.pairs) == {experiment.train_on for experiment in experiments}
    assert set(params.patches) == {pairs.bank for pairs in params.pairs.values()}
    recognition = params.recognition.values()
    used = {pairs.degradation for pairs in params.pairs.values()}
    used |= {given.degradation for given in params.inputs.values()}
    assert set(params.degradations) == used
    recipes = {one.recipe for one in experiments} | {one.recipe for one in recognition}
    assert set(params.recipes) == recipes
    assert set(params.datasets) == datasets


# ----------------------------------------------------------------------------- no YAML


def test_missing_file_is_named(file: Path) -> None:
    with pytest.raises(ParamsError, match=f"^{re.escape(str(file))}: cannot be read: No such file"):
        load_params(file)


def test_folder_in_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=f"^{re.escape(str(tmp_path))}: cannot be read: Is a dir"):
        load_params(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "seed: [1\n",
        "seed: 1\nseed: 2\n",
        "\tseed: 1\n",
        "seed: 1\n--- \nseed: 2\n",
        "seed: !!python/object:os.system ls\n",
        "seed: *nowhere\n",
        "seed: \x07\n",
        f"seed: {'9' * 5000}\n",
        f"seed: {'[' * 100_000}",
    ],
    ids=["bracket", "twice", "tab", "documents", "tag", "alias", "control", "endless", "deep"],
)
def test_text_that_is_not_yaml_is_refused(file: Path, text: str) -> None:
    file.write_text(text)

    with pytest.raises(ParamsError, match=f"^{re.escape(str(file))}: expected YAML, but "):
        load_params(file)


def test_syntax_error_names_its_line(file: Path) -> None:
    file.write_text("seed: 1\nmodels: {a: [}\n")

    with pytest.raises(ParamsError, match="line 2"):
        load_params(file)


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    file.write_bytes(b"seed: \xff\xfe\n")

    with pytest.raises(ParamsError, match="expected YAML"):
        load_params(file)


@pytest.mark.parametrize(("text", "came"), [("", "None"), ("- 1\n- 2\n", "a list"), ("5\n", "5")])
def test_file_that_is_no_mapping_is_refused(file: Path, text: str, came: str) -> None:
    file.write_text(text)

    with pytest.raises(ParamsError, match=rf"\(the whole file\): .*dictionary.*; came {came}$"):
        load_params(file)


# ------------------------------------------------------------------- rules of YAML 1.2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("012", 12),
        ("0o12", 10),
        ("12:30:45", "12:30:45"),
        ("~", None),
    ],
)
def test_values_follow_yaml_1_2_as_they_do_for_dvc(file: Path, text: str, value: object) -> None:
    file.write_text(f"key: {text}\n")

    read = read_yaml(file)["key"]

    assert (read, type(read)) == (value, type(value))
    assert read == load_yaml(file)["key"]


def test_number_without_a_point_is_a_learning_rate(file: Path) -> None:
    text = as_yaml(GOOD).replace("learning_rate: 0.001", "learning_rate: 1e-3")
    file.write_text(text)

    assert load_params(file).recipes["quick"].learning_rate == 0.001


# ------------------------------------------------------------------- faults of one key


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("sed", "sed: unknown key; the nearest known one is 'seed'"),
        ("recipes/quick/step", "recipes.quick.step: unknown key; the nearest known one is 'steps'"),
        (
            "recipes/quick/optimiser/beta",
            "recipes.quick.optimiser.beta: unknown key; the nearest known one is 'betas'",
        ),
        (
            "degradations/blind/sigma_8bit/mx",
            "degradations.blind.sigma_8bit.mx: unknown key; the nearest known one is 'max'",
        ),
        (
            "benchmarks/denoise/0/protocol",
            "benchmarks.denoise.0.protocol: unknown key; the nearest known one is 'protocols'",
        ),
        (
            "benchmarks/denoise/0/degradation/sigma",
            "benchmarks.denoise.0.degradation.sigma: unknown key; "
            "the nearest known one is 'sigma_8bit'",
        ),
        ("models/vdrs", "models.vdrs: unknown key; the nearest known one is 'vdsr'"),
        (
            "models/vdsr/gray/dept",
            "models.vdsr.gray.dept: unknown key; the nearest known one is 'depth'",
        ),
        (
            "inference/cats",
            "inference.cats: unknown key; expected one of: precision, tile",
        ),
        (
            "degradations/small/quality",
            "degradations.small.quality: unknown key; the nearest known one is 'quantise'",
        ),
    ],
)
def test_unknown_key_is_named_with_the_nearest_known_one(
    refuse: Refuse, path: str, fault: str
) -> None:
    assert fault in refuse(path, 1).splitlines()


@pytest.mark.parametrize(
    "path",
    [
        "seed",
        "recipes",
        "recipes/quick/loss",
        "experiments/denoiser/model",
        "datasets/train/source",
        "datasets/train/kind",
        "degradations/noise/kind",
        "degradations/noise/quantise",
        "patches/gray_40/scales",
        "inference/tile",
        "benchmarks/denoise/0/baselines",
    ],
)
def test_missing_key_is_named(refuse: Refuse, path: str) -> None:
    key = path.replace("/", ".")

    assert refuse(path, ...) == f"{key}: missing; expected a value for this key"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("seed", "0", "valid integer; came '0'"),
        ("seed", 1.5, "valid integer; came 1.5"),
        ("seed", True, "valid integer; came True"),
        ("seed", -1, "greater than or equal to 0; came -1"),
        ("seed", None, "valid integer; came None"),
        ("recipes/quick/steps", 0, "greater than 0; came 0"),
        ("recipes/quick/augment", "on", "valid boolean; came 'on'"),
        ("recipes/quick/learning_rate", "fast", "valid number; came 'fast'"),
        ("recipes/quick/learning_rate", 0, "greater than 0; came 0"),
        ("recipes/quick/learning_rate", float("nan"), "a finite number; came nan"),
        ("recipes/quick/loss", "l2", "'mse', 'l1', 'half_sse' or 'cross_entropy'; came 'l2'"),
        ("recipes/quick/optimiser/betas", [0.9], "at least 2 items"),
        ("patches/gray_40/scales", [], "at least 1 item"),
        ("patches/gray_40/size", [40], "valid integer; came a list"),
        ("models/vdsr/gray", 5, "; came 5"),
        ("models/vdsr/gray/depth", 2, "greater than or equal to 3; came 2"),
        ("experiments/denoiser/arch", "vdrs", "'dncnn', 'edsr', 'edsr_denoising', "),
        ("benchmarks", {}, "at least 1 item"),
        ("experiments", None, "valid dictionary; came None"),
        ("benchmarks/denoise", [], "at least 1 item"),
        ("benchmarks/denoise/0/protocols", ["psnr"], "'gray-uint8'"),
        ("benchmarks/denoise/0/baselines", ["bm4d"], "'identity'"),
        (
            "degradations/noise/kind",
            "gausian",
            "'jpeg', 'blur', 'sequence', 'mixture', 'paired'; came 'gausian'",
        ),
        ("datasets/train/kind", 5, "; came 5"),
        ("datasets/mine/source", "-rf", "the first no - (write ./-NAME); came '-rf'"),
        ("datasets/mine/source", 5, "expected a text, YAML reads this as a number; quote it"),
        ("degradations/blind/sigma_8bit", {"min": 9, "max": 2}, "min (9) must be below max (2)"),
        (
            "degradations/jpeg",
            {
                "kind": "jpeg",
                "quality": 10,
                "subsampling": "yuv420",
                "phase": "aligned",
                "draws": 3,
            },
            "draws above 1 need a quality range",
        ),
    ],
)
def test_wrong_value_is_named_with_what_was_expected(
    refuse: Refuse, path: str, value: Any, expected: str
) -> None:
    faults = refuse(path, value)

    key = path.replace("/", ".")
    assert any(fault.startswith(key) and expected in fault for fault in faults.splitlines()), faults


@pytest.mark.parametrize(
    ("path", "name"),
    [("experiments/my net", "'my net'"), ("recipes/a.b", "'a.b'"), ("patches/", "''")],
)
def test_name_that_cannot_be_used_is_named(refuse: Refuse, path: str, name: str) -> None:
    section = path.split("/")[0]
    content = next(iter(GOOD[section].values()))

    assert "expected a name of letters" in (faults := refuse(path, content))
    assert faults.endswith(f"; came {name}")


def test_name_that_is_a_number_is_named(file: Path) -> None:
    content = deepcopy(GOOD)
    content["recipes"][25] = content["recipes"]["quick"]
    file.write_text(as_yaml(content))

    with pytest.raises(
        ParamsError,
        match=r"recipes\.25 \(line \d+\): .*reads this name as a number; quote it: \"25\"",
    ):
        load_params(file)


def test_all_faults_are_listed_at_once(file: Path) -> None:
    content = changed("seed", "x")
    content["recipes"]["quick"]["steps"] = 0
    content["inference"]["tiles"] = 3
    file.write_text(as_yaml(content))

    with pytest.raises(ParamsError) as caught:
        load_params(file)

    lines = str(caught.value).splitlines()
    assert lines[0].endswith("has 3 fault(s):")
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "seed",
        "recipes.quick.steps",
        "inference.tiles",
    ]


# -------------------------------------------------------------- faults between the keys


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (
            "experiments/denoiser/model",
            "grey",
            "model 'grey' is not defined; the nearest known one is 'gray'",
        ),
        (
            "experiments/denoiser/arch",
            "dncnn",
            "model 'gray' is not defined; expected one of: (none is defined)",
        ),
        (
            "experiments/denoiser/train_on",
            "gray_nois",
            "entry of pairs 'gray_nois' is not defined; the nearest known one is 'gray_noise'",
        ),
        (
            "pairs/gray_noise/bank",
            "gray_41",
            "patch bank 'gray_41' is not defined; the nearest known one is 'gray_40'",
        ),
        (
            "pairs/gray_noise/degradation",
            "nois",
            "degradation 'nois' is not defined; the nearest known one is 'noise'",
        ),
        (
            "experiments/denoiser/recipe",
            "slow",
            "recipe 'slow' is not defined; expected one of: quick",
        ),
        (
            "experiments/denoiser/test_on",
            "denoisse",
            "benchmark 'denoisse' is not defined; the nearest known one is 'denoise'",
        ),
        (
            "patches/gray_40/dataset",
            "trains",
            "data set 'trains' is not defined; the nearest known one is 'train'",
        ),
        (
            "benchmarks/denoise/0/dataset",
            "tests",
            "data set 'tests' is not defined; the nearest known one is 'test'",
        ),
    ],
)
def test_undefined_name_is_named_with_the_nearest_known_one(
    refuse: Refuse, path: str, value: str, fault: str
) -> None:
    key = path.replace("/", ".")
    if path.endswith("arch"):
        key = "experiments.denoiser.model"

    assert refuse(path, value) == f"{key}: {fault}"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (
            "patches/gray_40/stride",
            41,
            "patches.gray_40.stride: expected at most the size (40), so that the patches cover the "
            "image; came 41",
        ),
        (
            "experiments/denoiser/train_on",
            "colour_noise",
            "experiments.denoiser: model vdsr.gray has 1 channel(s), the patches of 'colour_noise' "
            "(rgb) have 3",
        ),
        (
            "benchmarks/denoise/0/protocols",
            ["rgb-uint8"],
            "benchmarks.denoise.0.protocols: rgb-uint8 measures images in rgb; this trial's colour "
            "is gray",
        ),
        (
            "benchmarks/upscale/0/protocols",
            ["gray-float"],
            "benchmarks.upscale.0.protocols: gray-float measures images in gray; this trial's "
            "colour is y",
        ),
        (
            "benchmarks/upscale/0/degradation",
            {
                "kind": "jpeg",
                "quality": 10,
                "subsampling": "yuv420",
                "phase": "aligned",
                "draws": 1,
            },
            "benchmarks.upscale.0.protocols: y-shave is for bicubic degradation; this trial's is "
            "jpeg",
        ),
        (
            "benchmarks/real/0/protocols",
            ["sidd"],
            "benchmarks.real.0.protocols: sidd is for paired degradation; this trial's is gaussian",
        ),
        (
            "benchmarks/upscale/0/baselines",
            ["tv"],
            "benchmarks.upscale.0.baselines: tv cannot undo bicubic degradation of these levels; "
            "'identity' applies to all",
        ),
        (
            "benchmarks/upscale/0/baselines",
            ["lanczos"],
            "benchmarks.upscale.0.baselines: lanczos cannot undo bicubic degradation of these "
            "levels; 'identity' applies to all",
        ),
        (
            "benchmarks/denoise/0/baselines",
            ["bicubic"],
            "benchmarks.denoise.0.baselines: bicubic cannot undo gaussian degradation of these "
            "levels; 'identity' applies to all",
        ),
        (
            "benchmarks/denoise/0/degradation/sigma_8bit",
            {"min": 0, "max": 55},
            "benchmarks.denoise.0.baselines: nl_means cannot undo gaussian degradation of these "
            "levels; 'identity' applies to all",
        ),
        (
            "benchmarks/denoise/0/degradation/sigma_8bit",
            [15, 15.0],
            "benchmarks.denoise.0.degradation: benchmarks.denoise.0 has level gaussian_15 of data "
            "set 'test' already; put one of them into a benchmark of its own",
        ),
        (
            "benchmarks/real/0/degradation",
            {"kind": "paired"},
            "benchmarks.real.0: degradation kind 'paired' needs a data set with degraded partners; "
            "'mine' is of kind 'folder'",
        ),
        (
            "pairs/gray_noise/degradation",
            "real",
            "pairs.gray_noise: degradation kind 'paired' needs a data set with degraded "
            "partners; 'train' is of kind 'skimage'",
        ),
        (
            "experiments/denoiser/test_on",
            "real",
            "experiments.denoiser: model vdsr.gray has 1 channel(s), benchmarks.real.0 (rgb) has 3",
        ),
        (
            "benchmarks/denoise/0/dataset",
            "train",
            "experiments.denoiser: trains on data set 'train', which benchmarks.denoise.0 tests on",
        ),
        (
            "datasets/test/images",
            ["coins", "page"],
            "experiments.denoiser: trains on images that benchmarks.denoise.0 tests on: page (in "
            "'train' and 'test')",
        ),
    ],
)
def test_impossible_combination_is_explained(
    refuse: Refuse, path: str, value: Any, fault: str
) -> None:
    assert fault in refuse(path, value).splitlines()


def test_same_folder_under_two_names_is_not_for_training_and_testing(file: Path) -> None:
    content = changed("datasets/again", {"kind": "folder", "source": "photos"})
    content["patches"]["gray_40"]["dataset"] = "again"
    content["benchmarks"]["denoise"][0]["dataset"] = "mine"
    file.write_text(as_yaml(content))

    with pytest.raises(ParamsError, match=r"'again' and 'mine' .* have the same source, photos"):
        load_params(file)


def test_pairs_in_other_folders_of_the_same_place_may_be_trained_and_tested_on(file: Path) -> None:
    pairs = GOOD["datasets"]["pairs"]
    content = changed("datasets/others", {**pairs, "clean": "clean_2", "degraded": "degraded_2"})
    content["patches"]["gray_40"]["dataset"] = "pairs"
    content["benchmarks"]["denoise"][0]["dataset"] = "others"
    file.write_text(as_yaml(content))

    assert load_params(file).datasets["others"].source == pairs["source"]


def test_trials_that_would_overwrite_one_another_are_refused(refuse: Refuse) -> None:
    trial = GOOD["benchmarks"]["denoise"][0]
    noise = {"kind": "gaussian", "sigma_8bit": 25, "quantise": False}

    faults = refuse("benchmarks/denoise", [trial, {**trial, "degradation": noise}])

    assert faults.startswith(
        "benchmarks.denoise.1.degradation: benchmarks.denoise.0 has level gaussian_25"
    )


def test_rounding_to_8_bits_is_a_level_of_its_own(file: Path) -> None:
    trial = GOOD["benchmarks"]["denoise"][0]
    noise = {"kind": "gaussian", "sigma_8bit": 25, "quantise": True}
    file.write_text(
        as_yaml(changed("benchmarks/denoise", [trial, {**trial, "degradation": noise}]))
    )

    assert len(load_params(file).benchmarks["denoise"]) == 2


def test_trials_of_different_sets_or_levels_are_fine(file: Path) -> None:
    trial = GOOD["benchmarks"]["denoise"][0]
    content = changed("benchmarks/denoise", [trial, {**trial, "dataset": "mine"}])
    noise = {"kind": "gaussian", "sigma_8bit": 50, "quantise": True}
    content["benchmarks"]["denoise"].append({**trial, "degradation": noise})
    file.write_text(as_yaml(content))

    assert len(load_params(file).benchmarks["denoise"]) == 3


@pytest.mark.parametrize(("scale", "size"), [(2, 41), (2.4, 48), (3, 40), (16, 47)])
def test_scales_need_not_divide_the_patch(file: Path, scale: float, size: int) -> None:
    # Whole images are degraded, back to their full size, and cut afterwards.
    content = changed("degradations/small/scale", scale)
    content["patches"]["y_48"].update(size=size, stride=size)
    file.write_text(as_yaml(content))

    assert load_params(file).degradations["small"].model_dump()["scale"] == scale


# ------------------------------------------------- small images, noise maps, mixtures

LOW: dict[str, Any] = {"kind": "bicubic", "scale": 2, "quantise": False, "result": "low"}
NOISE: dict[str, Any] = GOOD["degradations"]["noise"]
PHOTONS: dict[str, Any] = {"kind": "poisson", "peak": 30, "quantise": False}
BLUR: dict[str, Any] = {"kind": "blur", "sigma_px": 1.5, "draws": 1}


def sequence(*steps: dict[str, Any], result: str = "interpolated") -> dict[str, Any]:
    return {"kind": "sequence", "steps": list(steps), "result": result, "draws": 1}


class Doubling(VDSR):
    """A network whose output is twice as large as its input."""

    @property
    def scale(self) -> int:
        """Return 2."""
        return 2


class Told(VDSR):
    """A network that is told the noise level."""

    @property
    def takes_noise_map(self) -> bool:
        """Return true."""
        return True


def faults_of(
    network: type[VDSR], trained: dict[str, Any], tested: dict[str, Any], **bank: int
) -> list[str]:
    """Return what is wrong with ``upscaler`` when it is of another architecture."""
    content = changed("degradations/small", trained)
    content["benchmarks"]["upscale"][0].update(
        degradation=tested, protocols=["y-uint8"], baselines=[]
    )
    content["patches"]["y_48"].update(bank)
    params = Params.model_validate(content)
    gray = network(channels=1, width=8, depth=10)
    models = params.models.model_copy(update={"vdsr": {"gray": gray, "colour": gray}})
    found = contradictions(params.model_copy(update={"models": models}))
    return [
        fault for fault in found if fault.startswith(("pairs.luma_small", "experiments.upscaler"))
    ]


@pytest.mark.parametrize(
    ("trained", "tested"),
    [
        (LOW, LOW),
        ({**LOW, "quantise": True}, sequence(BLUR, LOW, NOISE, result="low")),
        (sequence(BLUR, LOW, NOISE, result="low"), LOW),
        ({"kind": "mixture", "of": [LOW, sequence(BLUR, LOW, result="low")]}, LOW),
    ],
)
def test_a_network_that_enlarges_is_trained_and_tested_on_small_images(
    trained: dict[str, Any], tested: dict[str, Any]
) -> None:
    assert faults_of(Doubling, trained, tested) == []


@pytest.mark.parametrize(
    ("network", "trained", "tested", "fault"),
    [
        (
            Doubling,
            {**LOW, "result": "interpolated"},
            LOW,
            "experiments.upscaler: training set 'luma_small' has images of full size, vdsr.gray "
            "makes them 2 times larger: a scale that the network was not built for",
        ),
        (
            Doubling,
            {**LOW, "scale": 4},
            LOW,
            "experiments.upscaler: training set 'luma_small' has images 4 times smaller, vdsr.gray "
            "makes them 2 times larger: a scale that the network was not built for",
        ),
        (
            VDSR,
            LOW,
            NOISE,
            "experiments.upscaler: training set 'luma_small' has images 2 times smaller, vdsr.gray "
            "keeps their size: a scale that the network was not built for",
        ),
        (
            Doubling,
            LOW,
            {**LOW, "scale": [2, 1.7]},
            "experiments.upscaler: benchmarks.upscale.0 leaves images 1.7 times smaller, vdsr.gray "
            "makes them 2 times larger: a scale that the network was not built for",
        ),
        (
            VDSR,
            NOISE,
            sequence(LOW, BLUR, LOW, result="low"),
            "experiments.upscaler: benchmarks.upscale.0 leaves images 4 times smaller, vdsr.gray "
            "keeps their size: a scale that the network was not built for",
        ),
    ],
)
def test_a_scale_that_the_network_was_not_built_for_is_refused(
    network: type[VDSR], trained: dict[str, Any], tested: dict[str, Any], fault: str
) -> None:
    assert faults_of(network, trained, tested) == [fault]


@pytest.mark.parametrize(("size", "stride"), [(41, 41), (48, 25), (47, 24)])
def test_a_scale_that_does_not_divide_the_patch_is_refused(size: int, stride: int) -> None:
    assert faults_of(Doubling, LOW, LOW, size=size, stride=stride) == [
        "pairs.luma_small: degradation 'small' has scale 2, a scale that does not divide the "
        f"patch: 'y_48' has patches of {size} pixels at a stride of {stride}"
    ]


def test_a_batch_of_small_patches_of_several_sizes_is_refused() -> None:
    first, *_ = faults_of(Doubling, {**LOW, "scale": [2, 3]}, LOW)

    assert first == (
        "pairs.luma_small: degradation 'small' leaves patches of several sizes (scales 2, 3), but "
        "those of a batch must have one: train on one scale, or on interpolated results"
    )


@pytest.mark.parametrize("scale", [1.5, 2.4])
def test_small_patches_of_a_fractional_scale_are_refused(scale: float) -> None:
    first, *_ = faults_of(Doubling, {**LOW, "scale": scale}, LOW)

    assert f"has scale {scale}, a scale that does not divide the patch" in first


BLIND: dict[str, Any] = GOOD["degradations"]["blind"]


@pytest.mark.parametrize(
    "trained",
    [
        NOISE,
        BLIND,
        {"kind": "mixture", "of": [BLIND, BLUR]},
        sequence(BLUR, BLIND),
    ],
)
def test_a_network_that_is_told_the_noise_level_is_trained_on_gaussian_noise(
    trained: dict[str, Any],
) -> None:
    assert faults_of(Told, trained, NOISE) == []


@pytest.mark.parametrize(
    "degradation",
    [
        PHOTONS,
        {"kind": "poisson_gaussian", "peak": 30, "sigma_8bit": 5, "quantise": False},
        {
            "kind": "grain",
            "peak": 30,
            "sigma_8bit": 5,
            "spread_px": 1,
            "quantise": False,
            "draws": 1,
        },
        BLUR,
        sequence(BLIND, BLUR),
        sequence(PHOTONS, BLIND),
        sequence(LOW, BLIND),
        {"kind": "mixture", "of": [BLIND, PHOTONS]},
    ],
)
def test_noise_whose_level_cannot_be_told_is_refused(degradation: dict[str, Any]) -> None:
    (fault,) = faults_of(Told, degradation, NOISE)

    assert fault == (
        "experiments.upscaler: vdsr.gray is told the noise level, which needs Gaussian noise, and "
        "that it comes last: 'luma_small' has other noise, or none"
    )
    if degradation["kind"] != "mixture":
        (fault,) = faults_of(Told, NOISE, degradation)
        assert "that it comes last: benchmarks.upscale.0 has other noise" in fault


def test_a_mixture_is_not_tested(refuse: Refuse) -> None:
    mixture = {"kind": "mixture", "of": [NOISE, BLUR]}

    assert refuse("benchmarks/denoise/0/degradation", mixture) == (
        "benchmarks.denoise.0.degradation: a mixture is trained on, not tested: give each of its "
        "parts a trial of its own"
    )


def test_a_level_that_is_twice_in_a_mixture_is_refused(refuse: Refuse) -> None:
    mixture = {
        "kind": "mixture",
        "of": [{**BLUR, "sigma_px": [1, 2]}, NOISE, {**BLUR, "sigma_px": 2}],
    }

    assert refuse("degradations/jpeg", mixture) == (
        "degradations.jpeg.of: 'blur_2' is in the mixture more than once"
    )


def test_a_sequence_too_long_for_the_name_of_a_folder_is_refused(refuse: Refuse) -> None:
    steps = [{"kind": "blur", "sigma_px": 1.25, "draws": 1}] * 24

    assert "make a folder's name of at most 200 letters, came 239: " in refuse(
        "degradations/jpeg", sequence(*steps)
    )


def test_the_same_level_small_and_interpolated_needs_two_benchmarks(refuse: Refuse) -> None:
    trial = {**GOOD["benchmarks"]["upscale"][0], "degradation": {**LOW, "result": "interpolated"}}
    low = {**trial, "degradation": LOW}
    content = {**GOOD["benchmarks"], "upscale_low": [trial, low]}

    assert refuse("benchmarks", content) == (
        "benchmarks.upscale_low.1.degradation: benchmarks.upscale_low.0 has level bicubic_x2 of "
        "data set 'test' already; put one of them into a benchmark of its own"
    )


@pytest.mark.parametrize("result", ["low", "interpolated"])
def test_what_shrinks_is_measured_and_interpolated_as_super_resolution(
    file: Path, result: str
) -> None:
    steps = sequence(BLUR, LOW, NOISE, result=result)
    trial = {**GOOD["benchmarks"]["upscale"][0], "degradation": steps}
    file.write_text(as_yaml(changed("benchmarks/upscale_noise", [trial])))

    (read,) = load_params(file).benchmarks["upscale_noise"]

    assert (read.protocols, read.baselines) == (["y-shave"], ["bicubic"])


def test_what_keeps_its_size_is_not_super_resolution(refuse: Refuse) -> None:
    trial = {**GOOD["benchmarks"]["upscale"][0], "degradation": sequence(BLUR, NOISE)}

    faults = refuse("benchmarks/other", [trial]).splitlines()

    assert faults == [
        "benchmarks.other.0.protocols: y-shave is for bicubic degradation; this trial's is "
        "sequence",
        "benchmarks.other.0.baselines: bicubic cannot undo sequence degradation of these levels; "
        "'identity' applies to all",
    ]


def test_real_pairs_are_trained_on(file: Path) -> None:
    content = deepcopy(GOOD)
    content["experiments"]["denoiser"].update(model="colour", train_on="real", test_on="real")
    file.write_text(as_yaml(content))

    assert load_params(file).experiments["denoiser"].train_on == "real"


# ---------------------------------------------------------- published weights, overlaps


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("model", "huge", "imported.official.model: model 'huge' is not defined; expected"),
        ("test_on", "denoisy", "imported.official.test_on: benchmark 'denoisy' is not defined"),
        ("test_on", "real", "imported.official: model vdsr.gray has 1 channel(s), benchmarks.real"),
        ("layout", "caffe", "imported.official.layout: input should be "),
    ],
)
def test_entry_of_published_weights_is_held_against_the_rest(
    refuse: Refuse, key: str, value: str, fault: str
) -> None:
    assert fault in refuse("imported", {"official": {**OFFICIAL, key: value}})


def test_nothing_need_be_trained(file: Path) -> None:
    content = changed("imported", {"official": OFFICIAL})
    for section in ("patches", "degradations", "pairs", "recipes", "experiments"):
        content[section] = {}
    file.write_text(as_yaml(content))

    assert list(load_params(file).imported) == ["official"]


def test_published_weights_may_not_have_the_name_of_an_experiment(refuse: Refuse) -> None:
    faults = refuse("imported", {"denoiser": OFFICIAL})

    assert faults == "imported.denoiser: an experiment has this name too, and results lie by name"


def test_published_weights_are_tested_on_a_benchmark(file: Path) -> None:
    file.write_text(as_yaml(changed("imported", {"official": OFFICIAL})))

    assert load_params(file).imported["official"].test_on == "denoise"


@pytest.mark.parametrize("name", ["DnCNNS", "dncnn-s"])
def test_system_of_the_literature_that_nobody_published_is_refused(
    refuse: Refuse, name: str
) -> None:
    faults = refuse("experiments/denoiser/compare_with", name)

    assert faults.startswith(
        "experiments.denoiser.compare_with: pipeline/literature/published.csv has no"
    )
    assert "DnCNN-S" in faults


def test_a_name_of_the_literature_stands_beside_an_experiment(file: Path) -> None:
    file.write_text(as_yaml(changed("experiments/denoiser/compare_with", "DnCNN-S")))

    assert load_params(file).experiments["denoiser"].compare_with == "DnCNN-S"


@pytest.mark.parametrize(
    ("accepted", "fault"),
    [
        ([{"train": "trein", "test": "test", "why": "x"}], "accepted_overlaps.0.train: data set"),
        ([{"train": "train", "test": "test", "why": ""}], "accepted_overlaps.0.why: string should"),
        (
            [{"train": "train", "test": "test", "why": "x"}] * 2,
            "accepted_overlaps.1: accepted_overlaps.0 is about the same two data sets",
        ),
    ],
)
def test_accepted_overlap_names_two_data_sets_and_a_reason(
    refuse: Refuse, accepted: list[dict[str, str]], fault: str
) -> None:
    assert refuse("accepted_overlaps", accepted).startswith(fault)


# ---------------------------------------------------------------------------- warnings


def test_patch_smaller_than_the_receptive_field_is_a_warning(file: Path) -> None:
    file.write_text(as_yaml(changed("models/vdsr/gray/depth", 20)))

    found = warnings(load_params(file))

    assert found == [
        "experiments.denoiser: the patches are 40 pixels wide, the receptive field of vdsr.gray is "
        "41: its outer part trains on padding"
    ]


def test_noise_trained_on_and_tested_in_another_way_is_a_warning(file: Path) -> None:
    file.write_text(as_yaml(changed("degradations/noise/quantise", True)))

    (found,) = warnings(load_params(file))

    assert found == (
        "experiments.denoiser: trained on noise that is clipped and rounded, tested on noise that "
        "is not clipped: worth 0.1 dB and more"
    )


def test_a_system_without_a_number_for_the_test_is_a_warning(file: Path) -> None:
    file.write_text(as_yaml(changed("experiments/denoiser/compare_with", "DnCNN-S")))

    (found,) = warnings(load_params(file))

    assert found.startswith("experiments.denoiser.compare_with: DnCNN-S has no number for test at ")
    assert "; the nearest it has is " in found


def test_good_params_have_no_warnings(file: Path) -> None:
    file.write_text(as_yaml(GOOD))

    assert warnings(load_params(file)) == []


def test_settings_arrive_as_they_were_written(file: Path) -> None:
    file.write_text(as_yaml(GOOD))

    params = load_params(file)

    assert params.recipes["quick"] == Recipe.model_validate(GOOD["recipes"]["quick"])
    noise = Gaussian(kind="gaussian", sigma_8bit=25, quantise=False)
    assert params.degradations["noise"] == noise


# ------------------------------------------------------- weights of others, another way


APPLIED = {
    "arch": "vdsr",
    "model": "gray",
    "weights": "denoiser",
    "way": "self_ensemble",
    "test_on": "denoise",
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"weights": "denoisr"}, "applied.again.weights: experiment 'denoisr' is not defined; the"),
        ({"model": "colour"}, "expected the network of 'denoiser', vdsr.gray; came vdsr.colour"),
        ({"test_on": "upscale"}, "applied.again.test_on: expected 'denoise', which 'denoiser'"),
        ({"way": "twice"}, "applied.again.way: input should be 'plain', 'self_ensemble'"),
        ({"way": "local_averages"}, "applied.again.way: vdsr.gray has no averages over whole"),
    ],
)
def test_another_way_is_held_against_the_experiment(
    refuse: Refuse, change: dict[str, str], fault: str
) -> None:
    assert fault in refuse("applied", {"again": {**APPLIED, **change}})


def test_another_way_may_not_have_the_name_of_an_experiment(refuse: Refuse) -> None:
    faults = refuse("applied", {"upscaler": APPLIED})

    assert faults == "applied.upscaler: an experiment has this name too, and results lie by name"


def test_published_weights_are_applied_in_another_way_too(file: Path) -> None:
    content = changed("imported", {"official": OFFICIAL})
    content["applied"] = {"again": {**APPLIED, "weights": "official"}}
    file.write_text(as_yaml(content))

    assert load_params(file).applied["again"].way == "self_ensemble"


def test_nobody_knows_the_patches_of_published_weights(file: Path) -> None:
    content = changed("imported", {"official": OFFICIAL})
    content["applied"] = {"again": {**APPLIED, "weights": "official", "way": "patches"}}
    file.write_text(as_yaml(content))

    with pytest.raises(ParamsError, match="the patches that imported weights learnt is not known"):
        load_params(file)


@pytest.mark.parametrize(
    ("start", "fault"),
    [
        ("upscalr", "experiments.denoiser.start: experiment 'upscalr' is not defined; the nearest"),
        ("denoiser", "experiments.denoiser.start: 'denoiser' would start from its own result"),
    ],
)
def test_a_training_starts_from_an_experiment_that_exists(
    refuse: Refuse, start: str, fault: str
) -> None:
    assert fault in refuse("experiments/denoiser/start", start)


def test_trainings_do_not_start_from_one_another_in_a_circle(file: Path) -> None:
    content = changed("experiments/denoiser/start", "upscaler")
    content["experiments"]["upscaler"]["start"] = "denoiser"
    file.write_text(as_yaml(content))

    with pytest.raises(ParamsError, match="'denoiser' would start from its own result"):
        load_params(file)


def test_a_training_may_start_from_another_one(file: Path) -> None:
    file.write_text(as_yaml(changed("experiments/denoiser/start", "upscaler")))

    assert load_params(file).experiments["denoiser"].start == "upscaler"


def test_no_experiment_is_called_random(file: Path) -> None:
    content = deepcopy(GOOD)
    content["experiments"]["random"] = content["experiments"]["denoiser"]
    file.write_text(as_yaml(content))

    with pytest.raises(ParamsError, match=r"experiments\.random: this name says of `start`"):
        load_params(file)


def test_a_shared_network_takes_every_colour(file: Path) -> None:
    content = changed("models/vdsr/gray/channels", "shared")
    content["experiments"]["denoiser"].update(train_on="real", test_on="real")
    file.write_text(as_yaml(content))

    assert load_params(file).models.named("vdsr")["gray"].accepts(3)


@pytest.mark.parametrize("channels", [0, "each", {"separate": 0}, 1.5])
def test_impossible_channels_are_refused(refuse: Refuse, channels: object) -> None:
    assert "models.vdsr.gray.channels" in refuse("models/vdsr/gray/channels", channels)


# ------------------------------------------------------- entries like others, former keys


def with_recipes(text: str) -> str:
    """Return good params as YAML, with other lines in place of the section ``recipes``."""
    others = {section: entries for section, entries in GOOD.items() if section != "recipes"}
    return f"{as_yaml(others)}recipes:\n{text}"


QUICK = as_yaml({"quick": GOOD["recipes"]["quick"]}).replace("quick:", "quick: &quick", 1)


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def test_a_recipe_can_be_like_another_but_for_some_values(file: Path) -> None:
    file.write_text(with_recipes(indented(f"{QUICK}longer: {{<<: *quick, steps: 3000}}")))

    recipes = load_params(file).recipes

    assert recipes["longer"] == recipes["quick"].model_copy(update={"steps": 3000})


def test_a_merge_of_an_anchor_that_is_not_there_is_refused_by_its_name(file: Path) -> None:
    file.write_text(with_recipes(indented(f"{QUICK}longer: {{<<: *quikc, steps: 3000}}")))

    with pytest.raises(ParamsError, match=r"line \d+: .*no anchor '&quikc'.*'&quick'"):
        load_params(file)


def test_a_merge_of_another_sections_entry_is_refused_by_its_keys(file: Path) -> None:
    text = with_recipes(indented(f"{QUICK}longer: {{<<: *noise, steps: 3000}}"))
    file.write_text(text.replace("\n  noise:", "\n  noise: &noise", 1))

    with pytest.raises(ParamsError) as caught:
        load_params(file)

    assert "recipes.longer.sigma_8bit: unknown key" in str(caught.value)
    assert "recipes.longer.batch: missing" in str(caught.value)


def test_a_degradation_of_an_experiment_is_refused_with_how_to_write_it_now(refuse: Refuse) -> None:
    faults = refuse("experiments/denoiser/degradation", "noise")

    assert faults.startswith("experiments.denoiser.degradation: a training set has a name")
    assert "`NAME: {bank: ..., degradation: ...}` in the section `pairs`" in faults


@pytest.mark.parametrize("section", ["described", "described_inputs"])
def test_a_section_that_is_gone_is_refused_with_what_to_do(refuse: Refuse, section: str) -> None:
    assert refuse(section, {}).startswith(f"{section}: this section is gone")


OUTSIDE = {"source": "../theirs", "files": "{data_set}/{level}/{image}.png", "test_on": "denoise"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"test_on": "denoisy"}, "outside.theirs.test_on: benchmark 'denoisy' is not defined"),
        ({"files": "{name}.png"}, "outside.theirs.files: expected only {data_set}, {level}, {ima"),
        ({"files": "restored.png"}, "outside.theirs.files: expected {image} in it"),
        ({"files": "../{image}.png"}, "outside.theirs.files: expected a path inside the folder"),
        ({"files": "{image.png"}, "outside.theirs.files: expected '}' before end of string"),
        ({"files": "{quality}/{image}.png"}, "which gaussian_15 does not have; it has {data_set}"),
        ({"compare_with": "nobody"}, "outside.theirs.compare_with: pipeline/literature/published"),
    ],
)
def test_results_of_other_programs_are_checked_before_they_are_read(
    refuse: Refuse, change: dict[str, object], fault: str
) -> None:
    assert fault in refuse("outside", {"theirs": {**OUTSIDE, **change}})


def test_levels_that_would_share_a_file_are_found(file: Path) -> None:
    content = changed("outside", {"theirs": {**OUTSIDE, "files": "{image}.png"}})
    content["benchmarks"]["denoise"][0]["degradation"]["sigma_8bit"] = [15, 25]
    file.write_text(as_yaml(content))

    with pytest.raises(ParamsError, match=r"outside\.theirs\.files: 2 levels .* would share IMAGE"):
        load_params(file)


def test_a_name_cannot_be_of_an_experiment_and_of_another_program(refuse: Refuse) -> None:
    assert "outside.denoiser: an experiment has this name too" in refuse(
        "outside", {"denoiser": OUTSIDE}
    )


PROGRAM = {
    "kind": "onnx",
    "source": "net.onnx",
    "channels": "gray",
    "values": [0.0, 1.0],
    "scale": 1,
    "noise_map": False,
    "test_on": "denoise",
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"test_on": "denoisy"}, "programs.theirs.test_on: benchmark 'denoisy' is not defined"),
        (
            {"kind": "caffe"},
            "programs.theirs.kind: input should be 'onnx', 'torch_export' or 'spandrel'",
        ),
        ({"channels": "rgb"}, "programs.theirs.channels: the program takes rgb images, those of b"),
        ({"scale": 2}, "programs.theirs.scale: the images of benchmarks.denoise.0 are 1 times sma"),
        ({"values": [1.0, 0.0]}, "expected black below white, came 1 and 0"),
        ({"test_on": "upscale", "noise_map": True}, "programs.theirs.noise_map: the program is t"),
    ],
)
def test_programs_are_checked_before_they_run(
    refuse: Refuse, change: dict[str, object], fault: str
) -> None:
    assert fault in refuse("programs", {"theirs": {**PROGRAM, **change}})


def test_a_name_cannot_be_of_an_experiment_and_of_a_program(refuse: Refuse) -> None:
    assert "programs.denoiser: an experiment has this name too" in refuse(
        "programs", {"denoiser": PROGRAM}
    )


# ------------------------------------------------------------------- names without quotes

UNQUOTED = {
    "2024-06-01": "a date",
    "null": "nothing",
    "~": "nothing",
    "1e3": "a number",
    "12": "a number",
    "010": "a number",
    "true": "true or false",
}


def text_with(old: str, new: str) -> str:
    text = as_yaml(GOOD)
    assert text.count(old) == 1
    return text.replace(old, new)


def line_of(text: str, start: str) -> int:
    return next(
        at for at, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith(start)
    )


@pytest.mark.parametrize("name", UNQUOTED)
def test_a_name_that_yaml_reads_as_something_else_is_to_be_quoted(file: Path, name: str) -> None:
    text = text_with("  mine: ", f"  {name}: ")
    file.write_text(text)

    with pytest.raises(ParamsError) as refused:
        load_params(file)

    assert str(refused.value).splitlines() == [
        f"{file} has 1 fault(s):",
        f"  datasets.{name} (line {line_of(text, f'{name}:')}): YAML reads this name as "
        f'{UNQUOTED[name]}; quote it: "{name}"',
    ]


@pytest.mark.parametrize("name", ["2024-06-01", "null", "1e3", "12", "no", "true"])
def test_a_quoted_name_is_a_name(file: Path, name: str) -> None:
    file.write_text(
        text_with("mine: ", f'"{name}": ').replace("dataset: mine", f'dataset: "{name}"')
    )

    assert load_params(file).datasets[name].kind == "folder"


def test_no_and_on_are_names_without_quotes_too(file: Path) -> None:
    file.write_text(text_with("mine: ", "no: ").replace("dataset: mine", "dataset: no"))

    assert load_params(file).datasets["no"].kind == "folder"
    assert load_yaml(file)["datasets"]["no"]["kind"] == "folder"  # so DVC reads it


@pytest.mark.parametrize("name", UNQUOTED)
def test_a_value_that_should_be_a_name_is_to_be_quoted(file: Path, name: str) -> None:
    text = text_with("dataset: mine\n", f"dataset: {name}\n")
    file.write_text(text)

    with pytest.raises(ParamsError) as refused:
        load_params(file)

    assert (
        f"benchmarks.real.0.dataset (line {line_of(text, f'dataset: {name}')}): expected a text, "
        f'YAML reads this as {UNQUOTED[name]}; quote it: "{name}"'
    ) in str(refused.value)


def test_a_name_in_a_list_and_one_that_is_merged_are_found(file: Path) -> None:
    mine = "{kind: folder, source: 2024}"
    text = text_with("[brick, page]", "[12, page]")
    text = text.replace(
        "mine: {kind: folder, source: photos}", f"mine: &mine {mine}\n  more: {{<<: *mine}}"
    )
    file.write_text(text)

    with pytest.raises(ParamsError) as refused:
        load_params(file)

    said = str(refused.value)
    assert f"datasets.train.images.0 (line {line_of(text, 'images: [12')}): expected a text" in said
    for name in ("mine", "more"):
        assert f"datasets.{name}.source (line {line_of(text, 'mine: &mine')}): expected" in said


def test_a_key_with_nothing_behind_it_is_not_to_be_quoted(file: Path) -> None:
    file.write_text(as_yaml(GOOD).replace("source: photos", "source: "))

    with pytest.raises(
        ParamsError, match=r"datasets\.mine\.source \(line \d+\): .*nothing behind this"
    ):
        load_params(file)


@pytest.mark.parametrize("section", ["programs", "outside"])
def test_a_section_that_is_new_may_be_written_as_empty(refuse: Refuse, section: str) -> None:
    assert f"{section}: missing; expected a value for this key; write `{section}: {{}}`" in refuse(
        section, ...
    )
