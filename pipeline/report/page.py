"""The page: everything on it as plain values, and the template that shows them."""

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.literature.draws import Draw
from pipeline.literature.published import Published
from pipeline.measuring.metrics import PROTOCOLS
from pipeline.measuring.score_table import Place
from pipeline.measuring.statistics import RESAMPLES
from pipeline.recognition.scoring.palette import UNLABELLED_COLOUR
from pipeline.report import cost_figure, crops, curves, gains, strength_figure
from pipeline.report.answers import Answer
from pipeline.report.checklist import Check
from pipeline.report.crops import Crop
from pipeline.report.curves import Chart
from pipeline.report.downstream import group_by_task
from pipeline.report.gaps import find_gaps
from pipeline.report.leaderboard import (
    STRONGEST,
    by_place,
    number_sources,
    published_only,
    rank,
    shown_places,
    tabulate_protocols,
)
from pipeline.report.network_table import Network
from pipeline.report.overlaps import Overlap
from pipeline.report.overview import draw_overview
from pipeline.report.perceptual import PerceptualBlock
from pipeline.report.recognition import Recognised
from pipeline.report.recognition_words import (
    HEADINGS,
    WHAT,
    describe_change,
    describe_size,
    describe_split,
    show_change,
    show_gap,
    show_interval,
    show_score,
    show_spread,
    show_value,
)
from pipeline.report.reconstructions import Restoring, TakenIn
from pipeline.report.repetitions import merge_repetitions
from pipeline.report.results import Result
from pipeline.report.same_crops import SameCrops
from pipeline.report.strength_figure import StrengthFigure
from pipeline.report.unmeasured import LeftOut
from pipeline.report.words import (
    break_name,
    decimal,
    describe_difference,
    describe_interval,
    describe_method,
    describe_protocol,
    describe_settings,
    describe_sureness,
    describe_way,
    list_names,
    signed,
)
from pipeline.settings.outside import Outside
from pipeline.settings.params import Applied, Experiment, Imported, Trial
from pipeline.settings.programs import Program

Entry = Experiment | Imported | Applied | Program | Outside
"""What is measured: networks trained here or elsewhere, weights applied in another way, programs,
and what others restored."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one entry of ``params.yaml`` has to show.

    Args:
        name: Of the entry.
        settings: Its entry in ``params.yaml``.
        card: What stands beside its weights; None of programs and of what others restored.
        trials: What it was tested on.
        charts: Its training; none of published weights and of those of another entry.
        restoring: How its images were restored, here or by another program.
        crops: Its restored images.
        overlaps: What its training set shares with its test sets, by name of the test set.
    """

    name: str
    settings: Entry
    card: Mapping[str, Any] | None
    trials: Sequence[Trial]
    charts: Sequence[Chart]
    restoring: Restoring | TakenIn
    crops: Sequence[Crop]
    overlaps: Mapping[str, Overlap]

    @property
    def is_imported(self) -> bool:
        """Tell whether the weights were trained elsewhere."""
        return isinstance(self.settings, Imported)

    @property
    def is_applied(self) -> bool:
        """Tell whether the weights are those of another entry."""
        return isinstance(self.settings, Applied)

    @property
    def is_outside(self) -> bool:
        """Tell whether the images were restored elsewhere."""
        return isinstance(self.settings, Outside)

    @property
    def is_program(self) -> bool:
        """Tell whether a network that runs by itself restored the images."""
        return isinstance(self.settings, Program)


