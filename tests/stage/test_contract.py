"""``dvc.yaml``, the stage functions and their imports describe the same contract.

DVC trusts the file: a parameter or a module that a stage uses and ``dvc.yaml`` leaves out makes
DVC skip a stage that should run.
"""

import importlib
import inspect
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import pytest

from pipeline.network_settings import NETWORKS
from pipeline.params import Params
from pipeline.params_file import read_yaml
from pipeline.recogniser_settings import RECOGNISERS
from pipeline.stage_runner import ENTRY_SECTIONS, SECTIONS, option_names

ROOT = Path(__file__).parents[2]

PLUMBING = {
    "pipeline",
    "pipeline.contradictions",
    "pipeline.degradation_settings",
    "pipeline.environment",
    "pipeline.faults",
    "pipeline.nearest",
    "pipeline.network_settings",
    "pipeline.outputs",
    "pipeline.params",
    "pipeline.params_file",
    "pipeline.process",
    "pipeline.published",
    "pipeline.recogniser_settings",
    "pipeline.recognition_contradictions",
    "pipeline.published_recognition",
    "pipeline.section",
    "pipeline.stage_runner",
    "pipeline.task_settings",
    "pipeline.tracking",
    "pipeline.workers",
    "stages",
}
"""Modules that pass values through and cannot change the content of an output.

Their values are tracked by ``params``; were they deps, an edit of the schema would retrain all.
"""

NOT_TRACKED = {"downloads", "checkpoints"}
"""Options for folders of state that survive from run to run, outside of DVC's outputs."""

NETWORK_STAGES = [
    "train",
    "reconstruct",
    "reconstruct_imported",
    "reconstruct_applied",
    "import_weights",
    "restore_input",
]

RECOGNISER_STAGES = ["learn", "recognise", "describe", "describe_input"]

GRAPH: dict[str, Any] = read_yaml(ROOT / "dvc.yaml")["stages"]

every_stage = pytest.mark.parametrize("name", GRAPH)


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = GRAPH[name].get("do", GRAPH[name])
    return found


def command_options(name: str) -> dict[str, str]:
    found = re.findall(r"--(\w+) (\S+)", definition(name)["cmd"])
    return {option: value.strip("'") for option, value in found}


def module_of(name: str) -> str:
    """Return the module of a stage; trained and imported networks share some."""
    return name.removesuffix("_imported").removesuffix("_applied")


def function(name: str) -> Callable[..., None]:
    stage = module_of(name)
    found: Callable[..., None] = getattr(importlib.import_module(f"stages.{stage}"), stage)
    return found


def tracked_files(name: str) -> list[str]:
    """Return deps and outs, plots and metrics among them."""
    entries = [
        entry
        for key in ("deps", "outs", "metrics", "plots")
        for entry in definition(name).get(key, [])
    ]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def is_code(path: str) -> bool:
    return path.startswith("stages/") or (
        path.startswith("pipeline/") and not path.endswith((".csv", ".toml"))
    )


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("pipeline", "stages")


@cache
def imports_that_compute() -> grimp.ImportGraph:
    """Return the imports but for those that only look for contradictions in the params.

    They may stop a stage, but change no output; the stage ``check`` depends on them.
    """
    graph = grimp.build_graph("pipeline", "stages")
    for imported in graph.find_modules_directly_imported_by("pipeline.contradictions"):
        graph.remove_import(importer="pipeline.contradictions", imported=imported)
    return graph


def source(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def covers(tracked: list[str], module: str) -> bool:
    return any(source(module).is_relative_to(ROOT / path) for path in tracked)


@every_stage
def test_a_stage_is_a_file_and_every_stage_file_is_a_stage(name: str) -> None:
    files = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}

    assert module_of(name) in files
    assert files == {module_of(stage) for stage in GRAPH}


@every_stage
def test_the_command_runs_the_module_of_the_same_name(name: str) -> None:
    assert definition(name)["cmd"].startswith(f"python -m stages.{module_of(name)} ")


@every_stage
def test_the_command_gives_every_argument_that_is_no_section(name: str) -> None:
    assert set(command_options(name)) == set(option_names(function(name)))


@every_stage
def test_a_stage_takes_keywords_only(name: str) -> None:
    kinds = {p.kind for p in inspect.signature(function(name)).parameters.values()}

    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


@every_stage
def test_tracked_params_are_the_settings_that_the_function_receives(name: str) -> None:
    options = command_options(name)
    entries = {f"{where}.{options[key]}" for key, where in ENTRY_SECTIONS.items() if key in options}
    arguments = inspect.signature(function(name)).parameters
    sections = {SECTIONS[key] for key in arguments if key in SECTIONS}

    assert set(definition(name).get("params", [])) == entries | sections


