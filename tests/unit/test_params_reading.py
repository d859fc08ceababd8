"""Params as DVC reads them: the same values, without a walk over all of a file."""

import os
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency.param import dpath
from dvc.utils.serialize import LOADERS

from pipeline.checking.params_file import read_yaml
from pipeline.graph.params_reading import reading_params_once, value_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "key", ["seed", "recipes", "recipes.quick.optimiser", "models.dncnn.gray_8.width", "programs"]
)
def test_a_value_is_that_of_dvc(key: str) -> None:
    values = read_yaml(ROOT / "params.yaml")

    assert value_of(values, key, ".") is dpath.get(values, key, separator=".")


@pytest.mark.parametrize("key", ["b.1", "c.True", "d.*", "e.0.f", "g.h"])
def test_keys_that_are_no_plain_names_are_those_of_dvc(key: str) -> None:
    values: Any = {"b": {1: "x"}, "c": {True: "y"}, "d": {"*": "z"}, "e": [{"f": 0}], "g": {"h": 1}}

    assert value_of(values, key, ".") == dpath.get(values, key, separator=".")


@pytest.mark.parametrize("key", ["nowhere", "a.nowhere", "a.b.c", "a.b.c.d"])
def test_a_key_that_is_not_there_is_refused(key: str) -> None:
    with pytest.raises(KeyError):
        value_of({"a": {"b": 1}}, key, ".")


def test_a_file_is_parsed_again_when_it_has_been_written(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("a: 1")
    with reading_params_once():
        first = LOADERS[".yaml"](str(path))
        again = LOADERS[".yaml"](str(path))
        path.write_text("a: 2")
        os.utime(path, ns=(0, 0))
        edited = LOADERS[".yaml"](str(path))

    assert first is again
    assert edited == {"a": 2}
