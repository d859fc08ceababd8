"""What Prefect's pages say of a run."""

from pipeline.degradations.settings import Gaussian
from pipeline.graph.prefect_pages import describe, rank
from pipeline.settings.params import Trial

SET12 = Trial(
    dataset="set12",
    colour="gray",
    degradation=Gaussian(kind="gaussian", sigma_8bit=25, quantise=False),
    protocols=["gray-uint8", "gray-float"],
    baselines=[],
)


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

    assert describe(stages) == "restore run: 5 stage(s), train@dncnn, learn@digits, check, ..."


def test_a_run_of_few_stages_names_them_all() -> None:
    assert describe(["evaluate@a", "report"]) == "restore run: 2 stage(s), evaluate@a, report"


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
