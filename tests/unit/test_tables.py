"""What has a name has all that belongs to it: module, schema, words, presets, a row for people.

Whoever adds a network or a degradation and forgets a part is told here which.
"""

import ast
import csv
import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from pipeline.checking.params_file import load_params
from pipeline.cli import main
from pipeline.degradations.settings import KINDS as LEVEL_KINDS
from pipeline.degradations.settings import Degradation, Mixture, Sequence
from pipeline.literature.papers import Trained
from pipeline.measuring.classical import METHODS
from pipeline.measuring.perceptual_measures import MEASURES
from pipeline.report.words import describe_way
from pipeline.settings.architectures import NETWORKS, RECOGNISERS, Models
from pipeline.settings.params import Baseline, Dataset, Params, Protocol, Way
from tests.pages import first_column

ROOT = Path(__file__).parents[2]

PRESETS = sorted(path.stem for path in (ROOT / "pipeline/checking/presets").glob("*.yaml"))

SCHEMA = TypeAdapter(Degradation).json_schema()

KINDS = sorted(SCHEMA["discriminator"]["mapping"])


@cache
def preset(name: str) -> Params:
    return load_params(ROOT / f"pipeline/checking/presets/{name}.yaml")


# --------------------------------------------------------------- networks that recognise


@pytest.mark.parametrize("arch", RECOGNISERS)
def test_a_recogniser_has_a_module_that_names_its_paper(arch: str) -> None:
    file = ROOT / f"pipeline/models/{arch}/network.py"
    module = ast.parse(file.read_text(encoding="utf-8"))

    words = ast.get_docstring(module) or ""
    classes = {node.name for node in module.body if isinstance(node, ast.ClassDef)}
    assert "https://" in words
    assert "param" in words
    assert RECOGNISERS[arch].__name__ in classes


@pytest.mark.parametrize("arch", RECOGNISERS)
def test_a_recogniser_has_settings_in_the_schema(arch: str) -> None:
    (entry,) = Models.model_json_schema()["properties"][arch]["patternProperties"].values()

    assert entry["$ref"].endswith(f"/{RECOGNISERS[arch].__name__}")


@pytest.mark.parametrize("arch", RECOGNISERS)
@pytest.mark.parametrize("name", ["recognition", "paper"])
def test_a_recogniser_is_trained_by_the_presets_for_it(arch: str, name: str) -> None:
    assert arch in {one.arch for one in preset(name).recognition.values()}


def test_a_page_has_a_row_for_each_recogniser_and_kind_of_task() -> None:
    kinds = {kind.takes for kind in RECOGNISERS.values()}

    assert first_column("docs/recognition.md") == {*RECOGNISERS, *kinds}


# ----------------------------------------------------------------------------- networks


@pytest.mark.parametrize("arch", NETWORKS)
def test_a_network_has_a_module_that_names_its_paper(arch: str) -> None:
    module = ast.parse((ROOT / f"pipeline/models/{arch}/network.py").read_text(encoding="utf-8"))

    words = ast.get_docstring(module) or ""
    classes = {node.name for node in module.body if isinstance(node, ast.ClassDef)}
    assert "https://" in words
    assert "param" in words
    assert NETWORKS[arch].__name__ in classes


@pytest.mark.parametrize("arch", NETWORKS)
def test_a_network_has_settings_in_the_schema(arch: str) -> None:
    (entry,) = Models.model_json_schema()["properties"][arch]["patternProperties"].values()

    assert entry["$ref"].endswith(f"/{NETWORKS[arch].__name__}")


@pytest.mark.parametrize("arch", NETWORKS)
def test_a_network_is_trained_by_the_quick_preset(arch: str) -> None:
    assert arch in {experiment.arch for experiment in preset("quick").experiments.values()}


