"""``dvc.yaml``, the stage functions and their imports describe the same contract.

DVC trusts the file: a parameter or a module that a stage uses and ``dvc.yaml`` leaves out makes
DVC skip a stage that should run.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import pytest

from pipeline.checking.params_file import read_yaml
from pipeline.running.stage_runner import ENTRY_SECTIONS, SECTIONS, option_names
from pipeline.settings.architectures import NETWORKS, RECOGNISERS
from pipeline.settings.params import Params

ROOT = Path(__file__).parents[2]

DECIDES_NOTHING = ("checking", "nearest", "running", "section", "settings")
"""Rooms and files of ``pipeline`` that pass values through, and cannot change an output.

Their values are tracked by ``params``; were they deps, an edit of the schema would retrain all.
``test_the_schema_declares_and_does_nothing_else`` holds the schema to it.
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

RECOGNISER_STAGES = ["learn", "recognise"]

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
    if (ROOT / "stages" / f"{name}.py").is_file():
        return name
    return (
        name.removesuffix("_imported")
        .removesuffix("_applied")
        .removesuffix("_programs")
        .removesuffix("_outside")
    )


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
    return path.startswith(("stages/", "pipeline/"))


def decides_nothing(module: str) -> bool:
    """Tell whether a module cannot change an output, or holds nothing but its docstring."""
    parts = module.split(".")
    return (parts[1:2] and parts[1] in DECIDES_NOTHING) or is_docstring(source(module))


def is_docstring(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return path.name == "__init__.py" and all(isinstance(node, ast.Expr) for node in body)


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("pipeline", "stages")


@cache
def imports_that_compute() -> grimp.ImportGraph:
    """Return the imports but for those of modules that cannot change an output."""
    graph = grimp.build_graph("pipeline", "stages")
    for module in filter(decides_nothing, graph.modules):
        for imported in graph.find_modules_directly_imported_by(module):
            graph.remove_import(importer=module, imported=imported)
    return graph


def source(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def covers(tracked: list[str], module: str) -> bool:
    return any(source(module).is_relative_to(ROOT / path) for path in tracked)


def networks() -> set[str]:
    """Return the folders of the networks, of which a stage depends on one."""
    return {*NETWORKS, *RECOGNISERS}


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

    given -= {path for path in tracked_files(name) if is_code(path)}
    assert given == {path for path in tracked_files(name) if not is_code(path)}


@every_stage
def test_tracked_code_is_the_code_imported(name: str) -> None:
    module = f"stages.{module_of(name)}"
    used = {module} | imports_that_compute().find_upstream_modules(module)
    tracked = [path for path in definition(name)["deps"] if is_code(path)]

    deciding = [module for module in sorted(used) if not decides_nothing(module)]
    missing = [module for module in deciding if not covers(tracked, module)]

    assert missing == []


@every_stage
def test_no_stage_depends_on_code_that_it_does_not_import(name: str) -> None:
    module = f"stages.{module_of(name)}"
    used = {source(module)}
    used |= {source(m) for m in imports().find_upstream_modules(module)}
    tracked = [path for path in definition(name)["deps"] if is_code(path) and "${" not in path]

    idle = [path for path in tracked if not any(u.is_relative_to(ROOT / path) for u in used)]

    assert idle == []


@every_stage
def test_a_stage_depends_on_its_own_file_and_on_rooms(name: str) -> None:
    file, *rooms = [path for path in definition(name)["deps"] if is_code(path)]

    assert file == f"stages/{module_of(name)}.py"
    # A network's name stands for one folder of several.
    folders = [ROOT / path.replace("${item.arch}", "dncnn") for path in rooms]
    assert [str(folder) for folder in folders if not folder.is_dir()] == []


@pytest.mark.parametrize(
    ("stages", "parts"), [(NETWORK_STAGES, "parts"), (RECOGNISER_STAGES, "recogniser_parts")]
)
def test_a_stage_that_builds_a_network_depends_on_that_network_alone(
    stages: list[str], parts: str
) -> None:
    tracked = {
        path.removeprefix("pipeline/models/")
        for name in stages
        for path in definition(name)["deps"]
        if path.startswith("pipeline/models")
    }

    assert tracked - {"parts"} == {parts, "${item.arch}"} - {"parts"}


@pytest.mark.parametrize("arch", sorted(networks()))
def test_a_network_imports_nothing_of_the_project_but_what_networks_share(arch: str) -> None:
    graph = imports_that_compute()
    used = {
        imported
        for module in graph.find_descendants(f"pipeline.models.{arch}")
        for imported in graph.find_upstream_modules(module)
    }

    own = {"parts", "recogniser_parts", arch}
    assert {module for module in used if not decides_nothing(module)} <= {
        module for module in graph.modules for name in own if f"models.{name}" in module
    }


SCHEMA = [ROOT / "pipeline/section.py", *sorted((ROOT / "pipeline/settings").glob("*.py"))]

DECORATORS = {"field_validator", "model_validator", "classmethod"}


@pytest.mark.parametrize("path", SCHEMA, ids=lambda path: path.name)
def test_the_schema_declares_and_does_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    doing = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and not {getattr(getattr(one, "func", one), "id", "") for one in node.decorator_list}
        & DECORATORS
    ]

    # They pick an entry of a mapping.
    assert set(doing) <= {"named", "recognisers"}


def test_a_folder_of_rooms_has_at_most_fourteen_files_on_its_ground_floor() -> None:
    entries = [path for path in (ROOT / "pipeline").iterdir() if path.name != "__pycache__"]

    assert len([path for path in entries if path.is_file()]) <= 14
    assert len(entries) <= 26


def test_dvc_lock_has_every_stage_and_none_that_is_gone() -> None:
    params = read_yaml(ROOT / "params.yaml")
    names = {
        one
        for name, stage in GRAPH.items()
        for one in (
            [f"{name}@{key}" for key in params[stage["foreach"][2:-1]]]
            if "foreach" in stage
            else [name]
        )
    }

    assert set(read_yaml(ROOT / "dvc.lock")["stages"]) == names


def test_dvc_lock_stays_short() -> None:
    # DVC reads and writes all of it after each stage: 0.2 s a thousand lines.
    assert len((ROOT / "dvc.lock").read_text(encoding="utf-8").splitlines()) <= 5500


def test_dvc_yaml_stays_short() -> None:
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) <= 450


