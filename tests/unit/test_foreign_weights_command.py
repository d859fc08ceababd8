"""``restore import``, in a project of its own."""

import difflib
import re
from pathlib import Path

import pytest
import torch

from pipeline import cli
from pipeline.checking.params_file import load_params
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from tests import foreign_layouts as foreign

ROOT = Path(__file__).parents[2]

GRAY_8 = DnCNN(channels=1, width=32, depth=8, batch_norm=False, residual=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with the quick preset and nothing imported; its subfolder is current."""
    root = tmp_path / "project"
    (root / "published").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    text = (ROOT / "pipeline/checking/presets/quick.yaml").read_text()
    (root / "params.yaml").write_text(
        re.sub(r"^imported:\n(  .*\n)+", "imported: {}\n", text, flags=re.M)
    )
    monkeypatch.chdir(root / "published")
    return root


def write_net(path: Path, model: DnCNN) -> None:
    network = foreign.randomise(build_model(model, seed=0))
    foreign.write_version_5(path, {"net": foreign.simplenn(network)})


def added_lines(before: str, after: str) -> list[str]:
    changes = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    assert [line for line in changes if line.startswith("-")] in ([], ["- imported: {}"])
    return [line[2:] for line in changes if line.startswith("+")]


def test_weights_that_fit_a_model_are_named_beside_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_net(project / "published/sigma=25.mat", GRAY_8)
    before = (project / "params.yaml").read_text()

    code = cli.main(["import", "sigma=25.mat", "--test-on", "denoise_25", "--add"])

    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "a DnCNN of 8 layers, 32 wide, 1 channel, without normalisation" in printed.out
    assert "models.dncnn.gray_8" in printed.out
    entry = load_params(project / "params.yaml").imported["sigma_25"]
    assert (entry.source, entry.layout) == ("published/sigma=25.mat", "matconvnet")
    assert (entry.model, entry.test_on) == ("gray_8", "denoise_25")
    added = added_lines(before, (project / "params.yaml").read_text())
    assert added[0] == "imported:"
    assert len(added) == 2


def test_weights_that_fit_no_model_come_with_a_model(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = foreign.randomise(foreign.saoyan(1, 16, 5))
    torch.save(theirs.state_dict(), project / "net.pth")
    before = (project / "params.yaml").read_text()
    file = str(project / "net.pth")
    arguments = ["import", file, "--as", "theirs", "--test-on", "denoise_25"]

    assert cli.main(arguments) == 0

    printed = capsys.readouterr().out
    assert (
        "gray_5_16: {channels: 1, width: 16, depth: 5, batch_norm: true, residual: true}" in printed
    )
    assert "theirs: {arch: dncnn, model: gray_5_16, source: net.pth, layout: saoyan" in printed
    assert (project / "params.yaml").read_text() == before

    assert cli.main([*arguments, "--add"]) == 0

    params = load_params(project / "params.yaml")
    assert params.models.named("dncnn")["gray_5_16"] == DnCNN(
        channels=1, width=16, depth=5, batch_norm=True, residual=True
    )
    assert params.imported["theirs"].model == "gray_5_16"
    assert len(added_lines(before, (project / "params.yaml").read_text())) == 3


@pytest.mark.parametrize(
    ("options", "entry"), [([], None), (["--entry", "params"], "params")], ids=["rule", "named"]
)
def test_an_entry_other_than_the_averaged_weights_is_written_into_params_yaml(
    project: Path, capsys: pytest.CaptureFixture[str], options: list[str], entry: str | None
) -> None:
    nets = [foreign.randomise(build_model(GRAY_8, seed=0), seed) for seed in (1, 2)]
    content = dict(zip(("params", "params_ema"), (net.state_dict() for net in nets), strict=True))
    torch.save({**content, "iter": 7}, project / "net.pth")
    arguments = ["import", str(project / "net.pth"), "--test-on", "denoise_25", "--add", *options]

    assert cli.main(arguments) == 0

    printed = capsys.readouterr().out
    assert f"entry    {entry or 'params_ema, weights averaged over the training (EMA)'}" in printed
    assert "left out iter" in printed
    assert load_params(project / "params.yaml").imported["net"].entry == entry


def test_an_entry_that_is_not_there_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = foreign.randomise(build_model(GRAY_8, seed=0))
    torch.save({"params": network.state_dict()}, project / "net.pth")

    assert cli.main(["import", str(project / "net.pth"), "--entry", "parms"]) == 1

    assert "the nearest known one is 'params'" in capsys.readouterr().err


def test_weights_that_do_not_fit_the_named_model_are_refused_and_nothing_is_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_net(project / "published/net.mat", GRAY_8)
    params = project / "params.yaml"
    wider = "    wider: {channels: 1, width: 48, depth: 8, batch_norm: false, residual: true}\n"
    params.write_text(params.read_text().replace("  dncnn:\n", f"  dncnn:\n{wider}", 1))
    before = params.read_text()
    arguments = ["import", "net.mat", "--model", "dncnn.wider", "--add"]

    code = cli.main([*arguments, "--test-on", "denoise_25"])

    assert code == 1
    assert "batch_norm: false, residual: true}" in capsys.readouterr().err
    assert params.read_text() == before


def test_a_colour_network_fits_the_preset_of_published_weights(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    official = ROOT / "pipeline/checking/presets/official.yaml"
    (project / "params.yaml").write_text(official.read_text())
    colour = DnCNN(channels=3, width=64, depth=20, batch_norm=False, residual=True)
    write_net(project / "published/GD_Color_Blind.mat", colour)
    arguments = ["--as", "cdncnn_b", "--test-on", "colour_levels", "--compare-with", "CDnCNN-B"]

    code = cli.main(["import", "GD_Color_Blind.mat", *arguments, "--add"])

    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "models.dncnn.cdncnn_b: 668,227 parameters" in printed.out
    assert "note" not in printed.out
    assert load_params(project / "params.yaml").imported["cdncnn_b"].compare_with == "CDnCNN-B"


def test_a_system_without_a_number_for_the_benchmark_is_said_with_what_it_has(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_net(project / "published/net.mat", GRAY_8)

    code = cli.main(["import", "net.mat", "--test-on", "denoise_25", "--compare-with", "DnCNN-S"])

    assert code == 0
    assert (
        "note     DnCNN-S has no number for photos_test at gaussian_25; the nearest it has is "
        "bsd68 at gaussian_25 by gray-uint8"
    ) in capsys.readouterr().out


def test_a_faulty_layer_is_told_with_its_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {"model.0.weight": torch.full((32, 1, 3, 3), float("nan"))}
    torch.save(weights | {"model.0.bias": torch.zeros(32)}, project / "published/bad.pth")

    assert cli.main(["import", "bad.pth"]) == 1

    assert str(project / "published/bad.pth") in capsys.readouterr().err


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "dncnn.gray_9"], "the nearest known one is 'dncnn.gray_8'"),
        (["--layout", "matconvnett"], "the nearest known one is 'matconvnet'"),
        (["--test-on", "denoise_26"], "the nearest known one is 'denoise_25'"),
        (["--as", "a b"], "expected letters"),
        (["--add"], "--add needs --test-on"),
    ],
)
def test_options_that_name_nothing_are_refused_at_once(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["import", "net.mat", *arguments]) == 2
    assert said in capsys.readouterr().err
