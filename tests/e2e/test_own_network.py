"""What docs/own-network.md has people write is a network that trains and is measured."""

import csv
import re
from pathlib import Path

import pytest

from tests.pages import blocks, paste, read_page, section_of
from tests.project import copy_project, run

PAGE = "docs/own-network.md"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with the files and entries of the page, trained for a few steps."""
    project = copy_project(tmp_path_factory.mktemp("own") / "project", preset="quick")
    for file in re.finditer(r"^```python (\S+)\n(.*?)^```$", read_page(PAGE), re.M | re.S):
        path = project / file[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(file[2], encoding="utf-8")
    params = project / "params.yaml"
    text = params.read_text(encoding="utf-8")
    for block in blocks(PAGE, "yaml"):
        text = paste(text, str(section_of(block)), block.text)
    params.write_text(re.sub(r"steps: \d+", "steps: 20", text), encoding="utf-8")
    run(project, "dvc", "repro", "evaluate@dilated_s25")
    return project


def test_two_files_and_two_entries_are_a_network_that_is_measured(project: Path) -> None:
    with (project / "data/evaluated/dilated_s25/scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert {row["model"] for row in rows} == {"dilated.small"}
    assert all(float(row["psnr"]) > 0 for row in rows)
    halo = (project / "data/restored/dilated_s25/tiling.json").read_text(encoding="utf-8")
    assert '"halo": 16' in halo


def test_an_edit_of_it_trains_it_again_and_nothing_else(project: Path) -> None:
    network = project / "pipeline/models/dilated/network.py"
    network.write_text(network.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")

    changed = run(project, "dvc", "status", "train@dilated_s25", "degrade@gray_noise_25").stdout

    assert "train@dilated_s25" in changed
    assert "degrade@" not in changed


def test_two_classes_of_settings_in_one_file_are_refused(project: Path) -> None:
    settings = project / "pipeline/models/dilated/settings.py"
    kept = settings.read_text(encoding="utf-8")
    settings.write_text(f"{kept}\n\nclass Other(Model):\n    pass\n", encoding="utf-8")

    plan = run(project, "restore", "plan", check=False)

    settings.write_text(kept, encoding="utf-8")
    assert "pipeline/models/dilated/settings.py: expected one class" in plan.stderr
    assert "Dilated, Other" in plan.stderr
