"""Restore photographs in a process of its own: a request comes in as JSON, people read the rest.

The command line must start at once and so must not import torch.
"""

import signal
import sys
from pathlib import Path
from typing import Any

from pipeline.running.process import compute_environment, restart_with
from pipeline.running.workers import count_workers

if __name__ == "__main__":
    restart_with(compute_environment(count_workers()))

from tqdm import tqdm

from pipeline.machine.devices import pick_device
from pipeline.photographs.comparison_page import write_page
from pipeline.photographs.finding import Job
from pipeline.photographs.reading import picture_size
from pipeline.photographs.registered import fetch_weights
from pipeline.photographs.working import Outcome, Wish, Workshop
from pipeline.running.request import read_request
from pipeline.tiling.restorer import TooLittleMemoryError

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130
"""Exit codes: some photographs could not be restored; none can; Ctrl-C."""


def main() -> int:
    """Answer one request: ``{"registered", "jobs", "wish", "page"}``."""
    request: dict[str, Any] = read_request()
    jobs = [Job(Path(source), Path(target)) for source, target in request["jobs"]]
    wish = dict(request["wish"])
    try:
        if request["registered"] is not None:
            wish["model"] = fetch_weights(request["registered"])
        elif wish["model"] is not None:
            wish["model"] = Path(wish["model"])
        workshop = Workshop(Wish(**wish), pick_device(count_workers()))
        workshop.check()
        sizes = [_megapixels(job) for job in jobs]
        seconds = 0.0 if wish["preview"] else sum(map(workshop.seconds_for, sizes))
    except (ValueError, OSError, TooLittleMemoryError) as error:
        sys.stderr.write(f"restore: {error}\n")
        return UNUSABLE
    plural = "" if len(jobs) == 1 else "s"
    if not wish["preview"]:
        sys.stdout.write(
            f"{len(jobs)} photograph{plural}, {sum(sizes):.1f} megapixels: about "
            f"{_duration(seconds)} where all are restored\n"
        )
    outcomes = _restore_all(workshop, jobs, sizes)
    failed = [(outcome.job.source, outcome.words) for outcome in outcomes if outcome.failed]
    if request["page"] is not None:
        try:
            write_page(outcomes, Path(request["page"]))
            sys.stdout.write(f"before and after: {request['page']}\n")
        except OSError as error:
            failed.append((Path(request["page"]), f"cannot be written: {error.strerror}"))
    for path, why in failed:
        sys.stderr.write(f"restore: {path}: {why}\n")
    return FAILED if failed else 0


def _restore_all(workshop: Workshop, jobs: list[Job], sizes: list[float]) -> list[Outcome]:
    outcomes = []
    form = "{percentage:3.0f}% of {total:.1f} megapixels, {elapsed} gone, {remaining} left"
    with tqdm(total=sum(sizes), bar_format=form, disable=None, leave=False) as bar:
        for size, outcome in zip(sizes, workshop.restore(jobs), strict=True):
            outcomes.append(outcome)
            bar.update(size)
            state = "FAILED " if outcome.failed else f"{outcome.seconds:5.1f} s"
            bar.write(f"{state}  {outcome.job.source.name}  {outcome.words}", file=sys.stdout)
    return outcomes


def _megapixels(job: Job) -> float:
    height, width = picture_size(job.source) or (0, 0)
    return height * width / 1e6


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