@dataclass(frozen=True)
class Warned:
    """A training with something suspicious about it.

    Args:
        name: Of the entry.
        anchor: Where the page shows it.
        warning: What it is, in a sentence.
    """

    name: str
    anchor: str
    warning: str


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was measured, and what is known about it.

    Args:
        results: All rows of the table, networks and classical methods.
        networks: What each network costs.
        degradations: The levels that the results are of in words, by their labels.
        leading: Places of the protocols that the trials name; the page shows these.
        headline: Places of the protocol that each trial leads with.
        answers: Of each test, by the protocol that it leads with.
        same_crops: The same crops of all networks of a test.
        strengths: Gains against how strong the degradation is.
        looks: Perceptual measures, lower for the better; empty where no benchmark asks for any.
        references: Numbers of the literature; those about other data are left out.
        repetition_of: Experiments that repeat another one, and which.
        check: Fills the checklist of a result that has a published counterpart.
        draws: How far another draw of the noise moves a mean, by data set and level.
        uncompared: What entries are to be compared with but have no number for, by their names.
        recognition: What recognisers made of restored images; None where there are none.
        left_out: What is not measured yet.
    """

    results: Sequence[Result]
    networks: Sequence[Network]
    degradations: Mapping[str, str]
    leading: Collection[Place]
    headline: Collection[Place]
    answers: Sequence[Answer]
    same_crops: Sequence[SameCrops]
    strengths: Sequence[StrengthFigure]
    looks: Sequence[PerceptualBlock]
    references: Iterable[Published]
    repetition_of: Mapping[str, str]
    check: Callable[[Result, Published], Sequence[Check]]
    draws: Mapping[tuple[str, str], Draw]
    uncompared: Mapping[str, Sequence[str]]
    recognition: Recognised | None
    left_out: LeftOut


def find_warnings(reports: Iterable[Report], recognition: Recognised | None) -> list[Warned]:
    """Return what is suspicious about the trainings, in the order of the page."""
    trainings = [(report.name, f"experiment-{report.name}", report.charts) for report in reports]
    if recognition is not None:
        first = recognition.repetition_of
        trainings += [
            (run.name, f"recogniser-{first.get(run.name, run.name)}", run.charts)
            for run in recognition.runs
        ]
    return [
        Warned(name, anchor, chart.warning)
        for name, anchor, charts in trainings
        for chart in charts
        if chart.warning
    ]


def render_page(reports: Sequence[Report], findings: Findings) -> str:
    """Return the whole page as HTML that needs no other file.

    Args:
        reports: The experiments, in the order of ``params.yaml``.
        findings: What all of them reached.
    """
    merged = by_place(merge_repetitions(findings.results, findings.repetition_of))
    groups = shown_places(merged, findings.leading)
    singles = shown_places(by_place(findings.results), findings.leading)
    numbers = published_only(groups, findings.references)
    sources = number_sources(groups, numbers)
    recognition = findings.recognition
    for source in recognition.sources if recognition else ():
        sources.setdefault(source, len(sources) + 1)
    measured = (result for rows in groups.values() for result in rows)
    gaps = find_gaps(measured, findings.check, findings.draws)
    used = {result.protocol for result in findings.results}
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    page: str = (
        _environment(findings.degradations)
        .get_template("page.html.jinja")
        .render(
            reports=reports,
            results=findings.results,
            networks=findings.networks,
            answers=findings.answers,
            same_crops=findings.same_crops,
            strengths=findings.strengths,
            strength_figure=strength_figure,
            leaderboard=rank(groups, numbers, sources),
            further=_further(groups, findings.headline),
            tables=tabulate_protocols(merged),
            looks=findings.looks,
            overview={report.name: draw_overview(report.name, singles) for report in reports},
            overlaps={report.name: report.overlaps for report in reports},
            imported={report.name for report in reports if report.is_imported},
            outside={report.name for report in reports if report.is_outside},
            programs={report.name for report in reports if report.is_program},
            applied={report.name: report.settings for report in reports if report.is_applied},
            repetition_of=findings.repetition_of,
            gaps=gaps,
            uncompared=findings.uncompared,
            gap_numbers={(gap.result.experiment, *gap.result.place): gap.number for gap in gaps},
            protocols={name: describe_protocol(name) for name in PROTOCOLS if name in used},
            sources=sources,
            commands=_commands(reports),
            crops=crops,
            curves=curves,
            gains=gains,
            cost_figure=cost_figure,
            script=script,
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            recognition=recognition,
            left_out=findings.left_out,
            warned=find_warnings(reports, recognition),
            headings=HEADINGS,
            what=WHAT,
            no_class="#{:02x}{:02x}{:02x}".format(*UNLABELLED_COLOUR),
            resamples=RESAMPLES,
            strongest=STRONGEST,
        )
    )
    return page


_HERE = Path(__file__).parent


def _further(
    groups: Mapping[Place, Sequence[Result]], headline: Collection[Place]
) -> Collection[Place]:
    """Return the places that say once more, by another protocol, what a headline says.

    A number of the literature that no headline has is none of them.
    """
    compared = {
        result.published.key[:3]
        for place, results in groups.items()
        for result in results
        if place in headline and result.published
    }
    return {
        place
        for place, results in groups.items()
        if place not in headline
        and all(one.published is None or one.published.key[:3] in compared for one in results)
    }


def _environment(degradations: Mapping[str, str]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "db": lambda value: decimal(value, 2),
        "ssim": lambda value: decimal(value, 4),
        "decimal": decimal,
        "thousands": lambda value: f"{value:,}".replace(",", " "),
        "signed": signed,
        "words": degradations.__getitem__,
        "name": break_name,
        "method": describe_method,
        "way": describe_way,
        "settings": describe_settings,
        "interval": describe_interval,
        "worth": describe_difference,
        "sure": describe_sureness,
        "names": lambda names: list_names(list(names)),
        "millions": lambda value: f"{value / 1e6:.3g}" if value < 1e9 else f"{value / 1e6:.0f}",
        "score": show_score,
        "score_interval": show_interval,
        "score_spread": show_spread,
        "value": show_value,
        "change": show_change,
        "change_worth": describe_change,
        "gap": show_gap,
        "split_words": describe_split,
        "size_words": describe_size,
        "groupby_task": group_by_task,
    }
    return environment


def _commands(reports: Iterable[Report]) -> dict[str, str]:
    """Return the commands that make this page again, and what each does."""
    stages: dict[type, tuple[str, str]] = {
        Experiment: ("evaluate", "train, restore"),
        Imported: ("evaluate_imported", "restore"),
        Applied: ("evaluate_applied", "restore"),
        Program: ("evaluate_programs", "restore"),
        Outside: ("evaluate_outside", "take in"),
    }
    alone = {}
    for report in reports:
        stage, made = stages[type(report.settings)]
        alone[f"dvc repro {stage}@{report.name}"] = f"{made} and measure {report.name} alone"
    return {
        "dvc repro": "bring everything up to date, this page too",
        **alone,
        "dvc metrics diff": "compare the scores with those of the last commit",
        "restore ui": "look at every run there was",
    }