@pytest.mark.parametrize("arch", NETWORKS)
def test_a_network_has_its_full_size_in_the_paper_preset(arch: str) -> None:
    experiments = preset("paper").experiments.values()

    trained = {one.model for one in experiments if one.arch == arch}
    assert trained, f"no experiment of preset paper trains a {arch}"
    assert trained <= set(preset("paper").models.named(arch))


@pytest.mark.parametrize("arch", NETWORKS)
def test_no_size_of_a_network_is_left_over_in_the_quick_and_tour_presets(arch: str) -> None:
    for name in ("quick", "tour"):
        params = preset(name)
        used = {one.model for one in params.experiments.values() if one.arch == arch}
        used |= {one.model for one in params.imported.values() if one.arch == arch}

        assert set(params.models.named(arch)) == used


def test_a_page_lists_the_networks_and_the_ways_to_apply_them() -> None:
    ways = set(get_args(Way)) - {"plain"}

    assert first_column("docs/networks.md") == set(NETWORKS) | ways


@pytest.mark.parametrize("way", get_args(Way))
def test_a_way_has_words_and_an_example(way: str) -> None:
    shown = {one.way for name in ("quick", "tour") for one in preset(name).applied.values()}

    assert describe_way(way)
    assert way == "plain" or way in shown


# ------------------------------------------------------------------------- degradations


def test_a_page_lists_the_degradations() -> None:
    assert first_column("docs/degradations.md") == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_degradation_is_trained_and_tested_by_a_preset(kind: str) -> None:
    tour = preset("tour")
    trained = {settings.kind for settings in tour.degradations.values()}
    tested = {trial.degradation.kind for trials in tour.benchmarks.values() for trial in trials}

    assert kind in trained
    assert kind in tested or kind == "mixture"  # whose parts are tested


def test_papers_may_have_trained_on_every_kind_of_level() -> None:
    kind = Trained.model_fields["kind"].annotation

    assert set(get_args(kind)) == set(LEVEL_KINDS)


def test_nested_degradations_are_of_known_kinds() -> None:
    inside = {
        part.kind
        for name in PRESETS
        for settings in preset(name).degradations.values()
        if isinstance(settings, Mixture | Sequence)
        for part in (settings.of if isinstance(settings, Mixture) else settings.steps)
    }

    assert inside <= set(KINDS) - {"mixture", "paired"}


# ----------------------------------------------------------------- methods, literature


def test_every_classical_method_is_there_and_on_a_page_with_the_kinds_of_data_sets() -> None:
    kinds = TypeAdapter(Dataset).json_schema()["discriminator"]["mapping"]

    assert set(METHODS) == set(get_args(Baseline))
    assert first_column("docs/data-sets.md") == {*METHODS, *kinds}


def test_a_page_lists_the_protocols_and_the_measures_that_need_a_network() -> None:
    with_network = {name for name, measure in MEASURES.items() if measure.network}

    assert first_column("docs/protocols.md") == {*get_args(Protocol), *with_network}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_valid(name: str) -> None:
    assert preset(name)


def test_the_readme_lists_the_commands_and_the_presets(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    ([\w-]+)(?: |$)", capsys.readouterr().out, re.MULTILINE)
    commands = {f"restore {name}" for name in listed}

    assert first_column("README.md") == {*commands, *PRESETS}


@pytest.mark.parametrize("name", PRESETS)
def test_systems_to_compare_with_have_published_numbers(name: str) -> None:
    with (ROOT / "pipeline/literature/published.csv").open(newline="", encoding="utf-8") as file:
        systems = {row["system"] for row in csv.DictReader(file)}
    params = preset(name)
    named = {one.compare_with for one in params.experiments.values()}
    named |= {one.compare_with for one in params.imported.values()}
    named |= {one.compare_with for one in params.applied.values()}

    assert named - {None} <= systems


def test_the_shipped_params_are_the_quick_preset() -> None:
    shipped = (ROOT / "params.yaml").read_text(encoding="utf-8")

    assert shipped == (ROOT / "pipeline/checking/presets/quick.yaml").read_text(encoding="utf-8")
