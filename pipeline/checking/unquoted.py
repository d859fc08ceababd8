"""Names that YAML reads as something else, because they stand in no quotes.

YAML takes ``2024-06-01`` for a date, ``null`` and ``~`` for nothing, ``1e3`` and ``12`` for numbers
and ``true`` for a truth value.
"""

from collections.abc import Iterator, Sequence

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_TAG = "tag:yaml.org,2002:"
_READ_AS = {
    "bool": "true or false",
    "float": "a number",
    "int": "a number",
    "null": "nothing",
    "timestamp": "a date",
}
"""By the end of its tag, what YAML takes a plain word for."""


def unquoted_keys(document: Node | None) -> Iterator[str]:
    """Yield a sentence for each key in a document that YAML reads as something else than a text."""
    yield from _keys_in(document, (), set())


def unquoted_value(node: Node | None, path: Sequence[int | str]) -> str | None:
    """Return a sentence on a value that YAML reads as something else than a text, or None.

    Args:
        node: The document.
        path: Keys and positions that lead to the value.
    """
    for part in path:
        node = _inside(node, part)
    if not isinstance(node, ScalarNode) or (read_as := _read_as(node)) is None:
        return None
    if not node.value:
        where = _place(list(map(str, path)), node)
        return f"{where}: expected a text, there is nothing behind this key"
    return _sentence(list(map(str, path)), node, f"expected a text, YAML reads this as {read_as}")


def _keys_in(node: Node | None, above: Sequence[str], seen: set[int]) -> Iterator[str]:
    if id(node) in seen:  # an alias, which may even stand inside of what it stands for
        return
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        for position, inner in enumerate(node.value):
            yield from _keys_in(inner, (*above, str(position)), seen)
    elif isinstance(node, MappingNode):
        for key, inner in node.value:
            path = (*above, str(key.value))
            if (read_as := _read_as(key)) is not None:
                yield _sentence(path, key, f"YAML reads this name as {read_as}")
            yield from _keys_in(inner, path, seen)


def _read_as(node: Node) -> str | None:
    return _READ_AS.get(str(node.tag).removeprefix(_TAG))


def _sentence(path: Sequence[str], node: Node, fault: str) -> str:
    return f'{_place(path, node)}: {fault}; quote it: "{node.value}"'


def _place(path: Sequence[str], node: Node) -> str:
    return f"{'.'.join(path)} (line {node.start_mark.line + 1})"


def _inside(node: Node | None, part: int | str) -> Node | None:
    """Return what a key, or a position, of a node stands for, also by a merge; None of nothing."""
    found: list[Node | None] = []
    if isinstance(node, SequenceNode):
        found = [inner for position, inner in enumerate(node.value) if position == part]
    elif isinstance(node, MappingNode):
        found = [inner for key, inner in node.value if key.value == part]
        merged = [inner for key, inner in node.value if key.value == "<<"]
        for one in merged:
            others = one.value if isinstance(one, SequenceNode) else [one]
            found += [_inside(other, part) for other in others]
    return next((inner for inner in found if inner is not None), None)
