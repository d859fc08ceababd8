from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.checking.changed_experiment import (
    Change,
    ChangeError,
    changed_entries,
    name_of,
    parse_change,
)
from pipeline.checking.params_text import as_line

PRESETS = Path(__file__).parents[2] / "pipeline" / "checking" / "presets"


@pytest.fixture(scope="module")
def quick() -> Any:
    return YAML().load(PRESETS / "quick.yaml")


def changed(content: Any, experiment: str, *texts: str) -> dict[str, str]:
    """Return the lines of the entries that changes need, by their paths."""
    changes = [parse_change(text) for text in texts]
    entries = changed_entries(content, experiment, changes, "new")
    return {entry.path: as_line(entry.value) for entry in entries}


@pytest.mark.parametrize(
    ("text", "keys", "value"),
    [
        ("recipe.steps=3000", ("recipe", "steps"), 3000),
        ("recipe.learning_rate=1e-3", ("recipe", "learning_rate"), 0.001),
        ("recipe.optimiser.betas=[0.8, 0.99]", ("recipe", "optimiser", "betas"), [0.8, 0.99]),
        ("recipe.clip={kind: none}", ("recipe", "clip"), {"kind": "none"}),
        ("recipe.augment=false", ("recipe", "augment"), False),
        ("model = other", ("model",), "other"),
        ("start=random", ("start",), "random"),
    ],
)
def test_a_change_is_a_key_and_a_value_of_yaml(
    text: str, keys: tuple[str, ...], value: object
) -> None:
    assert parse_change(text) == Change(keys, value, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe.steps", "expected KEY=VALUE, such as recipe.steps=3000"),
        ("=3", "expected KEY=VALUE"),
        ("recipe.steps=", "expected KEY=VALUE"),
        ("recipe..steps=3", "expected KEY=VALUE"),
        ("recip.steps=3", "no 'recip' to change; the nearest known one is 'recipe'"),
        ("seed=3", "no 'seed' to change; expected one of: recipe.KEY, model.KEY, degradation."),
        ("test_on.colour=y", "another one can be named, test_on=NAME"),
        ("degradation=jpeg_low", "or train_on.degradation=NAME for another one"),
        ("recipe.clip={kind: none", "expected a YAML value, but "),
        (f"recipe.clip={'[' * 10_000}", "expected a YAML value, but "),
    ],
)
def test_what_is_no_change_of_an_experiment_is_refused(text: str, said: str) -> None:
    with pytest.raises(ChangeError) as refused:
        parse_change(text)

    assert str(refused.value).startswith(f"--set {text}: ")
    assert said in str(refused.value)


def test_a_changed_recipe_is_a_recipe_of_its_own(quick: Any) -> None:
    entries = changed(quick, "dncnn_s25", "recipe.steps=3000", "recipe.optimiser.momentum=0.9")

    assert list(entries) == ["recipes.new", "experiments.new"]
    assert entries["recipes.new"].startswith(
        "{steps: 3000, batch: 4, loss: mse, optimiser: {kind: muon, momentum: 0.9, "
        "betas: [0.9, 0.999]}, learning_rate: 4.0e-3, "
    )
    assert entries["experiments.new"] == (
        "{arch: dncnn, model: gray_8, train_on: gray_noise_25, recipe: new, start: random, "
        "test_on: denoise_25}"
    )
    assert quick["recipes"]["quick"]["optimiser"]["momentum"] == 0.95


def test_each_changed_part_is_an_entry_of_its_own(quick: Any) -> None:
    entries = changed(
        quick, "dncnn_s25", "model.width=48", "degradation.sigma_8bit=50", "recipe=runet"
    )

    assert list(entries) == [
        "models.dncnn.new",
        "pairs.new",
        "degradations.new",
        "experiments.new",
    ]
    assert entries["models.dncnn.new"].startswith("{channels: 1, width: 48, depth: 8,")
    assert entries["degradations.new"] == "{kind: gaussian, sigma_8bit: 50, quantise: false}"
    assert entries["pairs.new"] == "{bank: photos_gray_40, degradation: new}"
    assert "model: new, train_on: new, recipe: runet," in entries["experiments.new"]


def test_pairs_can_be_changed_by_themselves(quick: Any) -> None:
    entries = changed(quick, "dncnn_s25", "train_on.degradation=jpeg_low")

    assert list(entries) == ["pairs.new", "experiments.new"]
    assert entries["pairs.new"] == "{bank: photos_gray_40, degradation: jpeg_low}"


def test_a_degradation_of_pairs_can_be_named_and_changed_at_once(quick: Any) -> None:
    entries = changed(quick, "dncnn_s25", "train_on.degradation=jpeg_low", "degradation.draws=3")

    assert entries["degradations.new"].endswith("phase: aligned, draws: 3}")
    assert entries["pairs.new"] == "{bank: photos_gray_40, degradation: new}"


def test_another_entry_can_be_named_and_changed_at_once(quick: Any) -> None:
    entries = changed(quick, "dncnn_s25", "recipe.batch=8", "recipe=runet")

    assert entries["recipes.new"].startswith("{steps: 1300, batch: 8,")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe.steps=750", "that is what it is already"),
        ("recipe=quick", "that is what it is already"),
    ],
)
def test_what_changes_nothing_is_refused(quick: Any, text: str, said: str) -> None:
    with pytest.raises(ChangeError, match=said):
        changed(quick, "dncnn_s25", text)


def test_a_change_of_an_entry_that_there_is_not_is_refused(quick: Any) -> None:
    with pytest.raises(
        ChangeError, match="recipes has no 'quik'; the nearest known one is 'quick'"
    ):
        changed(quick, "dncnn_s25", "recipe=quik", "recipe.steps=3")


def test_an_unknown_key_is_left_to_the_reader_of_the_params(quick: Any) -> None:
    entries = changed(quick, "dncnn_s25", "recipe.optimizer.kind=sgd")

    assert "optimizer: {kind: sgd}}" in entries["recipes.new"]


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["recipe.steps=3000"], "dncnn_s25_steps_3000"),
        (
            ["recipe.learning_rate=1.5e-3", "model.width=48"],
            "dncnn_s25_learning_rate_1_5e-3_width_48",
        ),
        (["recipe.clip={kind: none}"], "dncnn_s25_clip_kind_none"),
        (["model=other-net"], "dncnn_s25_model_other-net"),
    ],
)
def test_a_name_says_what_is_changed_in_letters_that_are_allowed(
    texts: list[str], name: str
) -> None:
    assert name_of("dncnn_s25", [parse_change(text) for text in texts]) == name
