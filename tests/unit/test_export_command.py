"""``restore export``, in a project of its own."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline import cli
from pipeline.arrays.tables import write_table
from pipeline.checking.params_file import load_params
from pipeline.measuring.score_table import SCORES, Score
from pipeline.models.parts.building import build_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with the quick preset and one trained network; a subfolder is current."""
    root = tmp_path / "project"
    (root / "elsewhere").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    shutil.copyfile(ROOT / "pipeline/checking/presets/quick.yaml", root / "params.yaml")
    params = load_params(root / "params.yaml")
    model = params.models.named("dncnn")[params.experiments["dncnn_s25"].model]
    (root / "data/models/dncnn_s25").mkdir(parents=True)
    weights = root / "data/models/dncnn_s25/weights.safetensors"
    save_file(build_model(model, seed=1).state_dict(), weights)
    monkeypatch.chdir(root / "elsewhere")
    return root


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_a_network_is_written_where_it_was_asked_for(
    suffix: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["export", "dncnn_s25", "--to", f"net{suffix}"])

    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert names(project / "elsewhere") == {f"net{suffix}"}
    assert "exact with a halo of 8 pixels" in printed.out
    assert "float32 (N, C, H, W) in [0, 1], C = 1\n" in printed.out


def test_a_folder_gets_weights_with_a_card_that_says_what_made_them(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = project / "data/models/dncnn_s25"
    card = {"weights_sha256": "0" * 64, "steps": 7}
    (trained / "card.json").write_text(json.dumps(card))
    _write_scores(project / "data/evaluated/dncnn_s25", "dncnn_s25", 29.0)
    _write_scores(project / "data/baselines/denoise_25", "input", 20.5)

    code = cli.main(["export", "dncnn_s25", "--to", "shared"])

    assert code == 0, capsys.readouterr().err
    shared = project / "elsewhere/shared"
    assert names(shared) == {"weights.safetensors", "card.json"}
    weights = shared / "weights.safetensors"
    assert weights.read_bytes() == (trained / "weights.safetensors").read_bytes()
    said = json.loads((shared / "card.json").read_text())
    assert said | card == said
    assert {key: said[key] for key in ("colour", "results")} == {
        "colour": "gray",
        "results": {
            "photos_test": {
                "gaussian_25": {
                    "gray-uint8": {"psnr": 29.0, "ssim": 0.5, "psnr_input": 20.5, "ssim_input": 0.5}
                }
            }
        },
    }
    assert said.keys() - card.keys() == {
        *("colour", "results", "training_seconds", "commit", "edited")
    }


def _write_scores(folder: Path, experiment: str, psnr: float, image: str = "coins") -> None:
    row = Score(
        experiment=experiment,
        model="any",
        data_set="photos_test",
        image=image,
        degradation="gaussian_25",
        protocol="gray-uint8",
        psnr=psnr,
        ssim=0.5,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / SCORES, Score, [row])


def test_scores_of_other_test_images_are_not_taken_for_those_of_the_card(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "data/models/dncnn_s25/card.json").write_text('{"weights_sha256": "0"}')
    _write_scores(project / "data/evaluated/dncnn_s25", "dncnn_s25", 29.0)
    _write_scores(project / "data/baselines/denoise_25", "input", 20.5, image="other")

    assert cli.main(["export", "dncnn_s25", "--to", "shared"]) == 1

    assert "`dvc repro evaluate@dncnn_s25`" in capsys.readouterr().err
    assert not (project / "elsewhere/shared").exists()


def test_several_networks_get_a_folder_each(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = project / "data/models/dncnn_s25"
    (trained / "card.json").write_text(json.dumps({"weights_sha256": "0" * 64}))
    shutil.copytree(trained, project / "data/models/rednet_jpeg")

    code = cli.main(["export", "dncnn_s25", "rednet_jpeg", "--to", "shared"])

    assert code == 0, capsys.readouterr().err
    shared = project / "elsewhere/shared"
    assert names(shared) == {"dncnn_s25", "rednet_jpeg"}
    assert names(shared / "rednet_jpeg") == {"weights.safetensors", "card.json"}


def test_imported_weights_are_exported_too(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (project / "params.yaml").read_text()
    entry = "{arch: dncnn, model: gray_8, source: net.mat, layout: matconvnet, test_on: denoise_25}"
    edited = text.replace("imported:\n", f"imported:\n  official: {entry}\n")
    assert edited != text
    (project / "params.yaml").write_text(edited)
    shutil.copytree(project / "data/models/dncnn_s25", project / "data/models/official")

    code = cli.main(["export", "official", "--to", "net.pt2"])

    assert code == 0, capsys.readouterr().err
    extra = {"restore.json": ""}
    torch.export.load(project / "elsewhere/net.pt2", extra_files=extra)
    assert json.loads(extra["restore.json"])["experiment"] == "official"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["dncnn_s25", "--to", "net.pth"], 2, "ends in .onnx or .pt2, came '.pth'"),
        (["dncnn_s25", "vdsr_x23", "--to", "net.pt2"], 2, "expected a folder for several networks"),
        (["dncnn_s25", "vdsr_x23", "--to", "net"], 1, "`dvc repro train@vdsr_x23` makes them"),
        (["dncnn_s52", "--to", "net.onnx"], 2, "the nearest known one is 'dncnn_s25'"),
        (["vdsr_x23", "--to", "net.pt2"], 1, "`dvc repro train@vdsr_x23` makes them"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    arguments: list[str], code: int, said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", *arguments]) == code

    assert said in capsys.readouterr().err
    assert names(project / "elsewhere") == set()


def test_weights_of_another_network_are_refused_and_no_file_is_left(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(project / "data/models/dncnn_s25", project / "data/models/rednet_jpeg")

    assert cli.main(["export", "rednet_jpeg", "--to", "net.pt2"]) == 1

    assert "rednet_jpeg: data/models/rednet_jpeg/weights" in capsys.readouterr().err
    assert names(project / "elsewhere") == set()


@pytest.mark.usefixtures("project")
def test_packages_that_are_missing_are_named_and_how_to_install_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])

    assert cli.main(["export", "dncnn_s25", "--to", "net.onnx"]) == 1

    said = capsys.readouterr().err
    assert ".onnx files need onnx, onnxscript, onnxruntime" in said
    assert "--editable '.[export]'" in said
