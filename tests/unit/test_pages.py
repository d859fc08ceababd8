"""What README.md and docs/ say is so: links lead somewhere, files exist, YAML is valid."""

import re
from pathlib import Path

import pytest

from pipeline.checking.params_file import load_params, read_yaml
from tests.pages import PAGES, blocks, first_column, parts, read_page, written_into
from tests.project import ROOT

# The network of that page is not there; tests/e2e/test_tutorial.py does what it says.
PARTS = [
    (page, preset) for page in PAGES if page != "docs/own-network.md" for preset in parts(page)
]


def anchors(page: str) -> set[str]:
    """Return what links can name on a page: its headings, as they are shown on the web."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_blocks(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", read_page(page), flags=re.MULTILINE | re.DOTALL)


def test_the_readme_is_short() -> None:
    assert len(read_page("README.md").splitlines()) <= 220


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page)):
        name, _, anchor = target.partition("#")
        linked = (ROOT / page).parent / name if name else ROOT / page

        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(str(linked.resolve().relative_to(ROOT))), target


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((\S+\.md)\)", read_page("README.md")))

    assert linked >= set(PAGES) - {"README.md"}


@pytest.mark.parametrize("page", PAGES)
def test_files_and_folders_that_are_named_exist(page: str) -> None:
    named = re.findall(
        r"`((?:pipeline|stages|docs|tests|\.ci)/[^`\s]*|\w+\.(?:yaml|toml|lock))`",
        without_blocks(page),
    )
    # In the folder of a data set; there while the experiments are served.
    own = {"set.toml", "prefect.toml"}
    for path in set(named) - own:
        # ARCH stands for the name of any network.
        assert list(ROOT.glob(re.sub(r"\b[A-Z]{3,}\b", "*", path.rstrip("/")))), path


@pytest.mark.parametrize(("page", "preset"), PARTS, ids=lambda part: str(part))
def test_blocks_of_params_are_valid(page: str, preset: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(written_into(preset, parts(page)[preset]))

    load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("page", PAGES)
def test_blocks_of_the_graph_are_of_the_graph(page: str, tmp_path: Path) -> None:
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    for block in blocks(page, "yaml"):
        if block.text.startswith("stages:"):
            (tmp_path / "dvc.yaml").write_text(block.text)
            for name, shown in read_yaml(tmp_path / "dvc.yaml")["stages"].items():
                assert stages[name] == shown


def test_the_map_of_the_house_has_every_room() -> None:
    rooms = {path.name for path in (ROOT / "pipeline").iterdir()} - {"__pycache__", "__init__.py"}

    named = {path for path in first_column("docs/house.md") if path.startswith("pipeline/")}
    assert named == {f"pipeline/{room}" for room in rooms}
