"""What a file of weights offers: every state dict in it, whatever keys lead there."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import Tensor

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.containers import Container, read_content
from pipeline.exchange.foreign_weights.state_dicts import StateDict, Way, state_dicts_of
from pipeline.exchange.foreign_weights.torch_files import StandIn, why_refused

_DEEPEST = 8
"""Mappings within one another, at most."""

_MOST_THINGS = 100_000
"""Keys in all mappings: those of a large network, its averages and its optimiser are fewer."""


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
    found = [one for way, tensors in owners.items() for one in state_dicts_of(way, tensors, things)]
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
