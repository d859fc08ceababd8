"""What Prefect's pages say of a run: what it does and why, how far it is, and what came of it.

No result depends on any of it, so a server that does not take it costs a warning.

An artifact with a key is one of a series, and a click on its card leads to all that have the key;
without one it leads to the artifact, and the card has the description for a title.
"""

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect import runtime
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from pipeline.arrays.tables import read_mappings
from pipeline.checking.params_file import load_params
from pipeline.graph.dag import Stage, causes
from pipeline.graph.prefect_server import who_answers
from pipeline.running.environment import MLFLOW_PORT
from pipeline.running.progress_file import Progress, read_progress
from pipeline.settings.params import Trial

RESULTS = "results"
"""Key of the artifact: Prefect keeps its versions, one a run, on a page of its own."""

_NAMED = 3
"""Stages that a name names."""

_REPORT = Path("data/report")

_LINES_AT_ONCE = 15
"""What is read without scrolling."""

_SECONDS_BETWEEN_LOOKS = 3.0
_SECONDS_FOR_THE_LAST = 10.0

Warn = Callable[[str], None]
"""Gets told why something cannot be shown."""


def door() -> str:
    """Return by which way the present run was asked for."""
    return f"restore/{runtime.deployment.name}" if runtime.deployment.name else "restore run"


def first_line(error: Exception) -> str:
    """Return what an error says first, or its name where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def describe(stages: Sequence[str]) -> str:
    """Return a name for a run of stages: ``restore run: 9 stages, train@dncnn, ...``.

    Trainings come first, since the others mostly follow from them.
    """
    first = sorted(stages, key=lambda name: not name.startswith(("train@", "learn@")))[:_NAMED]
    more = ", ..." if len(stages) > _NAMED else ""
    count = "1 stage" if len(stages) == 1 else f"{len(stages)} stages"
    return f"{door()}: {count}, {', '.join(first)}{more}"


def _try(what: str, warn: Warn, show: Callable[[], object]) -> bool:
    """Show something, or say why Prefect, its database or the connection does not take it."""
    try:
        _refuse_lost_server()
        show()
    except Exception as error:
        warn(f"Prefect does not show {what}: {first_line(error)}")
        return False
    return True


def _refuse_lost_server() -> None:
    """Raise at once where Prefect's client would ask for minutes whether the server is back."""
    url = PREFECT_API_URL.value()
    if url and who_answers(url) == "nobody":
        raise ConnectionError(f"no server answers at {url}")


def rename_run(name: str, warn: Warn) -> None:
    """Give the present run a name."""

    def rename() -> None:
        with get_client(sync_client=True) as client:
            client.update_flow_run(runtime.flow_run.id, name=name)

    _try(f"the name {name!r}", warn, rename)


def show_plan(stages: Mapping[str, Stage], warn: Warn) -> None:
    """Show which stages are to run, and why each."""
    _try(
        "why stages run",
        warn,
        lambda: create_table_artifact(explain(stages), description="Why each stage runs"),
    )


def explain(stages: Mapping[str, Stage]) -> list[dict[str, str]]:
    """Return a row a stage that is out of date or may become so, with the reason."""
    return [
        {
            "stage": name,
            "why": "; ".join(why) if stages[name].stale else f"follows {', '.join(why)}",
        }
        for name, why in causes(stages).items()
    ]


def show_tracker(warn: Warn) -> None:
    """Show the way to the curves of the trainings, while they go on too."""
    named = os.environ.get("MLFLOW_TRACKING_URI", "")
    is_server = named.startswith(("http://", "https://"))
    link = named if is_server else f"http://127.0.0.1:{MLFLOW_PORT}"
    where = "" if is_server else ", while `restore ui` runs on the project's machine"
    description = f"MLflow: curves and all runs{where}"
    _try("the way to MLflow", warn, lambda: create_link_artifact(link, description=description))


