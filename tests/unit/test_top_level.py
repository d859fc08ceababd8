"""The files at the top that say what the project is agree with one another."""

import datetime
import re
import tomllib

from ruamel.yaml import YAML

from tests.project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_citation_names_the_version_and_the_licence_of_the_project() -> None:
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")

    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert all(author["name"] for author in citation["authors"])
    assert isinstance(citation["date-released"], datetime.date)
    for key in ("version", "license"):
        assert citation[key] == PROJECT[key]
    assert citation["abstract"] == PROJECT["description"]


def test_the_newest_version_of_the_changelog_is_that_of_the_project() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    newest = re.findall(r"^## \[(\d\S*)\] - \d{4}-\d\d-\d\d$", changes, re.MULTILINE)[0]

    assert newest == PROJECT["version"]


def test_the_licence_is_the_one_that_the_project_names() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert text.startswith(f"{PROJECT['license']} License\n")
    assert PROJECT["license-files"] == ["LICENSE"]
