"""What DVC reruns after an edit, and what the doors leave behind: the real graph, really run."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tifffile
from mlflow import MlflowClient
from ruamel.yaml import YAML
from scipy.ndimage import uniform_filter

from pipeline.images.files import write_png
from tests.project import copy_project, run

pytestmark = pytest.mark.slow

JPEG_10 = {"kind": "jpeg", "quality": 10, "subsampling": "yuv420", "phase": "aligned", "draws": 1}


@pytest.fixture(scope="module")
def done(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in which the smoke preset has run through ``dvc repro``."""
    target = tmp_path_factory.mktemp("done") / "project"
    return Path(shutil.copytree(smoke, target, symlinks=True))


@pytest.fixture
def project(done: Path) -> Iterator[Path]:
    """Return that project, and undo the test's edits of its files."""
    kept = {
        path: path.read_bytes()
        for path in [done / "params.yaml", *done.glob("pipeline/**/*.*"), *done.glob("stages/*.py")]
        if "__pycache__" not in path.parts
    }
    yield done
    for path, content in kept.items():
        if path.read_bytes() != content:
            path.write_bytes(content)


def edit_params(project: Path, *keys: str, value: Any) -> None:
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(project / "params.yaml")
    section = params
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = value
    (project / "params.yaml").write_text(json.dumps(params, indent=2))  # JSON is YAML too


def touched(project: Path) -> set[str]:
    """Return the stages that DVC would start, but for ``check``, which reads every edit."""
    status = json.loads(run(project, "dvc", "status", "--json").stdout)
    return set(status) - {"check"}


def test_a_second_run_has_nothing_to_do(done: Path) -> None:
    assert touched(done) == set()


def test_the_scores_of_dvc_repro_are_in_the_runs_of_its_trainings_and_name_one_launch(
    done: Path,
) -> None:
    runs = MlflowClient(f"sqlite:///{done / 'mlflow.db'}").search_runs(["1"])

    (launch,) = [one for one in runs if "restore.launch" in one.data.tags]
    trained = [one for one in runs if one is not launch]
    assert {one.info.run_name for one in trained} == {
        "dncnn_s25",
        "vdsr_x23",
        "rednet_jpeg",
        "mobilenet",
    }
    assert len(trained) == 4
    for one in trained:
        assert one.data.tags["restore.launched_by"] == launch.info.run_id
        assert "train/loss" in one.data.metrics
        assert one.data.metrics.keys() & {
            "photos_test/gaussian_25/gray-uint8/psnr",
            "photos_test/bicubic_x2/y-shave/psnr",
            "photos_test/jpeg_10/gray-uint8/psnr",
            "faces/accuracy",
        }
    assert launch.info.status == "FINISHED"
    assert launch.info.end_time is not None
    assert launch.info.end_time >= max(one.info.end_time or 0 for one in runs)
    assert list((done / ".restore/unsent").iterdir()) == []


def test_a_changed_recipe_trains_only_the_experiments_that_name_it(project: Path) -> None:
    edit_params(project, "recipes", "smoke_sgd", "steps", value=13)

    assert touched(project) == {"train@vdsr_x23"}


def test_a_changed_model_touches_only_the_experiments_that_name_it(project: Path) -> None:
    edit_params(project, "models", "rednet", "tiny", "width", value=9)

    assert touched(project) == {"train@rednet_jpeg", "reconstruct@rednet_jpeg"}


def test_a_changed_degradation_touches_only_the_experiments_that_name_it(project: Path) -> None:
    edit_params(project, "degradations", "jpeg_low", "draws", value=3)

    assert touched(project) == {"degrade@gray_jpeg"}


def test_experiments_on_the_same_pairs_share_them(done: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(done, tmp_path / "project", symlinks=True))
    experiments = YAML(typ="safe", pure=True).load(project / "params.yaml")["experiments"]
    edit_params(project, "experiments", "again", value=experiments["dncnn_s25"])

    output = run(project, "dvc", "repro", "evaluate@again").stdout

    assert "Running stage 'train@again'" in output
    assert "Running stage 'degrade@" not in output
    assert "Running stage 'train@dncnn_s25'" not in output


@pytest.mark.parametrize(
    "file",
    [
        "contamination/alignment.py",
        "degradations/levels.py",
        "images/resize.py",
        "measuring/metrics.py",
        "tiling/restorer.py",
    ],
)
def test_an_edited_room_that_no_training_depends_on_trains_nothing(
    project: Path, file: str
) -> None:
    with (project / "pipeline" / file).open("a") as code:
        code.write("# edited\n")

    stages = touched(project)

    assert stages
    assert not {name for name in stages if name.startswith(("train@", "learn@"))}


