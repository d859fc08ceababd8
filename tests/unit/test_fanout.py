from collections.abc import Collection, Mapping

import pytest

from pipeline.graph.dag import Stage
from pipeline.graph.fanout import Ended, Fanout
from pipeline.graph.slots import Slots


def stage(name: str, *needs: str, stale: bool = True, cpus: int = 1) -> Stage:
    reasons = ("edited",) if stale else ()
    return Stage(name=name, needs=needs, cpus=cpus, gpus=0, follows=needs, stale=reasons)


class Workshop:
    """Ends each stage as soon as it begins, and remembers what was done."""

    def __init__(
        self, *, faults: Mapping[str, str] | None = None, changed: Collection[str] = ()
    ) -> None:
        self.begun: list[str] = []
        self.rechecked: list[list[str]] = []
        self._faults = faults or {}
        self._changed = changed

    def run(self, *stages: Stage, keep_going: bool = True, cores: int = 8) -> Fanout:
        fanout = Fanout(
            {one.name: one for one in stages},
            slots=Slots(cores=cores, gpus=[], at_once=None),
            keep_going=keep_going,
            start=self._start,
            recheck=self._recheck,
        )
        fanout.run()
        return fanout

    def _start(self, one: Stage, _gpus: tuple[str, ...], ended: Ended) -> None:
        self.begun.append(one.name)
        ended(self._faults.get(one.name))

    def _recheck(self, names: Collection[str]) -> dict[str, tuple[str, ...]]:
        self.rechecked.append(list(names))
        return {name: ("changed",) if name in self._changed else () for name in names}


def test_each_stage_begins_after_those_it_needs() -> None:
    workshop = Workshop()

    fanout = workshop.run(
        stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "b", "c"), stage("e")
    )

    assert set(fanout.ran) == set("abcde")
    assert workshop.begun.index("a") < workshop.begun.index("b") < workshop.begun.index("d")
    assert workshop.begun.index("c") < workshop.begun.index("d")


def test_needs_outside_the_run_are_up_to_date() -> None:
    fanout = Workshop().run(stage("b", "up_to_date"))

    assert fanout.ran == ["b"]


def test_a_failure_spares_the_stages_that_do_not_need_it() -> None:
    fanout = Workshop(faults={"a": "broken"}).run(
        stage("a"), stage("b", "a"), stage("c", "b"), stage("d"), stage("e", "d")
    )

    assert fanout.failed == {"a": "broken"}
    assert fanout.not_run == ["b", "c"]
    assert set(fanout.ran) == {"d", "e"}


def test_without_keeping_going_a_failure_starts_nothing_more() -> None:
    workshop = Workshop(faults={"a": "broken"})

    fanout = workshop.run(stage("a"), stage("b"), stage("c"), keep_going=False, cores=1)

    assert fanout.ran == []
    assert fanout.not_run == ["b", "c"]


def test_the_summary_names_what_failed_why_and_what_did_not_run() -> None:
    fanout = Workshop(faults={"a": "line one\nline two"}).run(stage("a"), stage("b", "a"))

    assert fanout.summary().splitlines() == [
        "1 stage failed:",
        "  a: line one",
        "    line two",
        "not run because of that: b",
    ]


def test_a_follower_runs_if_what_it_reads_has_changed() -> None:
    fanout = Workshop(changed={"b"}).run(stage("a"), stage("b", "a", stale=False))

    assert fanout.ran == ["a", "b"]


def test_a_follower_that_is_still_fresh_does_not_run_and_does_not_block() -> None:
    workshop = Workshop(changed={"d"})

    fanout = workshop.run(
        stage("a"),
        stage("b", "a", stale=False),
        stage("c", "b", stale=False),
        stage("d", "c", stale=False),
    )

    assert fanout.ran == ["a", "d"]
    assert workshop.rechecked == [["b", "c", "d"]]  # one look at DVC's state is not cheap


def test_a_follower_behind_one_that_runs_is_looked_at_again_afterwards() -> None:
    workshop = Workshop(changed={"b"})

    fanout = workshop.run(stage("a"), stage("b", "a", stale=False), stage("c", "b", stale=False))

    assert fanout.ran == ["a", "b"]
    assert workshop.rechecked == [["b", "c"], ["c"]]


def test_followers_are_looked_at_only_when_what_they_need_is_settled() -> None:
    workshop = Workshop(faults={"a": "broken"})

    workshop.run(stage("a"), stage("b", "a", stale=False))

    assert workshop.rechecked == []


@pytest.mark.parametrize(("cores", "most"), [(1, 1), (2, 1), (4, 2)])
def test_no_more_stages_than_the_cores_allow_are_begun(cores: int, most: int) -> None:
    running: list[Ended] = []
    at_once = []

    def start(_one: Stage, _gpus: tuple[str, ...], ended: Ended) -> None:
        running.append(ended)
        at_once.append(len(running))
        if len(running) == most:
            while running:
                running.pop()(None)

    fanout = Fanout(
        {name: stage(name, cpus=2) for name in "abcd"},
        slots=Slots(cores=cores, gpus=[], at_once=None),
        keep_going=True,
        start=start,
        recheck=lambda _names: {},
    )

    fanout.run()

    assert len(fanout.ran) == 4
    assert max(at_once) == most
