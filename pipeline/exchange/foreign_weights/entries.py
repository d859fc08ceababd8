"""What a file of weights offers: every state dict in it, under its entry and without its prefixes.

An entry is the way to a state dict: keys of the file and what the names of the tensors begin with,
such as ``state_dict.model`` for ``{"state_dict": {"model.noise.0.weight": ...}}``.
"""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.containers import Container, read_content
from pipeline.exchange.foreign_weights.limits import MOST_VALUES
from pipeline.exchange.foreign_weights.torch_files import StandIn, why_refused

Way = tuple[str, ...]

_DEEPEST = 8
"""Mappings within one another, at most."""

_MOST_THINGS = 100_000
"""Keys in all mappings: those of a large network, its averages and its optimiser are fewer."""

_NETWORKS = {
    *("model", "module", "origmod", "net", "network", "netg", "g", "gen", "generator", "modelg"),
    *("denoiser", "restorer", "backbone", "student", "online", "onlinemodel", "averagedmodel", ""),
}
"""What training scripts call the network that they train, in small letters, without ``_`` and
without what says that its weights are averaged."""

_ASIDE = {
    *("d", "netd", "disc", "discriminator", "modeld", "critic", "loss", "losses", "lossfn"),
    *("criterion", "criteria", "perceptual", "perceptualloss", "vgg", "lpips", "teacher"),
    *("metric", "metrics", "trainmetrics", "valmetrics", "testmetrics"),
}
"""What they call networks and losses beside it, written in the same way."""

_COUNTER = "num_batches_tracked"

_LIGHTNING_AVERAGES = "averaging_state"
"""Where a file has this key, Lightning's callback has put averaged weights into ``state_dict``."""


@dataclass(frozen=True)
class StateDict:
    """Tensors by name, as one entry of a file has them.

    Args:
        way: Keys, and parts of the names, that lead to it.
        tensors: By the rest of their names.
        averaged: Running means over the steps of a training (EMA), not its last step.
        left_out: What is beside it in the file, in words.
        doubt: Why it may be a part of a larger network; empty where it is not.
    """

    way: Way
    tensors: Mapping[str, Tensor]
    averaged: bool
    left_out: tuple[str, ...]
    doubt: str

    @property
    def entry(self) -> str:
        """How ``params.yaml`` names it; empty for all of a file."""
        return ".".join(self.way)

    @property
    def stored_as(self) -> list[str]:
        """Floating-point types of its tensors, but for float32."""
        types = {tensor.dtype for tensor in self.tensors.values() if tensor.is_floating_point()}
        return sorted(str(one).removeprefix("torch.") for one in types - {torch.float32})

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
            if name.endswith(_COUNTER):
                continue
            if not one.is_floating_point() or one.layout != torch.strided:
                came = f"{one.dtype} ({one.layout})"
                raise ForeignWeightsError(
                    f"{where}: expected floating-point tensors; {name} is {came}"
                )


@dataclass(frozen=True)
class Offer:
    """What a file offers.

    Args:
        path: The file.
        state_dicts: At least one; those with a longer entry come later.
        unknown: Names of code in the file, which has not run.
        why_no_model: Why what may be a whole network is not read; empty if there is none.
    """

    path: Path
    state_dicts: tuple[StateDict, ...]
    unknown: tuple[str, ...]
    why_no_model: str


def read_offer(path: Path, container: Container) -> Offer:
    """Return what a PyTorch or safetensors file offers.

    Raises:
        ForeignWeightsError: The file cannot be read, or has no tensors by name.
    """
    content, unknown = read_content(path, container)
    things = dict(_things(path, content))
    owners: dict[Way, dict[str, Tensor]] = {}
    for way, thing in things.items():
        if isinstance(thing, Tensor) and way:
            owners.setdefault(way[:-1], {})[way[-1]] = thing
    found = [one for way, tensors in owners.items() for one in _state_dicts(way, tensors, things)]
    why_no_model = _why_no_model(path, things, unknown)
    if not found:
        raise ForeignWeightsError(f"{path}: {why_no_model or _why_nothing(content, things)}")
    return Offer(path, tuple(found), unknown, why_no_model)


def _why_no_model(path: Path, things: Mapping[Way, object], unknown: Iterable[str]) -> str:
    for way, thing in things.items():
        # Below the first keys lie settings; numbers of NumPy are in many files.
        if isinstance(thing, StandIn) and len(way) < 2 and not thing.name.startswith("numpy."):
            keys = "".join(f"[{key!r}]" for key in way)
            return why_refused(path, (thing.name, *unknown), keys)
    return ""


