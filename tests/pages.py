"""The pages for people, at the top and in ``docs/``, as the tests read them."""

import json
import re
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from tests.project import ROOT

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]

Content = dict[str, Any]
"""A YAML file, or a part of one."""


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Args:
        before: The text of the page up to it.
        preset: Of which a block of ``params.yaml`` is a part: the word after the language.
        text: Its lines.
    """

    before: str
    preset: str
    text: str


def read_page(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[Block]:
    """Return the blocks of a page in one language, in their order."""
    text = read_page(page)
    found = re.finditer(rf"^```{language}(?: (\w+))?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(text[: one.start()], one[1] or "quick", one[2]) for one in found]


def commands(page: str) -> list[str]:
    """Return the lines of all blocks of shell of a page."""
    return [line for block in blocks(page, "sh") for line in block.text.splitlines()]


def first_column(page: str) -> set[str]:
    """Return the names in the first column of the tables of a page, several of one cell, too."""
    # A heading has the name of a key, and a line of dashes below it.
    cells = re.findall(r"^\| (`[^|]*`) \|(?!.*\n\| ---)", read_page(page), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


# --------------------------------------------------------------------- parts of params.yaml


def section_of(block: Block) -> str | None:
    """Return the section of entries that stand alone: the last one that the text names."""
    if not block.text.startswith(" "):
        return None
    found: list[str] = re.findall(r"`(\w+):`", block.before)
    return found[-1]


def parts(page: str) -> dict[str, list[str]]:
    """Return the blocks of YAML of a page that are parts of ``params.yaml``, by preset."""
    found: dict[str, list[str]] = {}
    for block in blocks(page, "yaml"):
        section = section_of(block)
        if section is not None:
            found.setdefault(block.preset, []).append(f"{section}:\n{block.text}")
        elif not re.match("(stages|deployments|pull):", block.text):
            found.setdefault(block.preset, []).append(block.text)
    return found


def written_into(preset: str, added: list[str]) -> str:
    """Return a preset with parts of ``params.yaml`` written into it.

    Entries of the same name are replaced, and so are lists. The parts may use the anchors of the
    preset.

    Args:
        preset: Name of the preset.
        added: The parts.
    """
    whole = (ROOT / f"pipeline/checking/presets/{preset}.yaml").read_text(encoding="utf-8")
    texts = [whole, *added]
    # One document, as anchors end with theirs.
    document = "".join(f"part_{number}:\n{_indented(text)}\n" for number, text in enumerate(texts))
    content, *others = YAML(typ="safe", pure=True).load(document).values()
    for other in others:
        for name, section in other.items():
            content[name] = _merged(content.get(name), section, deep=name == "models")
    return json.dumps(content)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _merged(old: Any, new: Any, *, deep: bool) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    if not deep:
        return {**old, **new}
    return {**old, **{name: _merged(old.get(name), one, deep=False) for name, one in new.items()}}


def paste(params: str, section: str, lines: str) -> str:
    """Return the text of a ``params.yaml`` with lines added below the last entry of a section."""
    pattern = rf"^{section}:\n(?:[ #].*\n|\n)*^ .*\n"
    begin = re.search(pattern, params, re.MULTILINE)
    if begin is None:
        raise ValueError(f"expected a section {section} with entries")
    return params[: begin.end()] + lines + params[begin.end() :]
