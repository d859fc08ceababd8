from dataclasses import replace

from pipeline.degradations.settings import Bicubic
from pipeline.literature.papers import read_papers
from pipeline.report.results import Result
from pipeline.report.siblings import OnTrial, effect_of_colour
from pipeline.settings.params import Trial, TrialColour
from tests.unit.report_data import result_of

PAPER = read_papers()["Bicubic"]


def measured(colour: TrialColour, result: Result, method: str = "bicubic") -> OnTrial:
    trial = Trial(
        dataset="set5",
        colour=colour,
        degradation=Bicubic(kind="bicubic", scale=2.0, quantise=False, result="interpolated"),
        protocols=["y-shave"],
        baselines=["bicubic"],
    )
    return OnTrial(result=result, trial=trial, method=(method,))


OURS = measured("y_of_rgb", result_of(33.65))
AS_THE_PAPER = measured("y", result_of(33.66))


def test_a_difference_is_what_the_same_method_loses_by_it() -> None:
    effect = effect_of_colour(OURS, [OURS, AS_THE_PAPER], PAPER)

    assert effect is not None
    assert round(effect, 4) == -0.01


def test_what_was_degraded_as_the_paper_did_has_no_difference_to_measure() -> None:
    assert effect_of_colour(AS_THE_PAPER, [OURS, AS_THE_PAPER], PAPER) is None


def test_neither_another_method_nor_another_place_tells() -> None:
    elsewhere = replace(AS_THE_PAPER, result=replace(AS_THE_PAPER.result, protocol="y-float"))
    another = replace(AS_THE_PAPER, method=("lanczos",))

    assert effect_of_colour(OURS, [elsewhere, another], PAPER) is None


def test_without_facts_about_the_paper_nothing_is_measured() -> None:
    assert effect_of_colour(OURS, [AS_THE_PAPER], None) is None
