"""The JSON schema that editors complete and check ``params.yaml`` with."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

from pipeline.section import Section
from pipeline.settings.params import Params

_MERGED = {"description": "An entry whose values this one takes, but for those written here."}


def editor_schema() -> dict[str, Any]:
    """Return the schema of ``params.yaml`` as an editor sees the file: before entries are merged.

    An entry may begin with ``<<: *ANCHOR``. What it then lacks is written at the anchor, so that
    nothing is required of it but that what it has is known. Keys have the descriptions that stand
    below them in the code.
    """
    schema = described_schema()
    for definition in schema["$defs"].values():
        if definition.get("type") != "object" or "required" not in definition:
            continue
        definition["properties"] = {"<<": _MERGED, **definition["properties"]}
        required = definition.pop("required")
        definition["anyOf"] = [{"required": ["<<"]}, {"required": required}]
    return schema


def described_schema() -> dict[str, Any]:
    """Return the schema of ``params.yaml`` without anchors, with the descriptions of its keys."""
    schema = Params.model_json_schema()
    classes = {section.__name__: section for section in _sections(Section)}
    for name, definition in {**schema["$defs"], Params.__name__: schema}.items():
        for parent in classes[name].__mro__ if name in classes else ():
            for key, text in _descriptions(inspect.getmodule(parent)).get(parent.__name__, ()):
                if key in definition["properties"]:
                    definition["properties"][key].setdefault("description", text)
    return schema


def _sections(base: type[Section]) -> Iterator[type[Section]]:
    for section in base.__subclasses__():
        yield section
        yield from _sections(section)


# Pydantic can do so itself, but reads the sources at every start.
@cache
def _descriptions(module: ModuleType | None) -> dict[str, list[tuple[str, str]]]:
    """Return what stands below the keys of the classes of a module: key and text, by class."""
    try:
        tree = ast.parse(inspect.getsource(module)) if module else ast.Module([], [])
    except (OSError, TypeError):  # built into the interpreter
        return {}
    return {
        node.name: [
            (one.target.id, inspect.cleandoc(text.value.value))
            for one, text in zip(node.body, node.body[1:], strict=False)
            if isinstance(one, ast.AnnAssign)
            and isinstance(one.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ]
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
