"""Restore the photographs that were found, one after the other; one that fails stops no other."""

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pipeline.arrays.weights_file import WeightsError
from pipeline.nearest import nearest_known
from pipeline.photographs.choosing import Finding, Task, choose, find_in
from pipeline.photographs.estimating import NoiseLevels
from pipeline.photographs.finding import Job
from pipeline.photographs.networks import PhotoNetwork, open_network
from pipeline.photographs.picture import Picture, Values
from pipeline.photographs.reading import read_picture
from pipeline.photographs.restoring import Work, restore_picture
from pipeline.photographs.shipped import SHIPPED
from pipeline.photographs.writing import write_picture
from pipeline.settings.params import Colour
from pipeline.tiling.restorer import TooLittleMemoryError

_CROP = (360, 480)
"""Height and width of what a page shows of a photograph, and of a preview, in pixels."""

_PROBE = 512
"""Side of the picture that tells how long a network takes."""


@dataclass(frozen=True)
class Wish:
    """What is to be done to every photograph.

    Args:
        task: Which kind of work.
        model: Folder of weights that do it; None for those that ship.
        colour: What these learnt from, where their card does not say it.
        scale: How many times larger, where the task is to enlarge.
        strength: Share of the correction that is applied, 0 to 1.
        preview: Whether only a crop of each is restored, and nothing written.
        shown: Whether a crop of each, before and after, is kept for a page.
    """

    task: Task
    model: Path | None
    colour: Colour | None
    scale: int
    strength: float
    preview: bool
    shown: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one photograph.

    Args:
        job: The photograph.
        words: What was found and done, or why nothing could be.
        failed: Whether it could not be restored.
        seconds: How long it took.
        crops: Part of it before and after, uint8 ``(h, w, C)`` of one size; None if nobody asked
            for it, or it was left as it is.
    """

    job: Job
    words: str
    failed: bool
    seconds: float
    crops: tuple[Values, Values] | None = None


class Workshop:
    """Restores photographs with networks that it opens when they are first needed.

    Args:
        wish: What is to be done.
        device: Where to compute.
    """

    def __init__(self, wish: Wish, device: torch.device) -> None:
        self._wish = wish
        self._device = device
        self._open: dict[Path, PhotoNetwork] = {}

    def check(self) -> None:
        """Make sure that the wish can be granted, before any photograph is read.

        Raises:
            ValueError: The weights cannot be used, or do not enlarge so much.
        """
        wish = self._wish
        if wish.model is not None:
            self._enlarging(self._network(wish.model))

    def seconds_each_megapixel(self) -> float:
        """Measure how long the network of this wish takes, reading and writing left aside."""
        finding = Finding(NoiseLevels(25.0, 25.0), quality=None, gray=False)
        network = self._network(self._wish.model or _shipped(choose(self._wish.task, finding)))
        rng = np.random.default_rng(0)
        picture = rng.random((_PROBE, _PROBE, 3 if network.colour == "rgb" else 1), np.float32)
        network.restorer.restore(picture[:64, :64], 25.0 if network.told else None)
        begin = time.perf_counter()
        network.restorer.restore(picture, 25.0 if network.told else None)
        each = (time.perf_counter() - begin) / (_PROBE**2 / 1e6)
        return each * self._enlarging(network) ** 2

    def restore(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield what became of each photograph."""
        for job in jobs:
            begin = time.perf_counter()
            try:
                words, crops = self._restore(job)
                failed = False
            except (ValueError, TooLittleMemoryError) as error:
                words, crops, failed = str(error), None, True
            except MemoryError:
                words, crops, failed = "it does not fit into the memory", None, True
            except OSError as error:
                where = error.filename or job.target
                words, crops, failed = f"{where}: {error.strerror or error}", None, True
            yield Outcome(job, words, failed, time.perf_counter() - begin, crops)

    def _restore(self, job: Job) -> tuple[str, tuple[Values, Values] | None]:
        wish = self._wish
        picture = read_picture(job.source)
        found = find_in(picture)
        if wish.preview:
            picture = _crop_of(picture)
        folder = wish.model
        if folder is None:
            name = choose(wish.task, found)
            if name is None:
                if not wish.preview:
                    job.target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(job.source, job.target)
                return f"{found}: left as it is", None
            folder = _shipped(name)
        network = self._network(folder)
        work = Work(network, self._enlarging(network), wish.strength, found.noise.sigma_8bit)
        restored = restore_picture(picture, work)
        if not wish.preview:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            write_picture(restored, job.target)
        crops = _crops(picture, restored) if wish.shown else None
        return f"{found}: {network.name}", crops

    def _network(self, folder: Path) -> PhotoNetwork:
        if folder not in self._open:
            self._open[folder] = open_network(folder, self._device, self._wish.colour)
        return self._open[folder]

    def _enlarging(self, network: PhotoNetwork) -> int:
        """Return by how much a picture is enlarged before a network gets it."""
        if not network.enlarges:
            return 1
        if self._wish.scale not in network.enlarges:
            raise WeightsError(
                f"{network.name}: expected a scale of {' or '.join(map(str, network.enlarges))}, "
                f"which it learnt; came {self._wish.scale}"
            )
        return self._wish.scale


def _shipped(name: str | None) -> Path:
    folder = SHIPPED / str(name)
    if not (folder / "card.json").is_file():
        known = [card.parent.name for card in SHIPPED.glob("*/card.json")]
        raise WeightsError(f"{name}: no such weights ship; {nearest_known(str(name), known)}")
    return folder


def _crop_of(picture: Picture) -> Picture:
    height, width = picture.values.shape[:2]
    tall, wide = min(height, _CROP[0]), min(width, _CROP[1])
    rows = slice((height - tall) // 2, (height - tall) // 2 + tall)
    columns = slice((width - wide) // 2, (width - wide) // 2 + wide)
    alpha = None if picture.alpha is None else picture.alpha[rows, columns]
    return replace(picture, values=picture.values[rows, columns], alpha=alpha)


def _crops(before: Picture, after: Picture) -> tuple[Values, Values]:
    """Return the middle of both in 8 bits, what is smaller enlarged pixel by pixel."""
    small = _crop_of(before).values
    scale = len(after.values) // len(before.values)
    height, width = before.values.shape[:2]
    top, left = scale * ((height - len(small)) // 2), scale * ((width - small.shape[1]) // 2)
    large = after.values[top : top + scale * len(small), left : left + scale * small.shape[1]]
    enlarged = small.repeat(scale, axis=0).repeat(scale, axis=1)
    return _as_8_bits(enlarged), _as_8_bits(large)


def _as_8_bits(values: Values) -> Values:
    return values if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)
