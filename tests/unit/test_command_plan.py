import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline import cli
from pipeline.datasets.catalogue import read_catalogue
from pipeline.images.files import write_png
from tests.project import command_environment, copy_project


def test_an_image_that_cannot_be_read_stops_an_estimate_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = copy_project(tmp_path / "project", preset="smoke")
    (project / "mine").mkdir()
    (project / "mine" / "bad.png").write_bytes(b"no image")
    preset = project / "pipeline" / "checking" / "presets" / "smoke.yaml"
    text = preset.read_text().replace("datasets:\n", "datasets:\n  mine: FOLDER\n", 1)
    text = text.replace("FOLDER", "{kind: folder, source: mine}")
    preset.write_text(text.replace("- dataset: photos_test", "- dataset: mine"))
    monkeypatch.chdir(project)

    code = cli.main(["plan", "--preset", "smoke"])

    assert code == 1
    assert "bad.png: expected an image" in capsys.readouterr().err


def test_a_preset_that_is_not_there_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["plan", "--preset", "papers"]) == 2
    assert "there is no preset 'papers'" in capsys.readouterr().err


def test_what_a_preset_only_tests_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(copy_project(tmp_path / "project", preset="smoke"))

    assert cli.main(["plan", "--preset", "official"]) == 0

    said = capsys.readouterr().out
    assert "set12" in said
    assert "test images" in said
    assert "nothing to train" in said


def test_recognisers_alone_are_something_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = copy_project(tmp_path / "project", preset="smoke")
    preset = project / "pipeline" / "checking" / "presets" / "smoke.yaml"
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(preset)
    clean = {
        name: one for name, one in params["recognition"].items() if one["train_on"] == one["task"]
    }
    for section in ("experiments", "imported", "applied", "restored_inputs"):
        params[section] = {}
    yaml.dump({**params, "recognition": clean}, preset)
    monkeypatch.chdir(project)

    assert cli.main(["plan", "--preset", "smoke"]) == 0

    said = capsys.readouterr().out
    assert "nothing to train" not in said
    assert "not counted: networks that recognise" in said


def test_a_fault_in_the_published_numbers_is_told_with_its_line(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", preset="literature")
    numbers = project / "pipeline" / "literature" / "published.csv"
    rows = numbers.read_text().splitlines(keepends=True)
    numbers.write_text("".join([rows[0], rows[1].replace("gray-float", "gray-flot"), *rows[2:]]))

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pipeline.cli import main; sys.exit(main(['plan']))",
        ],
        cwd=project,
        env=command_environment(project),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "published.csv, line 2: unknown protocol 'gray-flot'" in done.stderr
    assert "Traceback" not in done.stderr


# --------------------------------------------------- what would stop stages before they begin

OWN = "folder, source: mine"
PAIRED = "paired, source: mine, clean: gt, degraded: noisy"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = copy_project(tmp_path / "project", preset="smoke")
    monkeypatch.chdir(project)
    monkeypatch.delenv("RESTORE_MIRROR", raising=False)
    monkeypatch.delenv("RESTORE_ACCEPT_TERMS", raising=False)
    return project


def add(project: Path, section: str, line: str) -> None:
    params = project / "params.yaml"
    text = params.read_text().replace(f"{section}: {{}}\n", f"{section}:\n")
    assert f"\n{section}:\n" in text
    params.write_text(text.replace(f"\n{section}:\n", f"\n{section}:\n  {line}\n"))


@pytest.mark.usefixtures("project")
def test_a_plan_without_faults_is_a_success() -> None:
    assert cli.main(["plan"]) == 0


@pytest.mark.parametrize(
    ("files", "kind", "told"),
    [
        ([], OWN, "expected a folder of images at"),
        (["mine/a.txt"], OWN, "no image in"),
        (["mine/a.png", "mine/a.bmp"], OWN, "1 image name(s) that several files would have"),
        (["mine/gt/a.png"], PAIRED, "expected a folder of images at"),
        (["mine/gt/a.png", "mine/noisy/b.png"], PAIRED, "2 image(s) without a partner"),
        ([], "skimage, source: pipeline/catalogue/skimage, images: [camra]", "'camera'"),
        ([], "catalogue, source: pipeline/catalogue/sett5", "expected the description of a"),
        ([], "catalogue, source: pipeline/catalogue/samson", "is not made of images"),
        ([], "catalogue, source: pipeline/catalogue/polyu_crops", "terms were not accepted"),
    ],
)
def test_a_data_set_that_download_would_refuse_at_once_is_a_fault_of_the_plan(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    files: list[str],
    kind: str,
    told: str,
) -> None:
    for name in files:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    add(project, "datasets", f"extra: {{kind: {kind}}}")

    assert cli.main(["plan"]) == 1

    said = capsys.readouterr()
    assert "download@extra" in said.out  # the list is there all the same
    assert "1 fault(s) would stop this:\n  download@extra: " in said.err
    assert told in said.err


