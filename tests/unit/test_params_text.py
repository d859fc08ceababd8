import difflib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.checking.params_text import NewEntry, ParamsTextError, add_entries, as_line

ROOT = Path(__file__).parents[2]

TEXT = """\
# Of the whole file.
recipes:
  quick: &quick
    steps: 650   # not many
    rate: 4.0e-3
    clip: {kind: norm, limit: 0.5}
  long: {<<: *quick, steps: 9}
  again: *quick
  # the last word on recipes

# Of models.
models:
    dncnn:
        small: {width: 8}
    vdsr: {tiny: {width: 4}}
imported: {}   # nothing yet
applied:
lists: {a: [1, 2]}
"""


def entry(*section: str, name: str = "new", like: str | None = None, **value: object) -> NewEntry:
    return NewEntry(section=section, name=name, value=value, like=like)


def added(before: str, after: str) -> list[str]:
    changes = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    assert [line for line in changes if line.startswith("-")] == []
    return [line[2:] for line in changes if line.startswith("+")]


def test_an_entry_is_one_line_at_the_end_of_its_section_before_its_comments() -> None:
    after = add_entries(TEXT, [entry("recipes", steps=3, at=["a", {"b": True, "c": 1}])])

    assert added(TEXT, after) == ["  new: {steps: 3, at: [a, {b: true, c: 1}]}"]
    lines = after.splitlines()
    assert (
        lines[lines.index("  new: {steps: 3, at: [a, {b: true, c: 1}]}") - 1] == "  again: *quick"
    )


def test_an_entry_like_one_with_an_anchor_is_a_merge_of_it() -> None:
    clip = {"kind": "norm", "limit": 0.5}
    one = entry("recipes", like="quick", steps=3, rate=4.0e-3, clip=clip)

    assert added(TEXT, add_entries(TEXT, [one])) == ["  new: {<<: *quick, steps: 3}"]


def test_an_entry_like_one_without_an_anchor_is_written_out() -> None:
    one = entry("recipes", like="long", steps=3)

    assert added(TEXT, add_entries(TEXT, [one])) == ["  new: {steps: 3}"]


def test_an_entry_that_lacks_a_key_of_the_one_it_is_like_is_written_out() -> None:
    one = entry("recipes", like="quick", steps=3, rate=4.0e-3)

    assert added(TEXT, add_entries(TEXT, [one])) == ["  new: {steps: 3, rate: 0.004}"]


def test_numbers_keep_the_way_they_are_written() -> None:
    recipe = YAML().load(TEXT)["recipes"]["quick"]

    assert as_line({**recipe, "steps": 3}).startswith("{steps: 3, rate: 4.0e-3, clip: {kind: norm")


@pytest.mark.parametrize(
    ("section", "changed"),
    [
        (("models", "dncnn"), ["        new: {a: 1}"]),
        (("models", "edsr"), ["    edsr:", "      new: {a: 1}"]),
        (("applied",), ["  new: {a: 1}"]),
        (("other",), ["other:", "  new: {a: 1}"]),
        (("deep", "er"), ["deep:", "  er:", "    new: {a: 1}"]),
    ],
)
def test_missing_and_empty_sections_are_made(section: tuple[str, ...], changed: list[str]) -> None:
    assert added(TEXT, add_entries(TEXT, [entry(*section, a=1)])) == changed


def test_empty_braces_give_way_and_their_comment_stays() -> None:
    after = add_entries(TEXT, [entry("imported", a=1), entry("imported", name="b", a=2)])

    assert "imported: # nothing yet\n  new: {a: 1}\n  b: {a: 2}\napplied:\n" in after


def test_a_section_in_braces_stays_in_braces() -> None:
    after = add_entries(TEXT, [entry("models", "vdsr", a=1), entry("models", "vdsr", "in", a=2)])

    assert "    vdsr: {tiny: {width: 4}, new: {a: 1}, in: {new: {a: 2}}}\n" in after


def test_a_file_without_a_last_line_end_and_one_of_windows_are_gone_on_with() -> None:
    assert add_entries("a: {}", [entry("a", b=1)]) == "a:\n  new: {b: 1}\n"
    assert add_entries("a:\r\n  x: {}\r\n", [entry("a", b=1)]) == (
        "a:\r\n  x: {}\r\n  new: {b: 1}\r\n"
    )


def test_a_name_that_is_taken_and_a_section_that_is_none_are_refused() -> None:
    with pytest.raises(ParamsTextError, match=r"recipes\.quick: there is such an entry"):
        add_entries(TEXT, [entry("recipes", name="quick", a=1)])
    with pytest.raises(ParamsTextError, match=r"lists\.a\.new: expected a section, 'a' is 3"):
        add_entries("lists: {a: 3}\n", [entry("lists", "a", b=1)])


@pytest.mark.parametrize(
    "preset", sorted(path.stem for path in ROOT.glob("pipeline/checking/presets/*.yaml"))
)
def test_nothing_else_of_a_preset_changes(preset: str) -> None:
    text = (ROOT / "pipeline/checking/presets" / f"{preset}.yaml").read_text(encoding="utf-8")
    content = YAML(typ="safe", pure=True).load(text)
    section = next(
        name for name in ("experiments", "imported", "recipes", "datasets") if content.get(name)
    )
    first = next(iter(content[section]))
    one = NewEntry(section=(section,), name="new", value=content[section][first], like=first)

    after = add_entries(text, [one])

    assert len(added(text, after)) == 1
    content[section]["new"] = content[section][first]
    assert YAML(typ="safe", pure=True).load(after) == content


@pytest.mark.parametrize("section", [("recipes",), ("models", "vdsr"), ("patches", "new")])
@pytest.mark.parametrize("name", ["12", "2024-06-01", "null"])
def test_a_name_that_would_be_no_text_is_written_in_quotes(
    section: tuple[str, ...], name: str
) -> None:
    here = YAML(typ="safe", pure=True).load(
        add_entries(TEXT, [entry(*section, name=name, steps=3)])
    )

    for key in section:
        here = here[key]
    assert here[name] == {"steps": 3}
