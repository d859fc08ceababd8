"""What docs/tutorial.md and docs/own-network.md have people do, with trainings of a few steps."""

import csv
import io
import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.pages import blocks, paste, read_page, section_of
from tests.project import copy_project, run

TUTORIAL, OWN = "docs/tutorial.md", "docs/own-network.md"

NEEDED: dict[str, tuple[str, ...]] = {
    "datasets": ("photos_train", "photos_test"),
    "patches": ("photos_gray_40",),
    "degradations": ("gaussian_25",),
    "pairs": ("gray_noise_25",),
    "benchmarks": ("denoise_25",),
    "experiments": ("runet_s25", "dncnn_s25"),
    **dict.fromkeys(("imported", "applied", "tasks", "inputs", "restored_inputs"), ()),
    "recognition": (),
}
"""What the pages speak of; the tests do without the rest."""

pytestmark = pytest.mark.slow


def shortened(params: str) -> str:
    """Return the params of the first run without what the pages do not need, of a few steps."""
    yaml = YAML()
    yaml.width = 10_000
    content = yaml.load(params)
    for section, kept in NEEDED.items():
        for name in set(content[section]) - set(kept):
            del content[section][name]
    written = io.StringIO()
    yaml.dump(content, written)
    return re.sub(r"steps: \d+", "steps: 20", written.getvalue())


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in which the first run is done."""
    project = copy_project(tmp_path_factory.mktemp("first") / "project", preset="quick")
    params = project / "params.yaml"
    params.write_text(shortened(params.read_text(encoding="utf-8")), encoding="utf-8")
    run(project, "dvc", "repro")
    return project


def copied(first_run: Path, target: Path) -> Path:
    return Path(shutil.copytree(first_run, target, symlinks=True))


def paste_entries(project: Path, page: str) -> None:
    """Write the entries that a page shows where it says."""
    params = project / "params.yaml"
    text = params.read_text(encoding="utf-8")
    for block in blocks(page, "yaml"):
        text = paste(text, str(section_of(block)), block.text)
    params.write_text(text, encoding="utf-8")


def test_its_lines_work_one_after_the_other(first_run: Path, tmp_path: Path) -> None:
    project = copied(first_run, tmp_path / "project")
    said: dict[str, str] = {}

    for block in re.finditer(r"^```(sh|yaml)\n(.*?)^```$", read_page(TUTORIAL), re.M | re.S):
        if block[1] == "yaml":
            paste_entries(project, TUTORIAL)
            continue
        for line in block[2].splitlines():
            said[line] = run(project, *line.split()).stdout

    ranked = re.findall(r"^\d+  (\w+)", said["restore report --benchmark denoise_25"], re.M)
    assert {"runet_s25", "dncnn_s25", "nl_means"} <= set(ranked)
    assert set(re.findall(r"train@\w+", said["restore plan"])) == {"train@dncnn_as_runet"}
    with_recipe = said["restore compare dncnn_as_runet dncnn_s25"]
    assert "PSNR of dncnn_as_runet minus dncnn_s25" in with_recipe
    assert "experiment.recipe" in with_recipe
    assert "model.widths" not in with_recipe
    assert "model.widths" in said["restore compare runet_s25 dncnn_as_runet"]
    assert "data/raw/photos_train" in said["restore lineage dncnn_as_runet"]


@pytest.fixture(scope="module")
def with_own(first_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with the files and entries of the page about networks of one's own."""
    project = copied(first_run, tmp_path_factory.mktemp("own") / "project")
    for file in re.finditer(r"^```python (\S+)\n(.*?)^```$", read_page(OWN), re.M | re.S):
        path = project / file[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(file[2], encoding="utf-8")
    paste_entries(project, OWN)
    run(project, "dvc", "repro", "evaluate@dilated_s25")
    return project


def test_two_files_and_two_entries_are_a_network_that_is_measured(with_own: Path) -> None:
    with (with_own / "data/evaluated/dilated_s25/scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert {row["model"] for row in rows} == {"dilated.small"}
    assert all(float(row["psnr"]) > 0 for row in rows)
    tiling = (with_own / "data/restored/dilated_s25/tiling.json").read_text(encoding="utf-8")
    assert '"halo": 16' in tiling


def test_an_edit_of_it_trains_it_again_and_nothing_else(with_own: Path) -> None:
    network = with_own / "pipeline/models/dilated/network.py"
    network.write_text(network.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")

    changed = run(with_own, "dvc", "status").stdout

    assert set(re.findall(r"train@\w+", changed)) == {"train@dilated_s25"}


def test_two_classes_of_settings_in_one_file_are_refused(with_own: Path) -> None:
    settings = with_own / "pipeline/models/dilated/settings.py"
    kept = settings.read_text(encoding="utf-8")
    settings.write_text(f"{kept}\n\nclass Other(Model):\n    pass\n", encoding="utf-8")

    plan = run(with_own, "restore", "plan", check=False)

    settings.write_text(kept, encoding="utf-8")
    assert "pipeline/models/dilated/settings.py: expected one class" in plan.stderr
    assert "Dilated, Other" in plan.stderr