def test_another_tile_size_trains_nothing_again(project: Path) -> None:
    edit_params(project, "inference", "tile", value=64)

    assert touched(project) == {
        f"reconstruct@{name}" for name in ("dncnn_s25", "vdsr_x23", "rednet_jpeg")
    }


def test_a_fault_that_stops_dvc_itself_is_explained_by_the_plan(project: Path) -> None:
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("arch: vdsr,", "arhc: vdsr,"))

    stopped = run(project, "dvc", "repro", check=False)
    plan = run(project, "restore", "plan", check=False)

    assert stopped.returncode != 0
    assert "Running stage" not in stopped.stdout
    assert plan.returncode != 0
    assert "experiments.vdsr_x23.arhc: unknown key; the nearest known one is 'arch'" in plan.stderr


def test_a_folder_with_a_space_in_its_name_is_a_data_set(done: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(done, tmp_path / "project", symlinks=True))
    photos = tmp_path / "my $HOME pictures"
    photos.mkdir()
    coins = project / "data/benchmarks/denoise/photos_test/gaussian_25/clean/coins.png"
    shutil.copyfile(coins, photos / "a.png")
    edit_params(project, "datasets", "mine", value={"kind": "folder", "source": str(photos)})

    run(project, "dvc", "repro", "download@mine")

    assert (project / "data/raw/mine/clean/a.png").exists()


def test_a_new_test_set_trains_nothing_again(done: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(done, tmp_path / "project", symlinks=True))
    skimage = {"kind": "skimage", "source": "pipeline/catalogue/skimage", "images": ["camera"]}
    edit_params(project, "datasets", "more", value=skimage)
    trials = YAML(typ="safe", pure=True).load(project / "params.yaml")["benchmarks"]["denoise"]
    edit_params(project, "benchmarks", "denoise", value=[*trials, {**trials[0], "dataset": "more"}])

    output = run(project, "dvc", "repro").stdout

    with (project / "data/evaluated/dncnn_s25/scores.csv").open(newline="") as file:
        assert {row["data_set"] for row in csv.DictReader(file)} == {"photos_test", "more"}
    assert "Running stage 'evaluate@dncnn_s25'" in output
    assert "Running stage 'train@" not in output


def test_an_edited_network_touches_only_that_network(project: Path) -> None:
    with (project / "pipeline/models/vdsr/network.py").open("a") as file:
        file.write("# edited\n")

    assert touched(project) == {"train@vdsr_x23", "reconstruct@vdsr_x23"}


def test_an_edited_recogniser_touches_only_that_network(project: Path) -> None:
    with (project / "pipeline/models/mobilenet_v1/network.py").open("a") as file:
        file.write("# edited\n")

    assert touched(project) == {"learn@mobilenet", "recognise@mobilenet"}


def test_a_changed_restoration_restores_what_is_recognised_again(project: Path) -> None:
    edit_params(project, "models", "dncnn", "tiny", "width", value=9)

    assert touched(project) == {
        "train@dncnn_s25",
        "reconstruct@dncnn_s25",
        "restore_input@faces_dncnn",
    }


def test_a_new_input_is_recognised_by_networks_that_do_not_learn_again(project: Path) -> None:
    edit_params(project, "degradations", "jpeg_10", value=JPEG_10)
    edit_params(project, "inputs", "faces_jpeg", value={"task": "faces", "degradation": "jpeg_10"})

    assert touched(project) == {"degrade_input@faces_jpeg", "recognise@mobilenet", "report"}


def test_an_edited_template_of_the_report_touches_only_the_report(project: Path) -> None:
    template = project / "pipeline/report/page.html.jinja"
    with template.open("a") as file:
        file.write("<!-- edited -->\n")

    assert touched(project) == {"report"}


def test_an_edited_schema_retrains_nothing(project: Path) -> None:
    with (project / "pipeline/settings/params.py").open("a") as file:
        file.write("# edited\n")

    assert touched(project) == set()


def test_a_fault_in_the_params_stops_before_any_other_stage(project: Path) -> None:
    edit_params(project, "recipes", "smoke_sgd", "stepps", value=13)

    failed = run(project, "dvc", "repro", check=False)

    assert failed.returncode != 0
    assert (
        "recipes.smoke_sgd.stepps: unknown key; the nearest known one is 'steps'" in failed.stderr
    )
    assert "Running stage 'check'" in failed.stdout
    assert "Running stage 'train" not in failed.stdout


