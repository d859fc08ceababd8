"""An experiment with some changes: the entries of ``params.yaml`` that it needs."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.checking.params_text import NewEntry
from pipeline.nearest import nearest_known

REFERENCES = ("model", "train_on", "recipe", "start", "test_on")
"""Keys of an experiment that may name another entry instead."""

PARTS = ("recipe", "model", "degradation", "train_on")
"""What an experiment is made of whose values can be changed."""


class ChangeError(ValueError):
    """A change cannot be understood, or changes nothing."""


class SameValueError(ChangeError):
    """A value is to become what it is already.

    Args:
        change: The one that changes nothing.
    """

    def __init__(self, change: "Change") -> None:
        super().__init__(f"--set {change.text}: that is what it is already; nothing to try")
        self.change = change


@dataclass(frozen=True)
class Change:
    """One change of an experiment, as it was asked for.

    Args:
        keys: Such as ``("recipe", "steps")``, or ``("recipe",)`` for another recipe.
        value: The new one.
        text: All of it as it was written.
    """

    keys: tuple[str, ...]
    value: Any
    text: str

    @property
    def label(self) -> str:
        """Return a part of a name that tells this change from others."""
        value = re.sub(r"[^A-Za-z0-9_-]+", "_", self.text.partition("=")[2])
        return f"{self.keys[-1]}_{value.strip('_')}"


def parse_change(text: str) -> Change:
    """Return the change that ``KEY=VALUE`` asks for.

    Args:
        text: The key with dots between its parts, and a value as YAML has it.

    Raises:
        ChangeError: It has another form, or the key is none of an experiment.
    """
    key, equals, value = text.partition("=")
    keys = tuple(key.strip().split("."))
    if not equals or not value.strip() or not all(keys):
        raise ChangeError(
            f"--set {text}: expected KEY=VALUE, such as recipe.steps=3000 or model=NAME"
        )
    if keys[0] not in (REFERENCES if len(keys) == 1 else PARTS):
        raise ChangeError(f"--set {text}: {_hint(keys)}")
    try:
        parsed = YAML(typ="safe", pure=True).load(value)
    except (YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise ChangeError(f"--set {text}: expected a YAML value, but {reason}") from error
    return Change(keys, parsed, text)


def _hint(keys: Sequence[str]) -> str:
    """Say what a key may have meant."""
    first = keys[0]
    if first == "degradation":
        return "expected degradation.KEY=VALUE, or train_on.degradation=NAME for another one"
    if first in REFERENCES:
        return f"another one can be named, {first}=NAME; its values are not those of an experiment"
    near = nearest_known(first, {*REFERENCES, *PARTS})
    if near.startswith("expected"):
        near = f"expected one of: {', '.join([*(f'{part}.KEY' for part in PARTS), *REFERENCES])}"
    return f"an experiment has no '{first}' to change; {near}"


def name_of(experiment: str, changes: Sequence[Change]) -> str:
    """Return what the changed experiment is called if nobody says so."""
    return "_".join([experiment, *(change.label for change in changes)])


# ------------------------------------------------------------------------ the entries it needs


def changed_entries(
    content: Mapping[str, Any], experiment: str, changes: Sequence[Change], name: str
) -> list[NewEntry]:
    """Return the entries to add for a changed experiment, itself the last.

    Args:
        content: Of a valid ``params.yaml``.
        experiment: What is changed.
        changes: At least one; those that name another entry come first, whatever their order.
        name: Of the new experiment, and of the new entries it needs.

    Raises:
        ChangeError: A change names an entry that there is not.
        SameValueError: A change changes nothing.
    """
    entry = dict(content["experiments"][experiment])
    inside: dict[str, list[Change]] = {}
    for change in changes:
        part, *rest = change.keys
        if rest:
            inside.setdefault(part, []).append(change)
        else:
            _refuse_the_same(change, entry[part])
            entry[part] = change.value
    # An experiment names its pairs, and these their degradation: what is changed inside of one
    # is an entry of its own, and so is whatever names it.
    holders = {"recipe": entry, "model": entry, "train_on": entry}
    entries: list[NewEntry] = []
    for part in ("recipe", "model", "train_on", "degradation"):
        asked = inside.get(part, [])
        reasons = asked or (inside.get("degradation", []) if part == "train_on" else [])
        if not reasons:
            continue
        section, before = _section_of(part, entry), holders[part][part]
        value = _values_of(content, section, before, reasons[0])
        for change in asked:
            _put(value, change)
        entries.append(NewEntry(section=section, name=name, value=value, like=before))
        holders[part][part] = name
        if part == "train_on":
            holders["degradation"] = value
    return [*entries, NewEntry(section=("experiments",), name=name, value=entry, like=experiment)]


def _section_of(part: str, experiment: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the section of ``params.yaml`` that has the values of a part."""
    return {
        "recipe": ("recipes",),
        "model": ("models", str(experiment["arch"])),
        "train_on": ("pairs",),
        "degradation": ("degradations",),
    }[part]


def _values_of(
    content: Mapping[str, Any], section: Sequence[str], name: str, change: Change
) -> dict[str, Any]:
    here: Any = content
    for key in section:
        here = here[key]
    if name not in here:
        raise ChangeError(
            f"--set {change.text}: {'.'.join(section)} has no '{name}'; {nearest_known(name, here)}"
        )
    return dict(deepcopy(here[name]))


def _put(value: dict[str, Any], change: Change) -> None:
    """Change one value; a key that is not known is put in too, for the reader to refuse."""
    *outer, last = change.keys[1:]
    for key in outer:
        inner = value.get(key)
        value[key] = inner if isinstance(inner, Mapping) else {}
        value = value[key]
    if last in value:
        _refuse_the_same(change, value[last])
    value[last] = change.value


def _refuse_the_same(change: Change, before: object) -> None:
    # In Python, but not in YAML, true is 1.
    if isinstance(before, bool) is isinstance(change.value, bool) and before == change.value:
        raise SameValueError(change)
