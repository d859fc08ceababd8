"""What Prefect's pages say of a run."""

from pipeline.degradations.settings import Gaussian
from pipeline.graph.dag import Stage
from pipeline.graph.prefect_pages import as_key, describe, explain, in_words, rank
from pipeline.settings.params import Trial

SET12 = Trial(
    dataset="set12",
    colour="gray",
    degradation=Gaussian(kind="gaussian", sigma_8bit=25, quantise=False),
    protocols=["gray-uint8", "gray-float"],
    baselines=[],
)


def stage(name: str, *, follows: tuple[str, ...] = (), stale: tuple[str, ...] = ()) -> Stage:
    return Stage(name=name, needs=follows, cpus=1, gpus=0, follows=follows, stale=stale)


def row(experiment: str, protocol: str, psnr: float, data_set: str = "set12") -> dict[str, str]:
    return {
        "experiment": experiment,
        "data_set": data_set,
        "degradation": "gaussian_25",
        "protocol": protocol,
        "psnr": f"{psnr:.4f}",
        "ssim": "0.80000",
        "psnr_input": "20.1700",
        "psnr_published": "",
        "psnr_low": "",
        "psnr_high": "",
    }


def test_a_run_is_named_after_its_trainings_first() -> None:
    stages = ["check", "download@a", "train@dncnn", "learn@digits", "report"]

    assert describe(stages) == "restore run: 5 stages, train@dncnn, learn@digits, check, ..."


def test_a_run_of_few_stages_names_them_all() -> None:
    assert describe(["evaluate@a", "report"]) == "restore run: 2 stages, evaluate@a, report"


def test_one_stage_is_no_plural() -> None:
    assert describe(["report"]) == "restore run: 1 stage, report"


def test_each_stage_has_the_reason_why_it_runs() -> None:
    stages = [
        stage("train@a", stale=("recipes.quick in params.yaml changed", "stages/train.py changed")),
        stage("evaluate@a", follows=("train@a",)),
        stage("report", follows=("evaluate@a", "evaluate@b")),
    ]

    assert explain({one.name: one for one in stages}) == [
        {
            "stage": "train@a",
            "why": "recipes.quick in params.yaml changed; stages/train.py changed",
        },
        {"stage": "evaluate@a", "why": "follows train@a"},
        {"stage": "report", "why": "follows evaluate@a"},
    ]


def test_a_short_failure_is_shown_once_as_code() -> None:
    assert in_words(1, ["working", "  ``` no memory"]) == (
        "Exit code 1. It printed:\n\n    working\n      ``` no memory\n"
    )


def test_the_end_of_a_long_failure_comes_first() -> None:
    words = in_words(137, [f"line {number}" for number in range(100)])

    end, _, whole = words.partition("The last 100 lines:")
    assert "line 99\n" in end
    assert "line 50\n" not in end
    assert whole.splitlines()[2::99] == ["    line 0", "    line 99"]


def test_a_key_has_the_characters_that_prefect_takes() -> None:
    assert as_key("train@DnCNN_s25") == "train-dncnn-s25"


def test_the_best_of_a_benchmark_comes_first_by_its_first_protocol_alone() -> None:
    rows = [
        row("weak", "gray-uint8", 28.0),
        row("strong", "gray-uint8", 30.0),
        row("strong", "gray-float", 30.1),
        row("elsewhere", "gray-uint8", 35.0, data_set="other"),
    ]

    table = rank(rows, [SET12])

    assert [(line["restored by"], line["PSNR"]) for line in table] == [
        ("strong", "30.00"),
        ("weak", "28.00"),
    ]
    assert table[0]["gain"] == "+9.83"
