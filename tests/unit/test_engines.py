"""Where stages run: what is refused before any of them starts, and what they get of a node."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.commands import USAGE, CommandError
from pipeline.commands.graph import add_engine, read_engine
from pipeline.graph.dag import Stage
from pipeline.graph.engines.choosing import open_engine
from pipeline.graph.engines.engine import EngineError
from pipeline.graph.engines.node_facts import NodeFacts, find_fault
from pipeline.graph.engines.ray_cluster import cause_of
from pipeline.graph.engines.sharing import Share, cut_to_fit

SMALL, LARGE = Share(4.0, 0.0, 64.0), Share(16.0, 0.0, 32.0)
WITH_GPU = Share(8.0, 2.0, 16.0)
HERE = NodeFacts("here", "3.11", "2.60.0", has_python=True, shares_files=True)


def stage(cpus: int, gpus: float = 0, memory: float = 0.0) -> Stage:
    return Stage("train", (), cpus, gpus, (), (), memory=memory)


def test_a_stage_that_fits_gets_what_it_asks_for() -> None:
    share = cut_to_fit(stage(3, gpus=0.5, memory=8), [SMALL, LARGE, WITH_GPU])

    assert share == Share(3.0, 0.5, 8.0)


def test_a_stage_larger_than_any_node_gets_what_one_node_has() -> None:
    nodes = [SMALL, LARGE]

    cores = cut_to_fit(stage(1000), nodes)
    memory = cut_to_fit(stage(2, memory=1000), nodes)

    assert cores == Share(16.0, 0.0, 0.0)
    assert memory == Share(2.0, 0.0, 64.0)


def test_a_gpu_is_worth_more_than_cores() -> None:
    assert cut_to_fit(stage(16, gpus=4), [LARGE, WITH_GPU]) == Share(8.0, 2.0, 0.0)


def test_a_stage_that_can_use_a_gpu_runs_without_where_there_is_none() -> None:
    assert cut_to_fit(stage(2, gpus=1), [SMALL]) == Share(2.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (replace(HERE, node="b", python="3.12"), "b has Python 3.12, expected 3.11"),
        (replace(HERE, node="b", engine="2.59.0"), "b has Ray 2.59.0, expected 2.60.0"),
        (replace(HERE, node="b", shares_files=False), "b does not see /project"),
        (replace(HERE, node="b", has_python=False), "b has no /env/python"),
    ],
)
def test_a_node_that_is_not_as_this_machine_is_named_with_what_it_lacks(
    node: NodeFacts, said: str
) -> None:
    fault = find_fault(HERE, node, program="/env/python", folder="/project")

    assert fault is not None
    assert fault.startswith(said)


def test_a_node_as_this_machine_has_no_fault() -> None:
    node = replace(HERE, node="b")

    assert find_fault(HERE, node, program="/env/python", folder="/project") is None


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("rai", {}, "expected one of local, ray, slurm, workers, came 'rai'"),
        ("local", {"address": "a:1"}, "'local' takes no options, came address"),
        ("ray", {"adress": "a:1"}, "'ray' takes only address, came adress"),
        ("slurm", {"cluster": "pbs"}, "cluster: expected slurm or local, came 'pbs'"),
        ("slurm", {"silence": "long"}, "silence: expected a number of at least 0, came 'long'"),
        ("slurm", {"gpus": "0.5"}, "gpus: expected a whole number of at least 0, came '0.5'"),
        ("workers", {"silence": "0"}, "silence: expected seconds, at least 1, came '0'"),
        ("workers", {"repository": "https://t0ken@a.b/c"}, "without a password or a token"),
    ],
)
def test_a_wrong_name_or_option_is_refused(
    name: str, options: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match=said):
        open_engine(name, options, root=tmp_path, warn=pytest.fail)


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_package_that_lacks_is_named_with_what_installs_it(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(EngineError, match=r"pip install .*\[cluster\]"):
        open_engine(name, {}, root=tmp_path, warn=pytest.fail)


OF_CODE = """\
ray::RayStage.run() (pid=7, ip=10.0.0.2)
  File "ray_stage.py", line 42, in run
    process = self._children.start(
FileNotFoundError: [Errno 2] No such file or directory: '/project'
"""


@pytest.mark.parametrize(
    ("text", "in_code", "cause"),
    [
        (OF_CODE, True, "FileNotFoundError: [Errno 2] No such file or directory: '/project'"),
        ("The actor died.\n\tclass_name: RayStage", False, "The actor died."),
        ("", True, "RuntimeError"),
        (" \n", False, "RuntimeError"),
    ],
)
def test_the_line_of_an_error_of_ray_that_says_the_cause_is_told(
    text: str, in_code: bool, cause: str
) -> None:
    assert cause_of(RuntimeError(text), in_code=in_code) == cause


def ask(*words: str) -> tuple[str, dict[str, str]]:
    parser = argparse.ArgumentParser()
    add_engine(parser)
    return read_engine(parser.parse_args(words))


def test_the_engine_and_its_options_come_from_the_command_line() -> None:
    assert ask() == ("local", {})
    assert ask("--engine", "ray", "--address", "a:1") == ("ray", {"address": "a:1"})
    assert ask("--engine", "slurm", "--engine-options", "time=5", "partition=gpu") == (
        "slurm",
        {"time": "5", "partition": "gpu"},
    )


def test_an_option_that_is_no_pair_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="expected KEY=VALUE, came 'gpu'") as refused:
        ask("--engine", "slurm", "--engine-options", "gpu")

    assert refused.value.code == USAGE
