"""``restore compare``: what it says of two experiments, and of two that do not compare."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline import cli
from tests.report_folder import PLACE, comparison, result, write_report

ROOT = Path(__file__).parents[2]

BY_FLOAT = (*PLACE[:2], "gray-float")
JPEG = ("photos_test", "jpeg_10", "gray-uint8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with the quick preset and a report, which is the current folder."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    shutil.copyfile(ROOT / "pipeline/checking/presets/quick.yaml", tmp_path / "params.yaml")
    write_report(
        tmp_path,
        [
            result("dncnn_s25", 28.5),
            result("runet_s25", 29.25),
            result("again", 29.5, repetition_of="runet_s25"),
            result("nl_means", 28.75, model="nl_means"),
            result("tv", 28.25, model="tv"),
            result("edsr_x2", 28.0, BY_FLOAT),
            result("dncnn_s25", 28.25, BY_FLOAT),
            result("rednet_jpeg", 31.0, JPEG),
        ],
        [
            comparison("dncnn_s25", "runet_s25", -0.75, noise=0.5),
            comparison("dncnn_s25", "nl_means", -0.25, noise=0.5),
            comparison("dncnn_s25", "edsr_x2", 0.25, noise=0.125, place=BY_FLOAT),
        ],
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["dncnn_s25", "runet_s25"], "-0.75  -1.25 to -0.25"),
        (["runet_s25", "dncnn_s25"], "+0.75  +0.25 to +1.25"),
        (["dncnn_s25", "nl_means"], "-0.25  within noise, -0.75 to +0.25"),
        (["dncnn_s25", "again"], "-0.75  -1.25 to -0.25"),
        (["dncnn_s25", "edsr_x2", "--all"], "+0.25  +0.12 to +0.38"),
    ],
)
def test_the_difference_is_that_of_the_first_minus_the_second(
    names: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", *names]) == 0

    printed = capsys.readouterr().out.replace("\N{MINUS SIGN}", "-")
    assert said in printed.splitlines()[2]


@pytest.mark.usefixtures("project")
def test_only_the_settings_that_differ_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "runet_s25", "dncnn_s25"]) == 0

    printed = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert ["recipe.steps", "1300", "750"] in printed
    assert ["model.width", "-", "32"] in printed
    assert "recipe.batch" not in {words[0] for words in printed if words}
    assert "experiment.train_on" not in {words[0] for words in printed if words}


@pytest.mark.usefixtures("project")
def test_what_a_training_set_is_made_of_is_a_setting_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["compare", "dncnn_s25", "edsr_x2", "--all"]) == 0

    printed = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert ["patches.size", "40", "64"] in printed
    assert ["degradation.kind", "gaussian", "bicubic"] in printed


def test_the_cost_comes_from_the_cards(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, seconds in (("runet_s25", 93.4), ("dncnn_s25", 44.7)):
        card = {
            "parameters": 56_097,
            "multiply_adds_256": 3_661_627_392,
            "steps": 1300,
            "training_seconds": seconds,
            "weights_sha256": "0",
        }
        (project / "data/models" / name).mkdir(parents=True)
        (project / "data/models" / name / "card.json").write_text(json.dumps(card))

    assert cli.main(["compare", "runet_s25", "dncnn_s25"]) == 0

    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[-4:]]
    assert rows == [
        "parameters 56.1 k 56.1 k",
        "multiply-adds of 256x256 3.66 G 3.66 G",
        "training steps 1,300 1,300",
        "training seconds 93 45",
    ]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        (["dncnn_25", "tv"], 2, "the nearest known one is 'dncnn_s25'"),
        (["dncnn_s25", "dncnn_s25"], 2, "expected two experiments, came one twice"),
        (["dncnn_s25", "rednet_jpeg"], 1, "rednet_jpeg is tested on deblock"),
        (["dncnn_s25", "edsr_x2"], 1, "--all shows others"),
        (["dncnn_s25", "tv"], 1, "classical methods that are not the best"),
        (["dncnn_s25", "vdsr_x23"], 1, "`restore run --experiments vdsr_x23` measures it"),
        (["runet_s25", "again"], 1, "differ in their random numbers alone"),
    ],
)
def test_a_pair_that_cannot_be_compared_is_refused(
    names: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", *names]) == code

    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_settings_of_a_pair_without_a_common_benchmark_are_printed_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["compare", "dncnn_s25", "rednet_jpeg"]) == 1

    assert "experiment.test_on" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("width", [30, 60, 80])
def test_no_line_is_wider_than_the_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    assert cli.main(["compare", "runet_s25", "dncnn_s25"]) == 0

    assert max(map(len, capsys.readouterr().out.splitlines())) <= width
