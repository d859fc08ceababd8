"""Names that YAML reads as something else: dates, numbers, nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_KINDS = {
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "timestamp": "a date",
}
"""What YAML calls them, and people."""


def misread_keys(path: Path, content: Any) -> Iterator[str]:  # noqa: ANN401  (a YAML file's)
    """Yield a sentence for each key of a YAML file that is no string.

    Args:
        path: The file, which is read again only if there is such a key.
        content: What it holds.
    """
    if _has_others(content):
        yield from _misread(YAML(typ="safe", pure=True).compose(path), "")


def _has_others(content: Any) -> bool:  # noqa: ANN401  (a YAML file's)
    if isinstance(content, dict):
        return any(not isinstance(key, str) or _has_others(one) for key, one in content.items())
    return isinstance(content, list) and any(map(_has_others, content))


def _misread(node: Node | None, where: str) -> Iterator[str]:
    if isinstance(node, SequenceNode):
        for one in node.value:
            yield from _misread(one, where)
    if not isinstance(node, MappingNode):
        return
    for key, value in node.value:
        name = key.value if isinstance(key, ScalarNode) else "?"
        at = f"{where}.{name}" if where else str(name)
        kind = _KINDS.get(str(key.tag).rpartition(":")[2])
        if kind is not None:
            yield (
                f"{at}: line {key.start_mark.line + 1}: expected a valid string; came "
                f"{name or 'none'}, which YAML reads as {kind}: quote it, '{name}', if it is a name"
            )
        yield from _misread(value, at)
