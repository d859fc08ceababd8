"""The reference of ``params.yaml`` for people: its schema as a page in Markdown."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.checking.editor_schema import described_schema
from pipeline.section import NAME, SOURCE, SUBFOLDER

_HEAD = """# The reference of params.yaml

Written by `restore schema --page`. Every key of the file is here, with what it may hold; unknown
keys and wrong types are refused. No value that could change a result has a default: what is marked
as optional changes none, or means that something is left out. An entry may begin with
`<<: *ANCHOR`, which takes the values of another one but for those that are written. What the kinds
of degradation, the networks and the protocols do is told in [Degradations](degradations.md),
[Networks](networks.md) and [Protocols](protocols.md)."""

_PATTERNS = {NAME: "name", SOURCE: "path", SUBFOLDER: "name of a folder"}
_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}
_TYPES = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`"}

Schema = Mapping[str, Any]


def params_page() -> str:
    """Return the page: a heading for each section of the file, a table for each kind of entry."""
    schema = described_schema()
    definitions: dict[str, Schema] = schema["$defs"]
    told: set[str] = set()
    parts = [_HEAD]
    for name, section in schema["properties"].items():
        parts += [f"## {name}", section.get("description", "")]
        parts.append(f"`{name}`: {_words(_content(section, definitions), definitions)}.")
        for key in _named_in(section, definitions):
            if key not in told:
                told.add(key)
                parts += list(_entry(key, definitions))
    return "\n\n".join(filter(None, parts))


def _content(section: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Return what a section holds, also where it lists the architectures."""
    target = definitions.get(_target(section), {})
    return target if _is_index(target) else section


def _is_index(definition: Schema) -> bool:
    """Tell whether all keys of a definition hold entries by names of the user's own."""
    keys = definition.get("properties", {})
    return bool(keys) and all("patternProperties" in one for one in keys.values())


def _entry(key: str, definitions: Mapping[str, Schema]) -> Iterator[str]:
    definition = definitions[key]
    if _is_index(definition):
        return
    yield f"### {key}"
    yield _prose(definition.get("description", ""))
    rows = [
        f"| `{name}`{'' if name in definition.get('required', ()) else ' (optional)'} "
        f"| {_words(one, definitions)} | {_prose(one.get('description', ''))} |"
        for name, one in definition["properties"].items()
    ]
    yield "\n".join(["| key | holds | |", "| --- | --- | --- |", *rows])


def _named_in(schema: Any, definitions: Mapping[str, Schema]) -> Iterator[str]:  # noqa: ANN401
    """Yield the definitions that a schema refers to, those first that it names itself."""
    found = list(dict.fromkeys(_references(schema)))
    for key in found:
        yield key
        yield from _named_in(definitions[key]["properties"], definitions)


def _references(schema: Any) -> Iterator[str]:  # noqa: ANN401  (a part of any form)
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield _target(schema)
        for key, value in schema.items():
            if key != "discriminator":
                yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _target(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _words(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """Return in words what a key may hold."""
    if "$ref" in schema:
        name = _target(schema)
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            kinds = [one for one in schema[key] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(_words(one, definitions) for one in kinds))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return _plain(schema, definitions)


def _plain(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    kind = schema.get("type")
    if kind == "array":
        # Of two numbers, each has its own schema.
        one = schema.get("items") or schema["prefixItems"][0]
        return f"[{_words(one, definitions)}, …]"
    if "patternProperties" in schema:
        (value,) = schema["patternProperties"].values()
        return f"entries by name, each {_words(value, definitions)}"
    if kind == "object":
        return "; ".join(
            f"`{name}`: {_words(one, definitions)}" for name, one in schema["properties"].items()
        )
    if kind == "string":
        return _PATTERNS.get(schema.get("pattern", ""), "text")
    limits = [
        words.format(f"{schema[key]:.15g}") for key, words in _LIMITS.items() if key in schema
    ]
    return " ".join([_TYPES[str(kind)], " and ".join(limits)]).strip()


def _prose(text: str) -> str:
    """Return a docstring as Markdown that fits into a cell of a table."""
    first, *more = text.split("\n\nArgs:")[0].split("\n\n")
    joined = " ".join(" ".join(one.split()) for one in (first, *more))
    return joined.replace("``", "`").replace("|", "\\|")
