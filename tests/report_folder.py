"""The tables of a report, as commands that read them find them."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.arrays.tables import write_table
from pipeline.report.comparisons import ComparisonRow
from pipeline.report.network_table import NetworkRow
from pipeline.report.repetitions import RepetitionRow
from pipeline.report.results import ResultRow

PLACE = ("photos_test", "gaussian_25", "gray-uint8")
"""Where the first benchmark of the quick preset leads."""

Place = tuple[str, str, str]


def result(
    experiment: str, psnr: float, place: Place = PLACE, **others: float | str | None
) -> ResultRow:
    """Return a row of results; the input has 20 dB."""
    data_set, degradation, protocol = place
    values: dict[str, float | str | None] = {
        "model": f"arch.{experiment}",
        "psnr_input": 20.0,
        "psnr_published": None,
        "repetition_of": None,
        **others,
    }
    return ResultRow(
        experiment=experiment,
        data_set=data_set,
        degradation=degradation,
        protocol=protocol,
        images=4,
        psnr=psnr,
        ssim=0.8,
        ssim_input=0.4,
        psnr_gap=None,
        psnr_low=psnr - 1,
        psnr_high=psnr + 1,
        **values,  # type: ignore[arg-type]  # of several types
    )


def comparison(
    experiment: str, other: str, difference: float, *, noise: float, place: Place = PLACE
) -> ComparisonRow:
    """Return a difference whose interval reaches ``noise`` to both sides."""
    data_set, degradation, protocol = place
    return ComparisonRow(
        data_set=data_set,
        degradation=degradation,
        protocol=protocol,
        experiment=experiment,
        other=other,
        images=4,
        difference=difference,
        low=difference - noise,
        high=difference + noise,
        within_noise=abs(difference) <= noise,
    )


def network(experiment: str, parameters: int, multiply_adds: int) -> NetworkRow:
    """Return a row of networks."""
    return NetworkRow(
        experiment=experiment,
        model=f"arch.{experiment}",
        parameters=parameters,
        parameters_published=None,
        receptive_field=17,
        multiply_adds_256=multiply_adds,
        steps=750,
        training_multiply_adds=None,
        data_set=PLACE[0],
        degradation=PLACE[1],
        protocol=PLACE[2],
        psnr=29.0,
        psnr_input=20.0,
    )


def write_report(
    root: Path,
    results: Sequence[ResultRow],
    comparisons: Sequence[ComparisonRow] = (),
    networks: Sequence[NetworkRow] = (),
    repetitions: Sequence[RepetitionRow] = (),
) -> Path:
    """Write the tables of a report in a project, and return their folder."""
    folder = root / "data" / "report"
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "results.csv", ResultRow, results)
    write_table(folder / "comparisons.csv", ComparisonRow, comparisons)
    write_table(folder / "networks.csv", NetworkRow, networks)
    write_table(folder / "repetitions.csv", RepetitionRow, repetitions)
    return folder
