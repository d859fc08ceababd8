"""Write entries into the text of ``params.yaml``; every other letter of it stays as it is."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

_INDENT = 2
_LONGEST_LINE = 2**20


class ParamsTextError(ValueError):
    """An entry cannot be written into this text."""


@dataclass(frozen=True, kw_only=True)
class NewEntry:
    """An entry to write at the end of its section.

    Args:
        section: Path of the section, such as ``("models", "dncnn")``.
        name: Of the entry.
        value: All that it says.
        like: Entry of the same section that it differs little from: it is written as a YAML merge
            of that, if that has an anchor.
    """

    section: tuple[str, ...]
    name: str
    value: Mapping[str, Any]
    like: str | None = None

    @property
    def path(self) -> str:
        """Return the path of the entry."""
        return ".".join((*self.section, self.name))


def add_entries(text: str, entries: Iterable[NewEntry]) -> str:
    """Return the text of a ``params.yaml`` with more entries.

    Args:
        text: What it is before.
        entries: Each gets one line, at the end of its section.

    Raises:
        ParamsTextError: A section is no mapping, has the entry already, or cannot be edited as
            text.
    """
    for entry in entries:
        text = _add(text, entry)
    return text


def as_line(value: Mapping[str, Any]) -> str:
    """Return an entry in braces, on one line."""
    return _dump(_in_braces(value))


def as_key(name: str) -> str:
    """Return a name as YAML has to have it: in quotes where it would be a number or a date."""
    return as_line({name: 0}).removeprefix("{").removesuffix(": 0}")


def plain(value: object) -> Any:  # noqa: ANN401  (any value of YAML)
    """Return a value in Python's own types, without what is known of how it was written."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _add(text: str, entry: NewEntry) -> str:
    before = _load(text)
    wanted = _with(before, entry)
    for written in _ways_to_write(text, entry):
        try:
            after = _insert(text, entry, written)
            if _load(after) == wanted:
                return after
        except YAMLError:
            continue
    raise ParamsTextError(
        f"{entry.path}: cannot be written into this file as text; add it by hand: "
        f"{as_key(entry.name)}: {as_line(entry.value)}"
    )


def _load(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(text) or {}
    return loaded


def _with(content: dict[str, Any], entry: NewEntry) -> dict[str, Any]:
    """Return what the file shall say after the entry is in it."""
    here = content
    for key in entry.section:
        inner = here.get(key) or {}
        if not isinstance(inner, dict):
            raise ParamsTextError(f"{entry.path}: expected a section, '{key}' is {inner!r}")
        here[key] = inner
        here = inner
    if entry.name in here:
        raise ParamsTextError(f"{entry.path}: there is such an entry already")
    here[entry.name] = _load(as_line(entry.value))
    return content


# ---------------------------------------------------------------------------- what is written


def _ways_to_write(text: str, entry: NewEntry) -> Iterable[str]:
    """Yield the entry as a merge of the one that it is like, if that can be, and in full."""
    found = _find(_compose(text), (*entry.section, entry.like)) if entry.like else None
    if found is not None and found.anchor:
        like = _load(text)
        for key in (*entry.section, str(entry.like)):
            like = like[key]
        if not like.keys() - entry.value.keys():  # a merge takes no key away
            changed = {
                key: value
                for key, value in entry.value.items()
                if key not in like or like[key] != value
            }
            rest = as_line(changed).removeprefix("{").removesuffix("}")
            yield f"{{<<: *{found.anchor}{', ' if rest else ''}{rest}}}"
    yield as_line(entry.value)


def _in_braces(value: object) -> object:
    """Copy a value without its comments, to be written on one line."""
    if isinstance(value, Mapping):
        mapping = CommentedMap((key, _in_braces(one)) for key, one in value.items())
        mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, Sequence) and not isinstance(value, str):
        sequence = CommentedSeq(_in_braces(one) for one in value)
        sequence.fa.set_flow_style()
        return sequence
    return value


def _dump(value: object) -> str:
    yaml = YAML()
    yaml.width = _LONGEST_LINE
    yaml.preserve_quotes = True
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue().strip()


# --------------------------------------------------------------------------- where it is written


def _compose(text: str) -> Node | None:
    node: Node | None = YAML(typ="rt", pure=True).compose(text)
    return node


def _find(node: Node | None, path: Sequence[str]) -> Node | None:
    for key in path:
        if not isinstance(node, MappingNode):
            return None
        node = next((value for name, value in node.value if name.value == key), None)
    return node


def _insert(text: str, entry: NewEntry, written: str) -> str:
    """Write an entry at the end of its section, which is made where it is missing or empty."""
    if text and not text.endswith("\n"):
        text += "\n"
    end = "\r\n" if "\r\n" in text else "\n"
    node, key = _compose(text), None
    names = [*entry.section, entry.name]
    while isinstance(node, MappingNode) and node.value and len(names) > 1:
        pair = next((pair for pair in node.value if pair[0].value == names[0]), None)
        if pair is None:
            break
        key, node = pair
        names = names[1:]
    names = [as_key(name) for name in names]
    if isinstance(node, MappingNode) and node.value and node.flow_style:
        # A section in braces: the entry goes before the closing one.
        braces = written
        for name in reversed(names[1:]):
            braces = f"{{{name}: {braces}}}"
        at = node.end_mark.index - 1
        return f"{text[:at].rstrip()}, {names[0]}: {braces}{text[at:]}"
    lines = text.splitlines(keepends=True)
    if isinstance(node, MappingNode) and node.value:
        column, line = node.value[0][0].start_mark.column, _last_line(*node.value[-1])
    elif key is None:
        column, line = 0, len(lines) - 1
    else:
        column, line = key.start_mark.column + _INDENT, key.start_mark.line
        lines[line] = _without_value(lines[line], key, node)
    block = [
        f"{' ' * (column + _INDENT * depth)}{name}:{end}" for depth, name in enumerate(names[:-1])
    ]
    depth = column + _INDENT * len(block)
    lines[line + 1 : line + 1] = [*block, f"{' ' * depth}{names[-1]}: {written}{end}"]
    return "".join(lines)


def _last_line(key: Node, value: Node) -> int:
    """Return the line on which an entry ends, without the comments behind it."""
    start, end = value.start_mark, value.end_mark
    if start.index < key.start_mark.index or start.index == end.index:
        last: int = key.end_mark.line  # an alias lies where its anchor is, and nothing nowhere
    elif isinstance(value, MappingNode) and not value.flow_style:
        last = _last_line(*value.value[-1])
    elif isinstance(value, SequenceNode) and not value.flow_style:
        last = _last_line(key, value.value[-1])
    else:
        last = end.line - (1 if end.column == 0 and end.line > start.line else 0)
    return last


def _without_value(line: str, key: Node, value: Node | None) -> str:
    """Return the line of a key without its empty value, ``{}`` or ``null``."""
    if value is None or value.start_mark.line != key.start_mark.line:
        return line
    start, end = value.start_mark.column, value.end_mark.column
    rest = line[end:]
    return line[:start].rstrip() + rest if not rest.strip() else line[:start] + rest.lstrip()
