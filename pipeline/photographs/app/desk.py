"""The page of one visitor: a photograph, what it needs, a part of it before and after."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

from nicegui import events, ui

from pipeline.images.files import SUFFIXES
from pipeline.photographs.choosing import Finding, Task
from pipeline.photographs.comparison_page import SLIDER_STYLE, as_data_url, slider
from pipeline.photographs.crops import (
    Window,
    before_and_after,
    thumbnail_of,
    window_at,
)
from pipeline.photographs.finding import Job, find_photographs
from pipeline.photographs.picture import Picture
from pipeline.photographs.reading import read_picture
from pipeline.photographs.working import Wish, Workshop
from pipeline.settings.params import Colour
from pipeline.tiling.restorer import TooLittleMemoryError

_HEIGHT, _WIDTH, _THUMBNAIL = 480, 720, 240
"""Pixels of the part that is shown, and the longer side of the whole beside it."""

_TASKS: dict[str, tuple[Task, int]] = {
    "what it needs": ("auto", 2),
    "remove noise": ("denoise", 2),
    "remove the blocks of JPEG": ("deblock", 2),
    "enlarge 2 times": ("upscale", 2),
    "enlarge 3 times": ("upscale", 3),
    "enlarge 4 times": ("upscale", 4),
}
"""What a visitor may choose beside a network: the task, and how much larger."""

_NETWORK = "network "

_T = TypeVar("_T")


class Desk:
    """What one visitor has before them.

    Args:
        workshop: Restores.
        networks: Folders of weights by name, and what each learnt from where that is known.
        worker: Of one thread, which all visitors share: photographs wait for one another.
        folder: For the files of this visitor, removed with the visit.
        most_bytes: Size of the largest file that is taken.
    """

    def __init__(
        self,
        workshop: Workshop,
        networks: Mapping[str, tuple[Path, Colour | None]],
        worker: Executor,
        folder: Path,
        most_bytes: int,
    ) -> None:
        self._workshop = workshop
        self._networks = networks
        self._worker = worker
        self._folder = folder
        self._most_bytes = most_bytes
        self._job: Job | None = None
        self._picture: Picture | None = None
        self._found: Finding | None = None
        self._centre = (0.5, 0.5)

    def build(self) -> None:
        """Put all on the page."""
        ui.add_css(SLIDER_STYLE.read_text(encoding="utf-8"))
        ui.context.client.on_delete(lambda: shutil.rmtree(self._folder, ignore_errors=True))
        with ui.column().classes("w-full max-w-5xl mx-auto gap-4"):
            ui.label("Restore a photograph").classes("text-2xl")
            ui.upload(
                label="Drop a photograph here, or choose one with +",
                auto_upload=True,
                max_file_size=self._most_bytes,
                on_upload=self._take,
                on_rejected=lambda: self._complain(
                    f"expected one photograph of at most {self._most_bytes // 10**6} MB"
                ),
            ).props(f'accept="{",".join(sorted(SUFFIXES))}"').classes("w-full")
            self._said = ui.label().classes("text-base").props("role=status")
            self._rest = ui.row().classes("w-full items-start gap-4")
            self._rest.set_visibility(False)
        with self._rest:
            self._build_controls()
            with ui.column().classes("gap-1 max-w-full"):
                self._pair = ui.html("", sanitize=False).classes("max-w-full")
                ui.label("At its full size. Drag, or use the arrow keys.")

    def _build_controls(self) -> None:
        networks = [f"{_NETWORK}{name}" for name in self._networks]
        with ui.column().classes("w-60 gap-3"):
            self._whole = ui.interactive_image(on_mouse=self._move, events=["click"], cross=True)
            ui.label("Click where to look.")
            self._what = ui.select(
                [*_TASKS, *networks],
                value=next(iter(_TASKS)),
                label="What to do",
                on_change=self._show,
            ).classes("w-full")
            ui.label("Strength")
            self._strength = ui.slider(min=0, max=100, value=100, on_change=self._weaken).props(
                'label aria-label="strength in per cent"'
            )
            self._button = ui.button("Restore and download", on_click=self._download)
            self._time = ui.label()
            self._wait = ui.spinner(size="lg")
            self._wait.set_visibility(False)

    # ------------------------------------------------------------------- what a visitor does

    async def _take(self, event: events.UploadEventArguments) -> None:
        """Read the photograph that came, and show it."""
        event.sender.reset()  # type: ignore[attr-defined]  # the upload, ready for the next
        source = self._folder / Path(event.file.name).name
        await event.file.save(source)
        read = await self._aside(lambda: self._read(source))
        if read is None:
            return
        self._job, self._picture, self._found = read
        self._centre = (0.5, 0.5)
        height, width = self._picture.values.shape[:2]
        self._said.set_text(f"{source.name}: {width} x {height} pixels, {self._found}")
        self._whole.set_source(as_data_url(thumbnail_of(self._picture, _THUMBNAIL)))
        self._rest.set_visibility(True)
        await self._show()

    async def _move(self, event: events.MouseEventArguments) -> None:
        """Show another part."""
        if self._picture is not None:
            height, width = thumbnail_of(self._picture, _THUMBNAIL).shape[:2]
            self._centre = (event.image_y / height, event.image_x / width)
            await self._show()

    def _weaken(self) -> None:
        self._pair.style(f"--strength: {self._strength.value / 100}")

    async def _show(self) -> None:
        """Show a part before and after."""
        picture, found = self._picture, self._found
        if picture is None or found is None:
            return
        workshop = self._workshop.wished(self._wish(preview=True))

        def restored() -> tuple[str, float, str]:
            workshop.check()
            # What is enlarged has as many pixels as are shown afterwards.
            window = _window(picture, workshop.times(), *self._centre)
            words, pair = workshop.seen(picture, found, window)
            seconds = workshop.seconds_for(picture.megapixels, found) if pair else 0.0
            pair = pair or before_and_after(picture, picture, window)
            return words, seconds, slider("part", pair)

        shown = await self._aside(restored)
        if shown is not None:
            words, seconds, html = shown
            self._pair.set_content(html)
            self._weaken()
            takes = f"; all of it takes about {max(1, round(seconds))} s" if seconds else ""
            self._time.set_text(f"{words}{takes}")

    async def _download(self) -> None:
        """Restore all of it, as ``restore photo`` does, and hand it over."""
        job = self._job
        if job is None:
            return
        workshop = self._workshop.wished(self._wish(preview=False))
        outcomes = await self._aside(lambda: list(workshop.restore([job])))
        for outcome in outcomes or ():
            if outcome.failed:
                self._complain(outcome.words)
            else:
                name = f"{job.target.stem}-restored{job.target.suffix}"
                ui.download.file(job.target, name)

    # --------------------------------------------------------------------------- shared by them

    def _wish(self, *, preview: bool) -> Wish:
        asked = str(self._what.value)
        # What is shown is blended by the browser.
        strength = 1.0 if preview else self._strength.value / 100
        task, scale = _TASKS.get(asked, ("auto", 2))
        folder, colour = None, None
        if asked not in _TASKS:
            folder, colour = self._networks[asked.removeprefix(_NETWORK)]
        return Wish(task, folder, colour, scale, strength, None, preview=preview, shown=False)

    def _read(self, source: Path) -> tuple[Job, Picture, Finding]:
        found = find_photographs([source], self._folder / "restored", again=True)
        for _, why in found.refused:
            raise ValueError(why)
        picture = read_picture(source)
        return found.jobs[0], picture, self._workshop.find_in(picture)

    async def _aside(self, work: Callable[[], _T]) -> _T | None:
        """Return what work gives that the page must not wait for; None where it failed."""
        self._wait.set_visibility(True)
        self._button.disable()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        except MemoryError:
            self._complain("it does not fit into the memory")
            return None
        except (ValueError, OSError, TooLittleMemoryError) as error:
            self._complain(str(error))
            return None
        finally:
            self._wait.set_visibility(False)
            self._button.enable()

    def _complain(self, words: str) -> None:
        ui.notify(words, type="negative", multi_line=True, close_button=True, timeout=0)


def _window(picture: Picture, times: int, row: float = 0.5, column: float = 0.5) -> Window:
    """Return the part of a picture that fills what is shown once it is enlarged ``times``."""
    return window_at(picture, row, column, height=_HEIGHT // times, width=_WIDTH // times)
