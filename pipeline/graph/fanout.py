"""Stages side by side: which may start, which wait, and what a failure means for the rest."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from queue import SimpleQueue

from pipeline.graph.dag import Stage
from pipeline.graph.slots import Slots

Ended = Callable[[str | None], None]


class Fanout:
    """Runs the stages of a graph, each after those it needs, as many at once as fit.

    Args:
        stages: What is to run, in the graph's order. A stage that only follows others
            (``stale`` is empty) runs if ``recheck`` finds it out of date when its turn comes.
        slots: The machine.
        keep_going: After a failure, still start stages that do not need the failed one.
        start: Begins a stage on some GPUs and returns at once. It calls its third argument
            when the stage has ended, from any thread: with None or with what went wrong.
        recheck: Returns for each of some stages why it is out of date.
    """

    def __init__(
        self,
        stages: Mapping[str, Stage],
        *,
        slots: Slots,
        keep_going: bool,
        start: Callable[[Stage, tuple[str, ...], Ended], None],
        recheck: Callable[[Collection[str]], Mapping[str, tuple[str, ...]]],
    ) -> None:
        self.ran: list[str] = []
        self.failed: dict[str, str] = {}
        self._waiting = dict(stages)
        self._running: set[str] = set()
        self._must_run = {name for name, stage in stages.items() if stage.stale}
        self._slots = slots
        self._keep_going = keep_going
        self._start = start
        self._recheck = recheck
        self._ends: SimpleQueue[tuple[str, str | None]] = SimpleQueue()

    @property
    def not_run(self) -> list[str]:
        """Stages that did not start, after a failure, in the graph's order."""
        return list(self._waiting)

    def run(self) -> None:
        """Run all that can run, and return when nothing runs any more."""
        self._start_what_fits()
        while self._running:
            name, fault = self._ends.get()
            self._running.remove(name)
            self._slots.give_back(name)
            if fault is None:
                self.ran.append(name)
            else:
                self.failed[name] = fault
            self._start_what_fits()

    def summary(self) -> str:
        """Return in words what ran, what failed, and what did not run because of it."""
        if not self.failed:
            return f"{_count(len(self.ran))} ran; everything asked for is up to date"
        lines = [f"{_count(len(self.failed))} failed:"]
        for name, fault in self.failed.items():
            first, *more = fault.splitlines() or ["(nothing was said)"]
            lines += [f"  {name}: {first}", *(f"    {line}" for line in more)]
        if self.not_run:
            lines.append(f"not run because of that: {', '.join(self.not_run)}")
        return "\n".join(lines)

    def _start_what_fits(self) -> None:
        if self.failed and not self._keep_going:
            return
        for name in self._settle_followers():
            stage = self._waiting[name]
            gpus = self._slots.take(name, cpus=stage.cpus, gpus=stage.gpus)
            if gpus is not None:
                del self._waiting[name]
                self._running.add(name)
                self._start(stage, gpus, partial(self._end, name))

    def _end(self, name: str, fault: str | None) -> None:
        self._ends.put((name, fault))

    def _settle_followers(self) -> list[str]:
        """Return the stages whose turn has come, after letting go of those that stay fresh."""
        doubtful = self._doubtful()
        reasons = self._recheck(doubtful) if doubtful else {}
        for name in doubtful:
            # Behind a stage that runs, the answer is not final.
            if self._is_ready(self._waiting[name]):
                if reasons[name]:
                    self._must_run.add(name)
                else:
                    del self._waiting[name]
        return [name for name, stage in self._waiting.items() if self._is_ready(stage)]

    def _doubtful(self) -> list[str]:
        """Return the stages that only follow others, and for which no running stage writes."""
        found: list[str] = []
        for name, stage in self._waiting.items():
            unsettled = [needed for needed in stage.needs if self._is_unsettled(needed)]
            if name not in self._must_run and set(unsettled) <= set(found):
                found.append(name)
        return found

    def _is_ready(self, stage: Stage) -> bool:
        return not any(self._is_unsettled(needed) for needed in stage.needs)

    def _is_unsettled(self, name: str) -> bool:
        return name in self._waiting or name in self._running or name in self.failed


def _count(stages: int) -> str:
    return "1 stage" if stages == 1 else f"{stages} stages"
