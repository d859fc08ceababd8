"""What is kept on disk until the tracker gets it; MLflow is not needed to write it.

A journal is a folder of one run's events, in the order in which they came::

    .restore/unsent/TIME-RANDOM/run.json      the run; it is there before any event
                                events.jsonl  an event a line
                                N/NAME        a file of an event
                                lock          held while its writer lives

A writer may be killed at any moment: what it has written is complete up to there.
"""

import json
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from pipeline.running.outputs import new_file, outlast_power_cuts
from pipeline.running.runs import Event, Run, new_event

STATE = Path(".restore")
"""Folder of a project that holds what no result depends on."""

UNSENT = STATE / "unsent"

_RUN = "run.json"
_EVENTS = "events.jsonl"


class Journal:
    """Keep the events of one run in a new journal, until it is closed.

    A kill costs none of them; a power cut may, as long as it is not closed.

    Args:
        run: Whose events.
        root: Folder of the project.
        run_id: Its id, where the tracker knows it already.

    Raises:
        OSError: The disk takes no journal, or no event.
    """

    def __init__(self, run: Run, *, root: Path = Path(), run_id: str | None = None) -> None:
        self.folder = root / UNSENT / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir(parents=True)
        self._lock = FileLock(self.folder / "lock")
        self._files = 0
        self._lock.acquire()
        # From here on others see it.
        _write_run(self.folder, run, run_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the journal to whoever delivers."""
        with lost_with_a_warning():
            outlast_power_cuts(self.folder)
        self._lock.release()

    def discard(self) -> None:
        """Remove it, for the tracker has all of it."""
        with lost_with_a_warning():
            remove(self.folder)
        self._lock.release()

    def write(self, event: Event) -> None:
        """Keep one event; a file of it is copied."""
        if event["kind"] == "file":
            source = Path(event["path"])
            with self.new_file(source.name, event["folder"]) as kept:
                shutil.copyfile(source, kept)
        else:
            self._append(event)

    @contextmanager
    def new_file(self, name: str, folder: str) -> Iterator[Path]:
        """Give the path of a file to write, which becomes an event when all went well.

        Args:
            name: Of the file.
            folder: Of the run, that gets it.
        """
        self._files += 1
        path = self.folder / str(self._files) / name
        path.parent.mkdir()
        yield path
        self._append(new_event("file", path=str(path.relative_to(self.folder)), folder=folder))

    def _append(self, event: Event) -> None:
        with (self.folder / _EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")


def kept_journals(root: Path = Path()) -> list[Path]:
    """Return the journals that are not delivered yet, oldest first.

    Args:
        root: Folder of the project.
    """
    return [path.parent for path in sorted((root / UNSENT).glob(f"*/{_RUN}"))]


def is_left(journal: Path) -> bool:
    """Tell whether the writer of a journal has ended, so that no event will come.

    Only who delivers may ask, one process at a time.
    """
    with suppress(Timeout, OSError), FileLock(journal / "lock", timeout=0):
        return True
    return False


def read_run(journal: Path) -> tuple[Run, str | None]:
    """Return whose events a journal keeps, and the id of that run if the tracker knows it.

    Raises:
        ValueError: It is none that ``Journal`` wrote.
    """
    try:
        fields = json.loads((journal / _RUN).read_text(encoding="utf-8"))
        run_id = fields.pop("run_id")
        return Run.read(fields), run_id
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(
            f"{journal / _RUN}: expected a run as this version of the project writes it, "
            f"came something else ({error}); delete {journal} if you can do without it"
        ) from error


def note_id(journal: Path, run_id: str) -> None:
    """Note which run has the events, so that all get there, however often sending fails."""
    run, _ = read_run(journal)
    _write_run(journal, run, run_id)


def read_events(journal: Path) -> list[Event]:
    """Return the complete events of a journal, with the paths of their files from here.

    What a kill, a full disk or a power cut left of others is dropped with a warning.
    """
    path = journal / _EVENTS
    if not path.exists():
        return []
    *lines, rest = path.read_text(encoding="utf-8", errors="replace").split("\n")
    found = [_read_event(journal, line) for line in lines]
    events = [event for event in found if event is not None]
    lost = len(found) - len(events) + bool(rest)
    if lost:
        sys.stderr.write(
            f"warning: {lost} of {len(events) + lost} kept events of a run are damaged, and lost "
            f"to the tracker ({path})\n"
        )
    return events


def _read_event(journal: Path, line: str) -> Event | None:
    """Return an event with the path of its file from here, None if it or its file is not whole."""
    try:
        event: Event = json.loads(line)
        kind, _ = event["kind"], int(event["time"])
        if kind == "file":
            file = journal / event["path"]
            event["path"] = str(file)
            return event if file.is_file() else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    else:
        return event


def remove(journal: Path) -> None:
    """Remove a journal that was delivered, so that not even a kill lets it be delivered twice."""
    (journal / _RUN).unlink()
    shutil.rmtree(journal, ignore_errors=True)


@contextmanager
def lost_with_a_warning() -> Iterator[None]:
    """Go on without an event that the disk does not take: no result depends on it."""
    try:
        yield
    except OSError as error:
        sys.stderr.write(f"warning: an event of the tracker is lost: {error}\n")


def _write_run(journal: Path, run: Run, run_id: str | None) -> None:
    with new_file(journal / _RUN) as file:
        file.write_text(json.dumps({**asdict(run), "run_id": run_id}), encoding="utf-8")
