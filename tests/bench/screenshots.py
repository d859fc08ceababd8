"""Pictures of the pages that people see: ``python -m tests.bench.screenshots FOLDER``.

To be started in a project that has run: the report is its own, MLflow's table that of
``restore ui``. Prefect's pages are those of a copy of the checkout with the preset ``smoke``, in
which one stage is made to fail, and take a few minutes.
"""

import argparse
import base64
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser import CHROMIUM
from tests.project import command_environment, copy_project, run
from tests.toy import free_port, program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REPORT = Path("data/report/index.html")

_SETTLED = 4000
"""Milliseconds after which a page of Prefect or MLflow shows what it has asked for."""


def main() -> None:
    """Take all pictures, or those of one kind."""
    kinds = {"report": shoot_report, "mlflow": shoot_mlflow, "prefect": shoot_prefect}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="gets the pictures")
    parser.add_argument("--only", choices=kinds, help="those of one kind")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for kind, shoot in kinds.items():
            if options.only in (None, kind):
                shoot(browser, options.folder)


def shoot_report(browser: "Browser", folder: Path) -> None:
    """Show the report wide and narrow, dark, and as it is printed."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(REPORT.resolve().as_uri())
    page.screenshot(path=folder / "report.png")
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=folder / "report-dark.png")
    page.emulate_media(color_scheme="light")
    page.pdf(path=folder / "report.pdf", format="A4", prefer_css_page_size=True)
    page.set_viewport_size({"width": 400, "height": 900})
    page.screenshot(path=folder / "report-narrow.png", full_page=True)


def shoot_mlflow(browser: "Browser", folder: Path) -> None:
    """Show the table of runs."""
    command = ["ui", "--no-browser", f"--port={free_port()}"]
    with _serving(Path.cwd(), command, "http") as address:
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        # Its assistant opens at the first visit, and takes a quarter of the page.
        page.add_init_script(
            "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"
        )
        page.goto(address)
        page.get_by_label("Hide banner").click()
        _settle(page, folder / "mlflow.png")


def shoot_prefect(browser: "Browser", folder: Path) -> None:
    """Show a run while it trains, and when it has ended with a failure: graph and artifacts."""
    with tempfile.TemporaryDirectory() as temporary:
        project = copy_project(Path(temporary) / "project", "smoke")
        _make_slow_and_broken(project)
        port = free_port()
        with _serving(project, ["serve", f"--port={port}"], "restore ui"):
            secret = (project / ".restore" / "prefect-secret").read_bytes().strip()
            page = browser.new_page(viewport={"width": 1280, "height": 1300})
            page.add_init_script(
                f"localStorage.setItem('prefect-password', '{base64.b64encode(secret).decode()}')"
            )
            asked = ("run", "restore/train-all", "--param", 'experiments=["dncnn_s25", "vdsr_x23"]')
            started = run(project, "prefect", "deployment", *asked).stdout
            identity = started.split("UUID: ")[1].split()[0]
            page.goto(f"http://127.0.0.1:{port}/v2/runs/flow-run/{identity}?tab=Artifacts")
            _reload_until(page, re.compile("^step "))
            _settle(page, folder / "prefect-training.png")
            _reload_until(page, re.compile("^Failed$"))
            _settle(page, folder / "prefect-failed.png")
            page.get_by_text("baseline@denoise failed").first.click()
            _settle(page, folder / "prefect-printed.png")


def _make_slow_and_broken(project: Path) -> None:
    """Let trainings last long enough to be looked at, and a stage fail."""
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("steps: 12\n", "steps: 1200\n"))
    stage = project / "stages" / "baseline.py"
    stage.write_text(stage.read_text() + '\nraise OSError("made to fail, for a picture")\n')


def _reload_until(page: "Page", words: re.Pattern[str]) -> None:
    """Wait for words on a page that does not ask for new artifacts by itself."""
    while not page.get_by_text(words).count():
        page.reload()
        page.wait_for_timeout(_SETTLED)


def _settle(page: "Page", picture: Path) -> None:
    page.wait_for_timeout(_SETTLED)
    page.screenshot(path=picture)


@contextmanager
def _serving(project: Path, command: list[str], ready: str) -> Iterator[str]:
    """Run a command until the block ends; yield the line of its output that has a word."""
    with subprocess.Popen(
        [program("restore"), *command],
        cwd=project,
        env=command_environment(project),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield next(line for line in process.stdout or () if ready in line).strip()
        finally:
            process.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
