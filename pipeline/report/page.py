"""The page: everything on it as plain values, and the template that shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.metrics import PROTOCOLS
from pipeline.params import Experiment, Trial
from pipeline.report import crops, curves
from pipeline.report.crops import Crop
from pipeline.report.curves import Chart
from pipeline.report.leaderboard import by_place, number_sources, published_only, rank
from pipeline.report.overview import draw_overview
from pipeline.report.published import Published
from pipeline.report.results import Result
from pipeline.report.words import (
    decimal,
    describe_degradation,
    describe_method,
    describe_protocol,
    describe_settings,
    signed,
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one experiment has to show.

    Args:
        name: Of the experiment.
        settings: Its entry in ``params.yaml``.
        trials: What it was tested on.
        charts: Its training.
        crops: Its restored images.
    """

    name: str
    settings: Experiment
    trials: Sequence[Trial]
    charts: Sequence[Chart]
    crops: Sequence[Crop]


def render_page(
    reports: Sequence[Report],
    results: Sequence[Result],
    references: Iterable[Published],
) -> str:
    """Return the whole page as HTML that needs no other file.

    Args:
        reports: The experiments, in the order of ``params.yaml``.
        results: All rows of the table, networks and classical methods.
        references: Verified numbers of the literature; those about other data are left out.
    """
    groups = by_place(results)
    used = {result.protocol for result in results}
    numbers = published_only(groups, references)
    sources = number_sources(groups, numbers)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "db": lambda value: decimal(value, 2),
        "ssim": lambda value: decimal(value, 4),
        "signed": signed,
        "words": describe_degradation,
        "method": describe_method,
        "settings": describe_settings,
    }
    page: str = environment.get_template("page.html.jinja").render(
        reports=reports,
        results=results,
        leaderboard=rank(groups, numbers, sources),
        overview={report.name: draw_overview(report.name, groups) for report in reports},
        protocols={name: describe_protocol(name) for name in PROTOCOLS if name in used},
        sources=sources,
        published_count=sum(result.published is not None for result in results),
        commands=_commands(reports),
        crops=crops,
        curves=curves,
    )
    return page


def _commands(reports: Iterable[Report]) -> dict[str, str]:
    """Return the commands that make this page again, and what each does."""
    alone = {
        f"dvc repro evaluate@{report.name}": f"train, restore and measure {report.name} alone"
        for report in reports
    }
    return {
        "dvc repro": "bring everything up to date, this page too",
        **alone,
        "dvc metrics diff": "compare the scores with those of the last commit",
        "mlflow ui": "look at every run there was",
    }