@contextmanager
def showing_progress(stage: str, file: Path, warn: Warn) -> Iterator[None]:
    """Show how far a stage is while the block runs, if it says so in a file.

    Args:
        stage: Its name.
        file: Where it says so; removed before and after.
        warn: Told once, then no more is shown.
    """
    _remove(file)
    ended = threading.Event()
    # The run that artifacts belong to is known in this context.
    watcher = threading.Thread(
        target=copy_context().run, args=(_follow, stage, file, ended, warn), daemon=True
    )
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join(_SECONDS_FOR_THE_LAST)  # a server that hangs must not keep the stage
        _remove(file)


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink()


def _follow(stage: str, file: Path, ended: threading.Event, warn: Warn) -> None:
    bar = _Bar(as_key(stage))
    shown: Progress | None = None
    last = False
    while not last:
        last = ended.wait(_SECONDS_BETWEEN_LOOKS)
        progress = read_progress(file)
        if progress is None or progress == shown:
            continue
        if not _try(f"how far {stage} is", warn, partial(bar.show, progress)):
            return
        shown = progress


class _Bar:
    """A progress artifact, which is there once it has something to show.

    Args:
        key: Of the artifact.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._artifact: UUID | None = None

    def show(self, progress: Progress) -> None:
        percent, words = progress.percent, progress.in_words
        if self._artifact is None:
            made = create_progress_artifact(percent, self._key, words)
            self._artifact = cast(UUID, made)  # without an event loop it waits
        else:
            update_progress_artifact(self._artifact, percent, words)


def show_failure(stage: str, code: int, said: Sequence[str], warn: Warn) -> None:
    """Show the end of what a failed stage printed.

    Args:
        stage: Its name.
        code: Its exit code.
        said: The last lines.
        warn: Told if they cannot be shown.
    """
    _try(
        f"what {stage} printed",
        warn,
        lambda: create_markdown_artifact(in_words(code, said), description=f"{stage} failed"),
    )


def in_words(code: int, said: Sequence[str]) -> str:
    """Return Markdown for the end of what a failed stage printed, the very end of it first."""
    words = f"Exit code {code}. "
    if len(said) <= _LINES_AT_ONCE:
        return f"{words}It printed:\n\n{_as_code(said)}"
    end = _as_code(said[-_LINES_AT_ONCE:])
    return f"{words}It ended with:\n\n{end}\nThe last {len(said)} lines:\n\n{_as_code(said)}"


def _as_code(lines: Iterable[str]) -> str:
    # Whatever is indented is code, also lines that would end a fence.
    return "".join(f"    {line}\n" for line in lines)


def as_key(name: str) -> str:
    """Return a name with the characters alone that Prefect takes as a key."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def show_results(root: Path, warn: Warn) -> None:
    """Show the rows of the report as a table in Prefect, each benchmark by its first protocol.

    Args:
        root: Folder of the project; without a report in it nothing is shown.
        warn: Gets told why the table cannot be shown.
    """
    results = root / _REPORT / "results.csv"
    if not results.is_file():
        return

    def show() -> None:
        benchmarks = load_params(root / "params.yaml").benchmarks.values()
        trials = [trial for benchmark in benchmarks for trial in benchmark]
        create_table_artifact(
            key=RESULTS,
            table=rank(read_mappings(results), trials),
            description="PSNR in dB, the best of each test first",
        )

    _try("the table of results", warn, show)


def show_report(root: Path, warn: Warn) -> None:
    """Show what the report answers, and where its page is.

    Args:
        root: Folder of the project; without a report in it nothing is shown.
        warn: Gets told why it cannot be shown.
    """
    page, text = (root / _REPORT / name for name in ("index.html", "results.md"))
    if not page.is_file():
        return

    def show() -> None:
        answers = text.read_text(encoding="utf-8").partition("\n## ")[0].partition("\n")[2].strip()
        create_markdown_artifact(
            # Browsers follow no link from a server's page to a file.
            "The page, for the address bar of a browser on the project's machine:\n\n"
            f"    {page.resolve().as_uri()}\n\n{answers}\n",
            description="The report: its answers, and where it is",
        )

    _try("the way to the report", warn, show)


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
