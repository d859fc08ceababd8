"""Read ``params.yaml``, and explain what is wrong with it in the words of its author."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node

from pipeline.arrays.written_text import TextError, read_text
from pipeline.checking.contradictions import contradictions
from pipeline.checking.unquoted import unquoted_keys, unquoted_value
from pipeline.nearest import nearest_known
from pipeline.section import PATTERNS
from pipeline.settings.params import Params

Yaml = Any
"""What a YAML file may hold: nothing is known of it before it is validated."""

Schema = dict[str, Any]
"""A JSON schema, or a part of one."""

_FORMER_KEYS = {
    r"experiments\..+\.degradation": (
        "a training set has a name of its own now: write `NAME: {bank: ..., degradation: ...}` in "
        "the section `pairs`, with the bank that `train_on` named, and `train_on: NAME` here"
    ),
    r"described|described_inputs": (
        "this section is gone, and so are the features of one's own captioned images: leave it "
        "out; tasks of kind `features` read pairs of features from a folder or a published set"
    ),
}
"""Keys that earlier versions had, as patterns of their paths, and how to write them now."""


_MAY_BE_EMPTY = ("programs", "outside")
"""Sections that files of earlier versions lack."""


class ParamsError(ValueError):
    """``params.yaml`` cannot be used; the message lists every fault with the path of its key."""


def load_params(path: Path) -> Params:
    """Read and validate ``path`` with the YAML 1.2 rules that DVC itself applies.

    Raises:
        ParamsError: The file is missing or not YAML, or a key, a value or a combination in it
            is wrong; the message has one line a fault.
    """
    try:
        version = path.read_bytes()
    except OSError:
        version = b""  # `read_yaml` says why
    return _load(path, version)


@lru_cache(maxsize=1)
def _load(path: Path, version: bytes) -> Params:  # noqa: ARG001 - a file that changed is read anew
    """Load ``path``, whose bytes are ``version``: a command asks more than once."""
    content = read_yaml(path)
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        document = YAML(typ="safe", pure=True).compose(path)
        unquoted = list(unquoted_keys(document))
        if unquoted:  # what else is wrong is told of other names
            raise _refusal(path, unquoted) from error
        faults = [_explain(fault, content, document) for fault in error.errors(include_url=False)]
        # Several branches of a union may each complain about the same value.
        raise _refusal(path, dict.fromkeys(faults)) from error
    faults = list(contradictions(params))
    if faults:
        raise _refusal(path, faults)
    return params


def read_yaml(path: Path) -> Yaml:
    """Return the content of a YAML 1.2 file.

    Raises:
        ParamsError: The file cannot be read or is not YAML.
    """
    try:
        read_text(path)  # DVC, which reads it as well, takes UTF-8 alone
        return YAML(typ="safe", pure=True).load(path)
    except TextError as error:
        raise ParamsError(f"{path}: expected YAML, but {error}") from error
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ComposerError as error:
        raise ParamsError(f"{path}: expected YAML, but {_explain_alias(error, path)}") from error
    except (YAMLError, ValueError) as error:  # ValueError: undecodable bytes, endless numbers
        raise ParamsError(f"{path}: expected YAML, but {error}") from error
    except RecursionError as error:
        raise ParamsError(f"{path}: expected YAML, but too many brackets are open") from error


def _explain_alias(error: ComposerError, path: Path) -> str:
    """Say which anchor a ``*NAME`` misses, and which there are."""
    missing = re.fullmatch(r"found undefined alias '(.+)'", str(error.problem))
    if missing is None or error.problem_mark is None:
        return str(error)
    text = read_text(path)
    known = sorted({f"&{name}" for name in re.findall(r":[ \t]+&([\w-]+)", text)})
    return (
        f"line {error.problem_mark.line + 1}: '*{missing[1]}' stands for an entry with an anchor, "
        f"but there is no anchor '&{missing[1]}'; {nearest_known(f'&{missing[1]}', known)}"
    )


def _refusal(path: Path, faults: Iterable[str]) -> ParamsError:
    lines = [f"  {fault}" for fault in faults]
    return ParamsError("\n".join([f"{path} has {len(lines)} fault(s):", *lines]))


# ------------------------------------------------------------------ faults of one key


def _explain(fault: ErrorDetails, content: Yaml, document: Node) -> str:
    keys, node = _locate(fault, content)
    if fault["type"] == "string_type" and (told := unquoted_value(document, keys)):
        return told
    where = ".".join(map(str, keys)) or "(the whole file)"
    if fault["type"] == "extra_forbidden":
        for pattern, advice in _FORMER_KEYS.items():
            if re.fullmatch(pattern, where):
                return f"{where}: {advice}"
        hint = nearest_known(str(keys[-1]), _known_keys(keys[:-1], content))
        return f"{where}: unknown key; {hint}"
    if fault["type"] in {"missing", "union_tag_not_found"}:
        none = f"; write `{where}: {{}}` for none" if where in _MAY_BE_EMPTY else ""
        return f"{where}: missing; expected a value for this key{none}"
    came = f"a {type(node).__name__}" if isinstance(node, dict | list) else repr(node)
    if fault["type"] == "union_tag_invalid":
        return f"{where}: expected one of {fault['ctx']['expected_tags']}; came {came}"
    if fault["type"] == "string_pattern_mismatch":
        return f"{where}: expected {PATTERNS[fault['ctx']['pattern']]}; came {came}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower() + message[1:]}; came {came}"


def _locate(fault: ErrorDetails, content: Yaml) -> tuple[list[int | str], Yaml]:
    """Return the path of keys to a fault, without the tags that pydantic adds for unions."""
    keys: list[int | str] = []
    node = content
    for part in fault["loc"]:
        in_section = isinstance(node, dict) and part in node
        in_list = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if in_section or in_list:
            node = node[part]
            keys.append(part)
    if fault["type"] == "missing":
        keys.append(fault["loc"][-1])
    elif fault["type"].startswith("union_tag_"):
        keys.append("kind")
        node = node.get("kind")
    elif fault["loc"][-1:] == ("[key]",):  # the name is wrong, not what it stands for
        node = keys[-1]
    return keys, node


def _known_keys(keys: list[int | str], content: Yaml) -> list[str]:
    """Return the keys that the section at the path ``keys`` may have."""
    schema = Params.model_json_schema()
    nodes = [schema]
    for key in keys:
        content = content[key]
        nodes = [
            branch
            for node in nodes
            for child in _children(node, key)
            for branch in _branches(child, schema["$defs"], content)
        ]
    return sorted({known for node in nodes for known in node.get("properties", {})})


def _children(node: Schema, key: int | str) -> Iterator[Schema]:
    if key in node.get("properties", {}):
        yield node["properties"][key]
    elif isinstance(key, int) and "items" in node:
        yield node["items"]
    else:
        yield from node.get("patternProperties", {}).values()


def _branches(node: Schema, definitions: Schema, content: Yaml) -> Iterator[Schema]:
    """Follow references and unions; of a union by ``kind`` keep the branch of ``content``."""
    if "$ref" in node:
        yield from _branches(definitions[node["$ref"].rsplit("/", 1)[1]], definitions, content)
        return
    union = node.get("oneOf", node.get("anyOf"))
    if union is not None:
        for branch in union:
            yield from _branches(branch, definitions, content)
        return
    kind = node.get("properties", {}).get("kind", {}).get("const")
    if kind is None or (isinstance(content, dict) and content.get("kind") == kind):
        yield node
