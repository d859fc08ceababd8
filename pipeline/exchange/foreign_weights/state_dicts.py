"""State dicts under the keys and prefixes of training scripts: what is one, and what lies beside.

An entry is the way to a state dict: keys of the file and what the names of the tensors begin with,
such as ``state_dict.model`` for ``{"state_dict": {"model.noise.0.weight": ...}}``.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.limits import MOST_VALUES

Way = tuple[str, ...]

_MOST_PARTS = 32
"""Of a name between its dots: no network is deeper, and what follows stays one part."""

_NETWORKS = {
    *("model", "module", "origmod", "net", "network", "netg", "g", "gen", "generator", "modelg"),
    *("denoiser", "restorer", "backbone", "student", "online", "onlinemodel", "averagedmodel", ""),
}
"""What training scripts call the network that they train, as ``_plain`` writes it."""

_ASIDE = {
    *("d", "netd", "disc", "discriminator", "modeld", "critic", "loss", "losses", "lossfn"),
    *("criterion", "criteria", "perceptual", "perceptualloss", "vgg", "lpips", "teacher"),
    *("metric", "metrics", "trainmetrics", "valmetrics", "testmetrics"),
}
"""What they call networks and losses beside it."""

_COUNTER = "num_batches_tracked"

_LIGHTNING_AVERAGES = "averaging_state"
"""Where a file has this key, Lightning's callback has put averaged weights into ``state_dict``."""


@dataclass(frozen=True)
class Owner:
    """A mapping in a file that has tensors of its own.

    Args:
        way: Keys that lead to it.
        tensors: By the parts of their names between the dots.
        things: All that the file has, by the keys that lead there.
    """

    way: Way
    tensors: Mapping[Way, Tensor]
    things: Mapping[Way, object]

    @cached_property
    def averaged(self) -> bool:
        """Whether Lightning says so."""
        return self.way == ("state_dict",) and any(
            way[0] == _LIGHTNING_AVERAGES for way in self.things
        )


@dataclass(frozen=True)
class StateDict:
    """Tensors by name, as one entry of a file has them.

    Args:
        owner: The mapping that they are in.
        prefix: Parts that their names in it begin with.
        names: Their names in it.
    """

    owner: Owner
    prefix: Way
    names: tuple[Way, ...]

    @property
    def way(self) -> Way:
        """Keys, and parts of the names, that lead to it."""
        return (*self.owner.way, *self.prefix)

    @property
    def entry(self) -> str:
        """How ``params.yaml`` names it; empty for all of a file."""
        return ".".join(self.way)

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors by the rest of their names; zero for counters, which have no effect."""
        zero = torch.zeros((), dtype=torch.int64)
        return {
            ".".join(name[len(self.prefix) :]): (
                zero if name[-1] == _COUNTER else self.owner.tensors[name]
            )
            for name in self.names
        }

    @property
    def averaged(self) -> bool:
        """Whether these are running means over the steps of a training (EMA)."""
        return self.owner.averaged or any("ema" in _words(part) for part in self.way)

    @property
    def stored_as(self) -> list[str]:
        """Floating-point types of its tensors, but for float32."""
        types = {tensor.dtype for tensor in self.tensors.values() if tensor.is_floating_point()}
        return sorted(str(one).removeprefix("torch.") for one in types - {torch.float32})

    @property
    def doubt(self) -> str:
        """Why it may not be the whole network that somebody trained; empty where it is."""
        aside = [part for part in self.way if _plain(part) in _ASIDE]
        if aside:
            return f"'{aside[0]}' is what training scripts call something beside the network"
        for name in self._beside():
            tensor, shared = self.owner.tensors[name], _shared(self.prefix, name)
            counter = tensor.ndim == 0 and not tensor.is_floating_point()
            if counter or any(_plain(part) in _ASIDE for part in name[shared : shared + 1]):
                continue
            alone = len(name) <= shared + 1
            if alone or _plain(self.prefix[shared]) not in _NETWORKS:
                return f"{'.'.join(name)} beside it may belong to the same network"
        return ""

    @property
    def left_out(self) -> list[str]:
        """What the file has beside it, in words; tensors with the same prefix are counted."""
        groups = Counter(
            (*self.owner.way, *name[: _shared(self.prefix, name) + 1]) for name in self._beside()
        )
        counted = [
            f"{'.'.join(group)} ({count} tensor{'s' if count > 1 else ''})"
            for group, count in groups.items()
        ]
        owner = self.owner.way
        others = (
            ".".join(way[: _shared(owner, way) + 1])
            for way, thing in self.owner.things.items()
            if way[:-1] != owner or not isinstance(thing, Tensor)
        )
        return [*counted, *dict.fromkeys(others)]

    def check_numbers(self, where: str) -> None:
        """Refuse what cannot be weights.

        Raises:
            ForeignWeightsError: There are too many numbers, or others than floating-point ones.
        """
        if sum(tensor.numel() for tensor in self.tensors.values()) > MOST_VALUES:
            raise ForeignWeightsError(
                f"{where}: expected at most {MOST_VALUES:,} values, came more"
            )
        for name, one in self.tensors.items():
            if name.rpartition(".")[2] == _COUNTER:
                continue
            if not one.is_floating_point() or one.layout != torch.strided:
                came = f"{one.dtype} ({one.layout})"
                raise ForeignWeightsError(
                    f"{where}: expected floating-point tensors; {name} is {came}"
                )

    def _beside(self) -> list[Way]:
        inside = set(self.names)
        return [name for name in self.owner.tensors if name not in inside]


def state_dicts_of(
    way: Way, tensors: Mapping[str, Tensor], things: Mapping[Way, object]
) -> Iterator[StateDict]:
    """Yield the state dicts in one mapping: all of it, then what begins with the same prefix.

    Args:
        way: Keys that lead to the mapping.
        tensors: Those in it, by name.
        things: All that the file has, by the keys that lead there.
    """
    split = {tuple(name.split(".", _MOST_PARTS)): tensor for name, tensor in tensors.items()}
    owner = Owner(way, split, things)
    within: dict[Way, list[Way]] = {}
    for name in split:
        for size in range(len(name)):
            within.setdefault(name[:size], []).append(name)
    for prefix, names in sorted(within.items(), key=lambda one: (len(one[0]), one[0])):
        yield StateDict(owner, prefix, tuple(names))
        without = [name for name in names if _plain(name[len(prefix)]) not in _ASIDE]
        if 0 < len(without) < len(names):
            yield StateDict(owner, prefix, tuple(without))


def _words(part: str) -> list[str]:
    return re.split("[^a-z0-9]+", part.replace("EMA", "_ema_").lower())


def _plain(part: str) -> str:
    """Return a part of a name in small letters, without ``_`` and without ``ema``."""
    return "".join(word for word in _words(part) if word != "ema")


def _shared(one: Way, other: Way) -> int:
    """Return how many parts two ways share at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