def _why_nothing(content: object, things: Mapping[Way, object]) -> str:
    if not isinstance(content, Mapping):
        return f"expected tensors by name; came a {type(content).__name__}"
    if any(len(way) == _DEEPEST for way in things):
        return "expected tensors by name; came wrappers without end"
    keys = ", ".join(map(str, list(content)[:8])) or "(none)"
    return f"expected tensors by name, or a key that holds them; came the keys {keys}"


def _things(path: Path, content: object) -> Iterator[tuple[Way, object]]:
    """Yield all that lies in mappings within one another, with the keys that lead there."""
    count = 0
    waiting: deque[tuple[Way, object]] = deque([((), content)])
    while waiting:
        way, thing = waiting.popleft()
        named = isinstance(thing, Mapping) and all(isinstance(key, str) for key in thing)
        if not named or len(way) == _DEEPEST:
            yield way, thing
            continue
        inside = cast("Mapping[str, object]", thing)
        count += len(inside)
        if count > _MOST_THINGS:
            raise ForeignWeightsError(
                f"{path}: expected at most {_MOST_THINGS:,} tensors and settings, came more"
            )
        waiting += [((*way, key), inner) for key, inner in inside.items()]


# ------------------------------------------------------------------- state dicts of a mapping


def _state_dicts(
    owner: Way, tensors: Mapping[str, Tensor], things: Mapping[Way, object]
) -> Iterator[StateDict]:
    """Yield the state dicts in one mapping: all of it, and what begins with the same prefix."""
    split = {tuple(name.split(".")): tensor for name, tensor in tensors.items()}
    prefixes = {name[:size] for name in split for size in range(len(name))}
    elsewhere = _elsewhere(owner, things)
    averaged = owner == ("state_dict",) and any(way[0] == _LIGHTNING_AVERAGES for way in things)
    for prefix in sorted(prefixes, key=lambda one: (len(one), one)):
        way = (*owner, *prefix)
        within = [name for name in split if name[: len(prefix)] == prefix]
        shorter = [name for name in within if _plain(name[len(prefix)]) not in _ASIDE]
        for inside in [within] if len(shorter) in {0, len(within)} else [within, shorter]:
            out = [name for name in split if name not in set(inside)]
            yield StateDict(
                way,
                {".".join(name[len(prefix) :]): _counted(name, split[name]) for name in inside},
                averaged or any(_says_averaged(part) for part in way),
                (*_grouped(out, owner, prefix), *elsewhere),
                _doubt(way, prefix, {name: split[name] for name in out}),
            )


def _counted(name: Way, tensor: Tensor) -> Tensor:
    """Return zero in place of a counter of training steps, which has no effect."""
    return torch.zeros((), dtype=torch.int64) if name[-1] == _COUNTER else tensor


def _plain(part: str) -> str:
    """Return a part of a name in small letters, without what says that weights are averaged."""
    words = re.split("[^a-z0-9]+", part.replace("EMA", "_ema_").lower())
    return "".join(word for word in words if word != "ema")


def _says_averaged(part: str) -> bool:
    return "ema" in re.split("[^a-z]+", part.replace("EMA", "_ema_").lower())


def _shared(one: Way, other: Way) -> int:
    """Return how many parts two ways share at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _doubt(way: Way, prefix: Way, out: Mapping[Way, Tensor]) -> str:
    """Say why what lies under a prefix may not be the whole network that somebody trained."""
    aside = [part for part in way if _plain(part) in _ASIDE]
    if aside:
        return f"'{aside[0]}' is what training scripts call something beside the network"
    for name, tensor in out.items():
        shared = _shared(prefix, name)
        counter = tensor.ndim == 0 and not tensor.is_floating_point()
        if counter or _plain(name[shared]) in _ASIDE:
            continue
        alone = len(name) == shared + 1
        if alone or _plain(prefix[shared]) not in _NETWORKS:
            return f"{'.'.join(name)} beside it may belong to the same network"
    return ""


def _grouped(names: Iterable[Way], owner: Way, prefix: Way) -> list[str]:
    """Say which tensors lie beside a prefix, those under another one together."""
    groups = Counter((*owner, *name[: _shared(prefix, name) + 1]) for name in names)
    return [
        f"{'.'.join(group)} ({count} tensor{'s' if count > 1 else ''})"
        for group, count in groups.items()
    ]


def _elsewhere(owner: Way, things: Mapping[Way, object]) -> list[str]:
    """Return what a file has beside the tensors of a mapping, by the first key that differs."""
    others = (
        ".".join(way[: _shared(owner, way) + 1])
        for way, thing in things.items()
        if way[:-1] != owner or not isinstance(thing, Tensor)
    )
    return list(dict.fromkeys(others))
