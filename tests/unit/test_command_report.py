"""``restore report``: what it ranks, what it leaves out, and how wide it is."""

import shutil
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.report.repetitions import RepetitionRow
from tests.report_folder import PLACE, comparison, network, result, write_report

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
            result("nl_means", 29.0, model="nl_means"),
            result("tv", 28.25, model="tv"),
            result("of_luma", 27.0, psnr_input=21.0),
            result("dncnn_s25", 28.125, BY_FLOAT),
            result("rednet_jpeg", 31.0, JPEG),
        ],
        [
            comparison("dncnn_s25", "runet_s25", -0.75, noise=0.5),
            comparison("runet_s25", "nl_means", 0.25, noise=0.5),
        ],
        [network("dncnn_s25", 56_097, 3_661_627_392)],
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def lines(project: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what the command prints in that project."""
    assert project.is_dir()
    assert cli.main(["report"]) == 0
    return capsys.readouterr().out.splitlines()


def cells(lines: list[str], name: str) -> list[str]:
    """Return the words of the first row of an experiment."""
    return next(line.split() for line in lines if line.split()[1:2] == [name])


def test_the_best_of_a_benchmark_is_first_and_classical_methods_are_among_the_others(
    lines: list[str],
) -> None:
    ranked = [line.split()[:2] for line in lines if line[:1].isdigit()]

    assert lines[0] == "photos_test, gaussian_25, by gray-uint8, 4 images"
    assert ranked[:5] == [
        ["1", "runet_s25"],
        ["2", "nl_means"],
        ["3", "dncnn_s25"],
        ["4", "tv"],
        ["5", "of_luma"],
    ]


def test_a_row_has_its_gain_its_difference_to_the_best_and_its_cost(lines: list[str]) -> None:
    row = cells(lines, "dncnn_s25")

    assert row == [
        "3",
        "dncnn_s25",
        "28.50",
        "+8.50",
        "\N{MINUS SIGN}0.75",
        "0.8000",
        "56.1",
        "k",
        "3.66",
        "G",
    ]


def test_a_difference_that_chance_could_turn_is_within_noise(lines: list[str]) -> None:
    assert cells(lines, "nl_means")[4:7] == ["\N{MINUS SIGN}0.25", "within", "noise"]


def test_a_method_that_the_report_compares_with_nothing_has_the_difference_of_the_means(
    lines: list[str],
) -> None:
    assert cells(lines, "tv")[4] == "\N{MINUS SIGN}1.00"


def test_what_was_given_other_images_has_no_difference(lines: list[str]) -> None:
    assert cells(lines, "of_luma")[4:6] == ["other", "input"]


def test_only_the_first_protocol_of_a_trial_is_shown(lines: list[str]) -> None:
    text = "\n".join(lines)

    assert "gray-uint8" in text
    assert "gray-float" not in text


def test_perceptual_measures_are_ranked_apart_the_lowest_first(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "data/report/perceptual.csv").write_text(
        "benchmark,experiment,data_set,degradation,measure,images,value,value_input,value_clean\n"
        "denoise_25,tv,photos_test,gaussian_25,lpips-alex,4,0.2500,0.4000,\n"
        "denoise_25,dncnn_s25,photos_test,gaussian_25,lpips-alex,4,0.1000,0.4000,\n"
        "denoise_25,tv,photos_test,gaussian_25,niqe,4,,9.0000,3.0000\n"
        "denoise_25,dncnn_s25,photos_test,gaussian_25,niqe,4,4.0000,9.0000,3.0000\n"
        "other,tv,others,gaussian_25,dists,4,0.2000,0.1000,\n"
    )

    assert cli.main(["report", "--benchmark", "denoise_25"]) == 0

    printed = capsys.readouterr().out.splitlines()
    first = printed.index(
        "photos_test, gaussian_25, by LPIPS 0.1, AlexNet (lpips-alex), lower is better"
    )
    assert [line.split() for line in printed[first + 2 : first + 4]] == [
        ["1", "dncnn_s25", "0.1000", "\N{MINUS SIGN}0.3000", "0.4000"],
        ["2", "tv", "0.2500", "\N{MINUS SIGN}0.1500", "0.4000"],
    ]
    assert [line.split() for line in printed[first + 7 : first + 9]] == [
        ["1", "dncnn_s25", "4.00", "\N{MINUS SIGN}5.00", "9.00", "3.00"],
        ["2", "tv", "9.00", "3.00"],
    ]
    assert not any("others" in line for line in printed)


def test_all_shows_every_protocol_and_the_interval(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.is_dir()
    monkeypatch.setenv("COLUMNS", "160")

    assert cli.main(["report", "--all"]) == 0

    printed = capsys.readouterr().out
    assert "by gray-float" in printed
    assert "27.50 to 29.50" in printed


@pytest.mark.parametrize(
    ("name", "shown", "hidden"),
    [
        ("deblock", "jpeg_10", "gaussian_25"),
        ("denoise_25", "gaussian_25", "jpeg_10"),
        ("photos_test", "jpeg_10", "colour_test"),
    ],
)
@pytest.mark.usefixtures("project")
def test_one_benchmark_or_data_set_is_shown(
    name: str, shown: str, hidden: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", "--benchmark", name]) == 0

    printed = capsys.readouterr().out
    assert shown in printed
    assert hidden not in printed


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("denoise", 2, "the nearest known one is 'denoise_25'"),
        ("photo_test", 2, "the nearest known one is 'photos_test'"),
        ("upscale_23", 1, "the last report has nothing of upscale_23"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_benchmark_that_is_not_there_is_refused(
    name: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", "--benchmark", name]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("width", [20, 40, 60, 80])
@pytest.mark.parametrize("arguments", [[], ["--all"]])
@pytest.mark.usefixtures("project")
def test_no_line_of_a_table_is_wider_than_the_terminal(
    width: int,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    assert cli.main(["report", *arguments]) == 0

    *table, page = capsys.readouterr().out.splitlines()
    assert max(map(len, table)) <= width
    assert page == "data/report/index.html"


@pytest.mark.usefixtures("project")
def test_a_narrow_terminal_has_the_name_and_the_psnr_and_is_told_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    assert cli.main(["report"]) == 0

    printed = " ".join(capsys.readouterr().out.split())
    assert "dncnn_s25 28.50" in printed
    assert "No room in 40 columns: to best, params, MAdds" in printed


def test_repetitions_are_one_row_with_their_mean(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_set, degradation, protocol = PLACE
    mean = RepetitionRow(
        experiment="dncnn_s25",
        runs=2,
        names="dncnn_s25 again",
        data_set=data_set,
        degradation=degradation,
        protocol=protocol,
        images=4,
        psnr=28.75,
        psnr_spread=0.1,
        ssim=0.8,
        ssim_spread=0.01,
        psnr_low=28.0,
        psnr_high=29.0,
    )
    rows = [result("dncnn_s25", 28.5), result("again", 29.0, repetition_of="dncnn_s25")]
    write_report(project, rows, repetitions=[mean])

    assert cli.main(["report"]) == 0

    printed = capsys.readouterr().out
    assert "1  dncnn_s25 (2 runs)  28.75" in printed
    assert "again" not in printed


def test_what_was_recognised_is_a_second_table(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "data" / "report" / "recognition.csv").write_text(
        "recogniser,model,train_on,input,psnr,samples,measure,value,low,high\n"
        "small,v1.small,faces,faces_noisy,20.7619,100,accuracy,0.66000,0.56278,0.74538\n"
    )

    assert cli.main(["report"]) == 0

    assert capsys.readouterr().out.splitlines()[-4:-2] == [
        "recogniser  trained on  input         PSNR  measure   value            95 %",
        "small       faces       faces_noisy  20.76  accuracy  0.660  0.563 to 0.745",
    ]


def test_a_table_that_is_none_is_refused_with_the_stage_that_writes_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "data" / "report" / "results.csv").write_text("experiment,psnr\nb,1\n")

    assert cli.main(["report"]) == 1

    assert "dvc repro --force report" in capsys.readouterr().err


def test_without_a_report_it_says_how_to_get_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(project / "data")

    assert cli.main(["report"]) == 1

    assert "run 'dvc repro report'" in capsys.readouterr().err


def test_a_report_of_nothing_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_report(project, [])

    assert cli.main(["report"]) == 0

    assert capsys.readouterr().out.startswith("nothing was restored\n")
