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
from pipeline.photographs.crops import before_and_after, part_of, window_at
from pipeline.photographs.estimating import NoiseLevels, estimate_noise
from pipeline.photographs.finding import Job
from pipeline.photographs.judging import is_noisy, removed_from
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
        if network is not None:
            self._enlarging(network)
        if wish.sigma_8bit is not None and (network is None or not network.told):
            name = "the networks that ship" if network is None else network.name
            raise WeightsError(
                f"{name}: expected a network with a noise map (such as --model gray_noise_told) "
                "for a level of the noise; the others find it themselves, and --strength says how "
                "much of their correction is applied"
            )

    def seconds_each_megapixel(self) -> float:
        """Measure how long the network of this wish takes, reading and writing left aside."""
        finding = Finding(NoiseLevels(25.0, 25.0), noisy=True, quality=None, gray=False)
        folder = self._wish.model or _shipped(choose(self._wish.task, finding))
        network = self._network(folder)
        if folder not in self._paces:
            self._paces[folder] = _pace_of(network)
        return self._paces[folder] * self._enlarging(network) ** 2

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
        found = self.find_in(picture)
        if wish.preview:
            picture = part_of(picture, window_at(picture))
        words, restored = self.restored(picture, found)
        if not wish.preview:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            if restored is None:
                copy_picture(job.source, job.target)
            else:
                write_picture(restored, job.target)
        if restored is None or not wish.shown:
            return words, None
        return words, before_and_after(picture, restored, window_at(picture))

    def find_in(self, picture: Picture) -> Finding:
        """Return what a picture says of itself, and what can be estimated.

        Raises:
            ValueError: The network against noise is damaged.
            TooLittleMemoryError: There is none even for small tiles.
        """
        noise = estimate_noise(picture.values)
        gray = picture.values.shape[-1] == 1
        found = Finding(noise, noisy=True, quality=picture.quality, gray=gray)
        network = self._network(_shipped(choose("denoise", found)))
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
        wish = self._wish
        folder = wish.model
        if folder is None:
            name = choose(wish.task, found)
            if name is None:
                return f"{found}: left as it is", None
            folder = _shipped(name)
        network = self._network(folder)
        sigma = found.noise.sigma_8bit if wish.sigma_8bit is None else wish.sigma_8bit
        work = Work(network, self._enlarging(network), wish.strength, sigma)
        return f"{found}: {network.name}", restore_picture(picture, work)

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


def _shipped(name: str | None) -> Path:
    folder = SHIPPED / str(name)
    if not (folder / "card.json").is_file():
        known = [card.parent.name for card in SHIPPED.glob("*/card.json")]
        raise WeightsError(f"{name}: no such weights ship; {nearest_known(str(name), known)}")
    return folder


def _pace_of(network: PhotoNetwork) -> float:
    """Measure how many seconds a network takes for a megapixel that it gets."""
    rng = np.random.default_rng(0)
    picture = rng.random((_PROBE, _PROBE, 3 if network.colour == "rgb" else 1), np.float32)
    sigma_8bit = 25.0 if network.told else None
    network.restorer.restore(picture[:64, :64], sigma_8bit)
    begin = time.perf_counter()
    network.restorer.restore(picture, sigma_8bit)
    return (time.perf_counter() - begin) / (_PROBE**2 / 1e6)