def test_a_data_set_that_only_a_browser_can_fetch_is_a_fault_until_it_is_there(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = read_catalogue(project / "pipeline" / "catalogue" / "general100")
    add(project, "datasets", "extra: {kind: catalogue, source: pipeline/catalogue/general100}")

    assert cli.main(["plan"]) == 1
    said = capsys.readouterr().err
    assert "that only a browser can fetch" in said
    assert "`restore data import FOLDER --as general100`" in said

    for file in catalogue.files:
        place = project / "mirror" / file.in_mirror
        place.parent.mkdir(parents=True)
        with place.open("wb") as empty:
            empty.truncate(file.size)
    monkeypatch.setenv("RESTORE_MIRROR", str(project / "mirror"))

    assert cli.main(["plan"]) == 0


@pytest.mark.parametrize(
    ("files", "kind", "told"),
    [
        ([], "images, source: mine", "expected a folder of images at"),
        (["mine/a/1.png"], "images, source: mine", "expected a folder of images for each class"),
        (["mine/cube.npy"], "cube, source: mine", "expected labels.npy in"),
        ([], "features, source: mine", "expected image.npy and text.npy and labels.npy in"),
        ([], "cube, source: pipeline/catalogue/lfw_subset", "extra.kind: expected 'images'"),
        ([], "images, source: pipeline/catalogue/set5", "expected a published set with labels"),
    ],
)
def test_labelled_data_that_collect_would_refuse_at_once_are_a_fault_of_the_plan(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    files: list[str],
    kind: str,
    told: str,
) -> None:
    for name in files:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    split = "split: {kind: random, train: 0.5, validation: 0.1}"
    more = {"images": ", shift: 1, mirror: true", "cube": ", ignore: []", "features": ""}
    add(project, "tasks", f"extra: {{kind: {kind}, {split}{more[kind.split(',')[0]]}}}")

    assert cli.main(["plan"]) == 1

    said = capsys.readouterr().err
    assert "1 fault(s) would stop this:\n  collect@extra: " in said
    assert told in said


def test_weights_that_are_not_there_are_a_fault_of_the_plan(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(project / "params.yaml")
    arch, models = next((a, m) for a, m in params["models"].items() if m)
    test_on = next(iter(params["benchmarks"]))
    add(
        project,
        "imported",
        f"theirs: {{arch: {arch}, model: {next(iter(models))}, source: none.pth, layout: kair, "
        f"test_on: {test_on}}}",
    )

    assert cli.main(["plan"]) == 1

    said = capsys.readouterr().err
    assert "import_weights@theirs: imported.theirs.source: expected a file of weights" in said


def test_programs_and_results_that_are_not_there_are_faults_of_the_plan(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(project / "params.yaml")
    name, (trial, *_) = next(iter(params["benchmarks"].items()))
    channels = "rgb" if trial["colour"] == "rgb" else "gray"
    program = f"kind: onnx, source: none.onnx, channels: {channels}, values: [0, 1], scale: 1"
    results = 'source: none, files: "{data_set}/{level}/{image}.png"'
    add(project, "programs", f"theirs: {{{program}, noise_map: false, test_on: {name}}}")
    add(project, "outside", f"others: {{{results}, test_on: {name}}}")

    assert cli.main(["plan"]) == 1

    said = capsys.readouterr().err
    assert "reconstruct_programs@theirs: programs.theirs.source: expected a file of a net" in said
    assert "reconstruct_outside@others: outside.others.source: expected a folder of restor" in said


def test_a_package_that_a_program_needs_is_a_fault_of_the_plan(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = YAML(typ="safe", pure=True).load(project / "params.yaml")
    name, (trial, *_) = next(iter(params["benchmarks"].items()))
    channels = "rgb" if trial["colour"] == "rgb" else "gray"
    program = f"kind: spandrel, source: net.pth, channels: {channels}, values: [0, 1], scale: 1"
    add(project, "programs", f"theirs: {{{program}, noise_map: false, test_on: {name}}}")
    (project / "net.pth").touch()
    monkeypatch.setitem(sys.modules, "spandrel", None)

    assert cli.main(["plan"]) == 1

    said = capsys.readouterr().err
    assert "reconstruct_programs@theirs: programs.theirs.kind: a program of kind spandrel" in said
    assert "pip install --constraint .ci/constraints.txt --editable '.[zoo]'" in said


def test_all_faults_of_a_plan_are_told_at_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(project, "datasets", "one: {kind: folder, source: nowhere}")
    add(project, "datasets", "two: {kind: folder, source: neither}")

    assert cli.main(["plan", "--estimate"]) == 1

    said = capsys.readouterr().err
    assert "2 fault(s) would stop this:" in said
    assert "download@one" in said
    assert "download@two" in said


def test_what_a_folder_leaves_out_is_told_once_where_its_size_is(
    project: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("L", (90, 90)).save(project / "bright.png")
    (project / "mine").mkdir()
    (project / "bright.png").rename(project / "mine" / "a.png")
    (project / "mine" / "a.xmp").touch()
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("- dataset: photos_test", "- dataset: extra"))
    add(project, "datasets", "extra: {kind: folder, source: mine}")

    assert cli.main(["plan", "--estimate"]) == 0

    told = [record.getMessage() for record in caplog.records if "stay out" in record.getMessage()]
    assert len(told) == 1
    assert "1 other file(s) (.xmp 1) are not images and stay out: a.xmp" in told[0]
    assert "extra" in capsys.readouterr().out


def test_images_too_small_for_a_perceptual_measure_are_a_fault_of_the_plan(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "mine").mkdir()
    write_png(project / "mine/a.png", np.full((100, 150, 1), 0.5, np.float32))
    add(project, "datasets", f"mine: {{kind: {OWN}}}")
    trial = "degradation: {kind: jpeg, quality: 10, subsampling: yuv420, phase: aligned, draws: 1}"
    rest = "protocols: [gray-uint8], baselines: [], perceptual: [niqe]"
    add(project, "benchmarks", f"small: [{{dataset: mine, colour: gray, {trial}, {rest}}}]")

    assert cli.main(["plan"]) == 1

    told = " ".join(capsys.readouterr().err.split())
    assert "benchmarks.small: data set 'mine': niqe compares patches of 96x96" in told
    assert "came 100x150" in told