@every_stage
def test_tracked_files_are_the_paths_of_the_command(name: str) -> None:
    parameters = inspect.signature(function(name)).parameters
    given = {
        value
        for option, value in command_options(name).items()
        if parameters[option].annotation is Path and option not in NOT_TRACKED
    }

    assert given == {path for path in tracked_files(name) if not is_code(path)}


@every_stage
def test_tracked_code_is_the_code_imported(name: str) -> None:
    module = f"stages.{module_of(name)}"
    graph = imports() if name == "check" else imports_that_compute()
    used = {module} | graph.find_upstream_modules(module)
    tracked = [path for path in definition(name)["deps"] if is_code(path)]

    missing = [module for module in sorted(used - PLUMBING) if not covers(tracked, module)]

    assert missing == []


@every_stage
def test_no_stage_depends_on_code_that_it_does_not_import(name: str) -> None:
    module = f"stages.{module_of(name)}"
    used = {source(module)}
    used |= {source(m) for m in imports().find_upstream_modules(module)}
    tracked = [path for path in definition(name)["deps"] if is_code(path) and "${" not in path]

    idle = [path for path in tracked if not any(u.is_relative_to(ROOT / path) for u in used)]

    assert idle == []


@pytest.mark.parametrize("name", NETWORK_STAGES)
def test_a_stage_that_builds_a_network_depends_on_that_network_alone(name: str) -> None:
    tracked = [path for path in definition(name)["deps"] if path.startswith("pipeline/models/")]

    names = ("__init__", "channels", "dropout", "grid", "pooling")
    shared = [f"pipeline/models/{name}.py" for name in names]
    assert tracked == [*shared, "pipeline/models/${item.arch}.py"]


@pytest.mark.parametrize("name", RECOGNISER_STAGES)
def test_a_stage_that_builds_a_recogniser_depends_on_that_network_alone(name: str) -> None:
    folder = "pipeline/recognition/networks"
    tracked = [path for path in definition(name)["deps"] if path.startswith(f"{folder}/")]

    files = {path.stem for path in (ROOT / folder).glob("*.py")}
    shared = [f"{folder}/{file}.py" for file in sorted(files - set(RECOGNISERS))]
    assert tracked == [*shared, f"{folder}/${{item.arch}}.py"]


@pytest.mark.parametrize("arch", NETWORKS)
def test_a_network_imports_nothing_of_the_project_but_what_networks_share(arch: str) -> None:
    used = imports().find_upstream_modules(f"pipeline.models.{arch}")
    used -= {"pipeline", "pipeline.models"}

    # A module shared by networks has to be among the deps of every stage that builds one.
    assert used - imports().find_upstream_modules("pipeline.models") <= PLUMBING


@pytest.mark.parametrize("arch", RECOGNISERS)
def test_a_recogniser_imports_nothing_of_the_project_but_what_recognisers_share(arch: str) -> None:
    shared = "pipeline.recognition.networks"
    used = imports().find_upstream_modules(f"{shared}.{arch}") - {"pipeline", shared}

    assert used - imports().find_upstream_modules(shared) <= PLUMBING


def test_every_section_of_the_params_is_used_by_a_stage() -> None:
    tracked = {key.split(".")[0] for name in GRAPH for key in definition(name).get("params", [])}

    assert tracked == set(Params.model_fields)


def test_stages_reserve_the_cores_that_they_use() -> None:
    threaded = {name for name in GRAPH if "threads" in inspect.signature(function(name)).parameters}
    using = imports().find_modules_that_directly_import("pipeline.workers") - PLUMBING
    side_by_side = {
        name
        for name in GRAPH
        for module in [f"stages.{module_of(name)}"]
        if using & {module, *imports().find_upstream_modules(module)}
    }

    reserved = {name for name in GRAPH if "cpus" in definition(name).get("meta", {})}

    computing = {"guard", *NETWORK_STAGES, *RECOGNISER_STAGES}
    assert threaded == computing - {"import_weights"}
    assert side_by_side == {
        "download",
        "extract",
        "degrade",
        "collect",
        "degrade_input",
        "describe",
        "degrade_test",
        "evaluate",
        "evaluate_imported",
        "evaluate_applied",
        "baseline",
    }
    assert reserved == threaded | side_by_side


@pytest.mark.parametrize("name", ["train", "reconstruct", "restore_input", *RECOGNISER_STAGES])
def test_stages_that_run_a_network_start_with_its_threads_and_allocator(name: str) -> None:
    code = (ROOT / "stages" / f"{name}.py").read_text(encoding="utf-8")

    prepared = code.index('if __name__ == "__main__":\n    prepare_to_compute()\n')
    # Whatever else is imported may import torch.
    others = re.search(r"^(from|import) (?!pipeline\.stage_runner )", code, re.MULTILINE)
    assert others is not None
    assert prepared < others.start()
