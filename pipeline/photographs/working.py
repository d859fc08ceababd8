"""Restore the photographs that were found, one after the other; one that fails stops no other."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pipeline.arrays.weights_file import WeightsError
from pipeline.nearest import nearest_known
from pipeline.photographs.choosing import Finding, Task, choose
from pipeline.photographs.crops import (
    Window,
    before_and_after,
    inside,
    part_of,
    surroundings,
    window_at,
)
from pipeline.photographs.estimating import NoiseLevels, estimate_noise
from pipeline.photographs.finding import Job
from pipeline.photographs.judging import LOOKED_AT, is_noisy, removed_from
from pipeline.photographs.networks import PhotoNetwork, open_network
from pipeline.photographs.picture import Picture, Values
from pipeline.photographs.reading import read_picture
from pipeline.photographs.restoring import Work, restore_picture
from pipeline.photographs.weights_by_name import SHIPPED
from pipeline.photographs.writing import copy_picture, write_picture
from pipeline.settings.params import Colour
from pipeline.tiling.restorer import TooLittleMemoryError

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
        sigma_8bit: Level of the noise, for a network that is told; None to estimate it.
        preview: Whether only a crop of each is restored, and nothing written.
        shown: Whether a crop of each, before and after, is kept for a page.
    """

    task: Task
    model: Path | None
    colour: Colour | None
    scale: int
    strength: float
    sigma_8bit: float | None
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
        self._open: dict[tuple[Path, Colour | None], PhotoNetwork] = {}
        self._paces: dict[Path, float] = {}

    def wished(self, wish: Wish) -> "Workshop":
        """Return one for another wish, with the networks that are open and measured here."""
        other = Workshop(wish, self._device)
        other._open, other._paces = self._open, self._paces
        return other

    def check(self) -> None:
        """Make sure that the wish can be granted, before any photograph is read.

        Raises:
            ValueError: The weights cannot be used, do not enlarge so much, or are told no noise.
        """
        wish = self._wish
        network = None if wish.model is None else self._network(wish.model)
        times = self.times()
        if network is not None and wish.task == "upscale" and times != wish.scale:
            raise WeightsError(
                f"{network.name}: expected a network that makes pictures {wish.scale} times "
                f"larger, came one that makes them {times} times as large"
            )
        if wish.sigma_8bit is not None and (network is None or not network.told):
            name = "the networks that ship" if network is None else network.name
            raise WeightsError(
                f"{name}: expected a network with a noise map (such as --model gray_noise_told) "
                "for a level of the noise; the others find it themselves, and --strength says how "
                "much of their correction is applied"
            )

    def times(self) -> int:
        """Return how many times larger pictures become.

        Raises:
            ValueError: The weights cannot be used, or do not enlarge so much.
        """
        wish = self._wish
        if wish.model is None:
            return wish.scale if wish.task == "upscale" else 1
        network = self._network(wish.model)
        return self._enlarging(network) * network.restorer.scale

    def seconds_for(self, megapixels: float, found: Finding | None = None) -> float:
        """Estimate how long a photograph takes, reading and writing left aside.

        Args:
            megapixels: Of it.
            found: What was found in it; None to reckon with a noisy one in colour.
        """
        if found is None:
            found = Finding(NoiseLevels(25.0, 25.0), noisy=True, quality=None, gray=False)
        judge, folders = self._judge(found), self._folders(found)
        works = (self._pace(one) * self._enlarging(self._network(one)) ** 2 for one in folders)
        return sum(works) * megapixels + self._pace(judge) * min(megapixels, LOOKED_AT)

    def _pace(self, folder: Path) -> float:
        """Return how many seconds a network takes for a megapixel that it gets."""
        if folder not in self._paces:
            self._paces[folder] = _pace_of(self._network(folder))
        return self._paces[folder]

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
        picture = read_picture(job.source)
        found = self.find_in(picture)
        window = window_at(picture)
        if self._wish.preview:
            return self.seen(picture, found, window)
        words, restored = self.restored(picture, found)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        if restored is not None or job.source.suffix.lower() != job.target.suffix.lower():
            write_picture(restored or picture, job.target)
        else:
            copy_picture(job.source, job.target)
        if restored is None or not self._wish.shown:
            return words, None
        return words, before_and_after(picture, restored, window)

    def seen(
        self, picture: Picture, found: Finding, window: Window
    ) -> tuple[str, tuple[Values, Values] | None]:
        """Restore a part of a picture, as it becomes in the whole.

        Args:
            picture: All of it.
            found: What was found in it.
            window: The part.

        Returns:
            What was found and done, and the part before and after, as ``before_and_after`` gives
            it; None where the picture is better left as it is.

        Raises:
            ValueError: The weights cannot be used.
            TooLittleMemoryError: There is none even for small tiles.
        """
        around = surroundings(picture, window)
        part = part_of(picture, around)
        words, restored = self.restored(part, found)
        if restored is None:
            return words, None
        return words, before_and_after(part, restored, inside(window, around))

    def find_in(self, picture: Picture) -> Finding:
        """Return what a picture says of itself, and what can be estimated.

        Raises:
            ValueError: The network against noise is damaged.
            TooLittleMemoryError: There is none even for small tiles.
        """
        noise = estimate_noise(picture.values)
        gray = picture.values.shape[-1] == 1
        found = Finding(noise, noisy=True, quality=picture.quality, gray=gray)
        network = self._network(self._judge(found))
        return replace(found, noisy=is_noisy(noise, removed_from(picture, network)))

    def restored(self, picture: Picture, found: Finding) -> tuple[str, Picture | None]:
        """Restore a picture.

        Args:
            picture: All of it, or a part.
            found: What was found in all of it.

        Returns:
            What was found and done, and the result; None where it is better left as it is.

        Raises:
            ValueError: The weights cannot be used.
            TooLittleMemoryError: There is none even for small tiles.
        """
        folders = self._folders(found)
        if not folders:
            return f"{found}: left as it is", None
        wish = self._wish
        sigma = found.noise.sigma_8bit if wish.sigma_8bit is None else wish.sigma_8bit
        *first, last = map(self._network, folders)
        seen = picture
        for network in first:
            seen = restore_picture(seen, Work(network, 1, 1.0, sigma))
        work = Work(last, self._enlarging(last), wish.strength, sigma)
        names = ", then ".join(folder.name for folder in folders)
        return f"{found}: {names}", restore_picture(picture, work, seen)

    def _folders(self, found: Finding) -> list[Path]:
        """Return the weights that a picture goes through."""
        if self._wish.model is not None:
            return [self._wish.model]
        return [_shipped(name) for name in choose(self._wish.task, found)]

    @staticmethod
    def _judge(found: Finding) -> Path:
        """Return the weights that tell whether a picture is noisy."""
        (name,) = choose("denoise", found)
        return _shipped(name)

    def _network(self, folder: Path) -> PhotoNetwork:
        # What it learnt from is said of the network that is asked for alone.
        key = (folder, self._wish.colour if folder == self._wish.model else None)
        if key not in self._open:
            self._open[key] = open_network(folder, self._device, key[1])
        return self._open[key]

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


def _shipped(name: str) -> Path:
    folder = SHIPPED / name
    if not (folder / "card.json").is_file():
        known = [card.parent.name for card in SHIPPED.glob("*/card.json")]
        raise WeightsError(f"{name}: no such weights ship; {nearest_known(name, known)}")
    return folder


def _pace_of(network: PhotoNetwork) -> float:
    rng = np.random.default_rng(0)
    picture = rng.random((_PROBE, _PROBE, 3 if network.colour == "rgb" else 1), np.float32)
    sigma_8bit = 25.0 if network.told else None
    network.restorer.restore(picture[:64, :64], sigma_8bit)
    begin = time.perf_counter()
    network.restorer.restore(picture, sigma_8bit)
    return (time.perf_counter() - begin) / (_PROBE**2 / 1e6)