def test_the_flow_and_dvc_leave_the_same_lock_file_after_one_experiment_and_the_rest(
    done: Path, tmp_path: Path
) -> None:
    other = copy_project(tmp_path / "project", preset="smoke")
    yaml = YAML(typ="safe", pure=True)

    one = run(other, "restore", "run", "--experiments", "dncnn_s25")
    page = (other / "data/report/index.html").read_text(encoding="utf-8")
    results = (other / "data/report/results.csv").read_text()
    status = json.loads(run(other, "dvc", "status", "--json").stdout)
    rest = run(other, "restore", "run")

    assert "left stale: 20 stages of vdsr_x23, rednet_jpeg, mobilenet: `restore run`" in one.stdout
    assert "not measured yet, so left out of the report: networks vdsr_x23" in one.stderr
    assert "restore run --experiments vdsr_x23 rednet_jpeg mobilenet baseline@" in page
    assert {line.split(",")[0] for line in results.splitlines()[1:]} == {
        "dncnn_s25",
        "bayes_shrink",
    }
    assert "report" not in status
    assert {"train@vdsr_x23", "baseline@deblock"} <= set(status)
    assert "21 stages ran" in rest.stdout
    page = (other / "data/report/index.html").read_text(encoding="utf-8")
    assert "Not measured yet" not in page
    assert yaml.load(other / "dvc.lock") == yaml.load(done / "dvc.lock")


def test_what_dvc_shows_is_little_and_says_of_what_it_is(done: Path) -> None:
    shown = json.loads(run(done, "dvc", "metrics", "show", "--json").stdout)
    plotted = json.loads(run(done, "dvc", "plots", "show", "--json").stdout)["data"]

    files = shown[""]["data"]
    assert set(files) == {
        f"data/metrics/{name}.json"
        for name in ("dncnn_s25", "vdsr_x23", "rednet_jpeg", "mobilenet")
    }
    few = {"psnr", "gain", "ssim", "mean_gain", "test"}
    assert set(files["data/metrics/dncnn_s25.json"]["data"]) <= few
    titles = {name: one[0]["content"]["title"]["text"] for name, one in plotted.items()}
    assert titles == {
        f"data/curves/{name}.csv": name
        for name in ("dncnn_s25", "vdsr_x23", "rednet_jpeg", "mobilenet")
    }


def test_what_another_program_restored_is_measured_beside_the_others(project: Path) -> None:
    run(project, "restore", "export-benchmark", "denoise", "--to", "to_restore")
    for noisy in (project / "to_restore").rglob("*.tif"):
        path = project / "restored" / noisy.relative_to(project / "to_restore").with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = uniform_filter(tifffile.imread(noisy), 3)
        write_png(path, pixels[..., None])
    files = "{data_set}/{level}/{image}.png"
    entry = {"source": "restored", "files": files, "test_on": "denoise"}
    edit_params(project, "outside", value={"theirs": entry})

    run(project, "dvc", "repro")

    metrics = json.loads((project / "data/metrics/theirs.json").read_text())
    assert metrics["test"].endswith("gaussian_25 gray-uint8")
    assert metrics["psnr"] > 24
    assert "theirs" in (project / "data/report/comparisons.csv").read_text()
    assert "restored elsewhere" in (project / "data/report/index.html").read_text()


def test_a_program_is_measured_beside_the_others(project: Path) -> None:
    kernel = onnx.numpy_helper.from_array(np.full((1, 1, 3, 3), 1 / 9, np.float32), "kernel")
    shape = [None, 1, None, None]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "kernel"], ["y"], pads=[1, 1, 1, 1])],
        "mean",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, shape)],
        [kernel],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, project / "mean.onnx")
    entry: dict[str, Any] = {"kind": "onnx", "source": "mean.onnx", "channels": "gray"}
    entry |= {"values": [0.0, 1.0], "scale": 1, "noise_map": False, "test_on": "denoise"}
    edit_params(project, "programs", value={"mean": entry})

    run(project, "dvc", "repro")

    facts = json.loads((project / "data/restored/mean/tiling.json").read_text())
    assert (facts["halo"], facts["exact"]) == (1, True)
    assert "mean,onnx" in (project / "data/report/results.csv").read_text()
