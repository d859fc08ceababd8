import math
import threading
import time
from collections.abc import Callable

import pytest

from pipeline.graph import attempts as attempts_module
from pipeline.graph.attempts import (
    PAUSE_VARIABLE,
    Attempts,
    Fault,
    PauseError,
    read_first_pause,
)
from pipeline.graph.dag import Stage
from pipeline.graph.supervise import SECONDS_VARIABLE

OUTSIDE = Fault("nobody answers", may_pass=True)
OWN = Fault("a contradiction in params.yaml")


def stage(hours: float = math.inf) -> Stage:
    return Stage("train@a", (), 1, 0, (), (), hours=hours)


def one_after_the_other(*outcomes: Fault | None) -> Callable[[], Fault | None]:
    left = iter(outcomes)
    return lambda: next(left)


def test_a_fault_from_outside_is_tried_again_until_it_has_passed() -> None:
    said: list[str] = []

    fault = Attempts(retries=3, first_pause=0).make(
        one_after_the_other(OUTSIDE, OUTSIDE, None), said.append
    )

    assert fault is None
    assert [line.splitlines()[1].partition(": ")[2] for line in said] == [
        "tried again in 0 s (1 of 3)",
        "tried again in 0 s (2 of 3)",
    ]


def test_each_pause_is_twice_as_long() -> None:
    said: list[str] = []

    began = time.monotonic()
    Attempts(retries=3, first_pause=0.05).make(lambda: OUTSIDE, said.append)

    assert time.monotonic() - began >= 0.05 + 0.1 + 0.2
    assert ["0.05 s" in said[0], "0.1 s" in said[1], "0.2 s" in said[2]] == [True] * 3


def test_a_stage_that_was_tried_fails_by_its_cause_when_time_ends_in_a_pause() -> None:
    attempts = Attempts(retries=3, hours=0.1 / 3600, first_pause=60)

    assert attempts.make(one_after_the_other(OUTSIDE), print) is OUTSIDE


def test_what_goes_on_long_after_the_time_of_the_run_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts_module, "_LATE", 0.05)
    ended = threading.Event()

    with Attempts(hours=0.05 / 3600).ending(ended.set):
        assert ended.wait(20)


def test_nothing_is_ended_where_all_time_is_given_or_all_is_done_before() -> None:
    ended = threading.Event()

    with Attempts().ending(ended.set), Attempts(hours=1e9).ending(ended.set):
        pass

    assert not ended.wait(0.1)


def test_what_fails_after_the_time_of_the_run_was_ended() -> None:
    over, going_on = Attempts(hours=0), Attempts(hours=1)

    assert over.judge(stage(), OWN).out_of_time
    assert going_on.judge(stage(), OWN) is OWN


def test_a_fault_of_its_own_is_not_tried_again() -> None:
    assert Attempts(retries=3, first_pause=60).make(one_after_the_other(OWN), print) is OWN


def test_what_was_tried_often_enough_fails() -> None:
    tries = one_after_the_other(OUTSIDE, OUTSIDE)

    assert Attempts(retries=1, first_pause=0).make(tries, print) is OUTSIDE


def test_nothing_is_tried_again_when_the_run_ends() -> None:
    attempts = Attempts(retries=3, first_pause=60)
    threading.Timer(0.1, attempts.over.set).start()

    began = time.monotonic()
    fault = attempts.make(one_after_the_other(OUTSIDE), print)

    assert fault is OUTSIDE
    assert time.monotonic() - began < 30


def test_the_shorter_of_two_limits_ends_a_stage() -> None:
    run_is_longer, run_is_shorter = Attempts(hours=2), Attempts(hours=0.5)

    assert run_is_longer.seconds_for(stage(hours=1)) == 3600
    assert 1790 < run_is_shorter.seconds_for(stage(hours=1)) <= 1800
    assert Attempts().environment(stage()) == {}
    assert Attempts().environment(stage(hours=1)) == {SECONDS_VARIABLE: "3600.000"}


def test_a_run_whose_time_is_over_begins_no_stage_and_says_whose_time_it_was() -> None:
    attempts = Attempts(hours=0)

    assert attempts.seconds_for(stage(hours=1)) <= 0
    assert "the run was given" in attempts.why_over(stage(hours=1))
    assert "meta.hours" in Attempts(hours=2).why_over(stage(hours=1))


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan", "1e10"])
def test_a_pause_that_is_no_number_of_seconds_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PAUSE_VARIABLE, text)

    with pytest.raises(PauseError, match=f"from 0 to those of a day, came '{text}'"):
        read_first_pause()
