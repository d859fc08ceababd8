"""What Prefect's pages say of a run: a name for what it does and why, and what came of it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from prefect import runtime
from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client

from pipeline.arrays.tables import read_mappings
from pipeline.checking.params_file import load_params
from pipeline.settings.params import Trial

RESULTS = "results"
"""Key of the artifact: Prefect keeps its versions, one a run, on a page of its own."""

_NAMED = 3
"""Stages that a name names."""

_RESULTS = Path("data/report/results.csv")


def door() -> str:
    """Return by which way the present run was asked for."""
    return f"restore/{runtime.deployment.name}" if runtime.deployment.name else "restore run"


def first_line(error: Exception) -> str:
    """Return what an error says first, or its name where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def describe(stages: Sequence[str]) -> str:
    """Return a name for a run of stages: ``restore run: 9 stage(s), train@dncnn, ...``.

    Trainings come first, since the others mostly follow from them.
    """
    first = sorted(stages, key=lambda name: not name.startswith(("train@", "learn@")))[:_NAMED]
    more = ", ..." if len(stages) > _NAMED else ""
    return f"{door()}: {len(stages)} stage(s), {', '.join(first)}{more}"


def rename_run(name: str, warn: Callable[[str], None]) -> None:
    """Give the present run a name; a server that does not answer costs no more than that."""
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(runtime.flow_run.id, name=name)
    except Exception as error:  # of Prefect, its database or the connection
        warn(f"Prefect does not take the name {name!r}: {first_line(error)}")


def show_results(root: Path, warn: Callable[[str], None]) -> None:
    """Show the rows of the report as a table in Prefect, each benchmark by its first protocol.

    Args:
        root: Folder of the project; without a report in it nothing is shown.
        warn: Gets told why the table cannot be shown.
    """
    if not (root / _RESULTS).is_file():
        return
    where = root / _RESULTS.parent / "index.html"
    try:
        benchmarks = load_params(root / "params.yaml").benchmarks.values()
        trials = [trial for benchmark in benchmarks for trial in benchmark]
        create_table_artifact(
            key=RESULTS,
            table=rank(read_mappings(root / _RESULTS), trials),
            description=f"PSNR in dB, best first. All of it: `{where}`; curves: `restore ui`.",
        )
    except Exception as error:  # the run is over, and this is but a look at it
        warn(f"Prefect shows no table of results: {first_line(error)}")


def rank(rows: Iterable[dict[str, str]], trials: Iterable[Trial]) -> list[dict[str, str]]:
    """Return rows of ``results.csv`` by their trials' first protocols, the best of each first."""
    leading = {(trial.dataset, trial.protocols[0]) for trial in trials}
    shown = [row for row in rows if (row["data_set"], row["protocol"]) in leading]
    shown.sort(key=lambda row: (row["data_set"], row["degradation"], -float(row["psnr"])))
    return [
        {
            "test set": row["data_set"],
            "degradation": row["degradation"],
            "restored by": row["experiment"],
            "PSNR": f"{float(row['psnr']):.2f}",
            "gain": f"{float(row['psnr']) - float(row['psnr_input']):+.2f}",
            "95 %": f"{row['psnr_low'][:5]} to {row['psnr_high'][:5]}" if row["psnr_low"] else "",
            "SSIM": f"{float(row['ssim']):.4f}",
            "published": row["psnr_published"][:5],
            "protocol": row["protocol"],
        }
        for row in shown
    ]