def test_every_section_of_the_params_is_used_by_a_stage() -> None:
    tracked = {key.split(".")[0] for name in GRAPH for key in definition(name).get("params", [])}

    assert tracked == set(Params.model_fields)


def test_stages_reserve_the_cores_that_they_use() -> None:
    threaded = {
        name
        for name in GRAPH
        if {"threads", "resources"} & inspect.signature(function(name)).parameters.keys()
    }
    importers = imports().find_modules_that_directly_import("pipeline.running.workers")
    using = {module for module in importers if not decides_nothing(module)}
    side_by_side = {
        name
        for name in GRAPH
        for module in [f"stages.{module_of(name)}"]
        if using & {module, *imports().find_upstream_modules(module)}
    }

    reserved = {name for name in GRAPH if "cpus" in definition(name).get("meta", {})}

    computing = {"guard", "reconstruct_programs", *NETWORK_STAGES, *RECOGNISER_STAGES}
    assert threaded == computing - {"import_weights"}
    assert side_by_side == {
        "guard",
        "download",
        "extract",
        "degrade",
        "collect",
        "degrade_input",
        "degrade_test",
        "evaluate",
        "evaluate_imported",
        "evaluate_applied",
        "evaluate_programs",
        "evaluate_outside",
        "baseline",
    }
    assert reserved == threaded | side_by_side


RUNNING = ["train", "reconstruct", "reconstruct_programs", "restore_input", *RECOGNISER_STAGES]


@pytest.mark.parametrize("name", RUNNING)
def test_stages_that_run_a_network_start_with_its_threads_and_allocator(name: str) -> None:
    code = (ROOT / "stages" / f"{name}.py").read_text(encoding="utf-8")

    prepared = code.index('if __name__ == "__main__":\n    prepare_to_compute()\n')
    # Whatever else is imported may import torch.
    others = re.search(r"^(from|import) (?!pipeline\.running\.stage_runner )", code, re.MULTILINE)
    assert others is not None
    assert prepared < others.start()
