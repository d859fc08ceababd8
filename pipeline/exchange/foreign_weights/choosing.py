"""Choose one of the state dicts that a file offers, by one rule or by its name, and say it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.entries import Offer
from pipeline.exchange.foreign_weights.state_dicts import StateDict
from pipeline.nearest import first_of, nearest_known

T = TypeVar("T")

_MOST_NAMED = 8


@dataclass(frozen=True)
class Taken(Generic[T]):
    """What was read of a file.

    Args:
        content: It.
        entry: Where it lies in the file; empty where the file holds nothing else.
        notes: What there is to say of it, each under a heading of one word.
    """

    content: T
    entry: str = ""
    notes: tuple[tuple[str, str], ...] = ()


def choose(
    offer: Offer,
    entry: str | None,
    read: Callable[[str, StateDict], T],
    resemblance: Callable[[StateDict], int],
) -> Taken[T]:
    """Read the one state dict that is a network; averaged weights (EMA) before all others.

    Args:
        offer: What the file offers.
        entry: Its entry, or the beginning of that; None for any.
        read: What is to be done with a state dict, which is named for messages; refuses what is
            no network.
        resemblance: How like a network a refused one is: the reason for the most similar is told.

    Raises:
        ForeignWeightsError: None is a network, or several are, or one may be a part of a larger
            network and is not named by ``entry``.
    """
    read_well: list[tuple[StateDict, T]] = []
    refused: list[tuple[StateDict, ForeignWeightsError]] = []
    for one in _within(offer, entry):
        where = f"{offer.path}" + (f" ({one.entry})" if one.entry else "")
        try:
            one.check_numbers(where)
            read_well.append((one, read(where, one)))
        except ForeignWeightsError as error:
            reason = str(error)
            told = reason if str(offer.path) in reason else f"{where}: {reason}"
            refused.append((one, ForeignWeightsError(told)))
    if not read_well:
        raise _most_telling(offer, refused, resemblance)
    sure = [both for both in read_well if not both[0].doubt or both[0].entry == entry]
    if not sure:
        one = read_well[0][0]
        raise ForeignWeightsError(
            f"{offer.path}: what lies under {one.entry} fits, but {one.doubt}; to take it all the "
            f"same, name it: --entry {one.entry}, or `entry: {one.entry}` in params.yaml"
        )
    best = [both for both in sure if both[0].averaged] or sure
    taken, content = best[0]
    others = [one for one, _ in read_well if one.entry != taken.entry]
    rivals = [one.entry for one, _ in best if not _same(one, taken)]
    if rivals:
        raise ForeignWeightsError(
            f"{offer.path}: expected one network that fits; {taken.entry} does, and so does "
            f"{', '.join(rivals)}, with other weights. Choose by --entry, or `entry` in params.yaml"
        )
    return Taken(content, taken.entry, tuple(_notes(offer, taken, others)))


def _within(offer: Offer, entry: str | None) -> list[StateDict]:
    found = [
        one
        for one in offer.state_dicts
        if entry is None or one.entry == entry or one.entry.startswith(f"{entry}.")
    ]
    if not found:
        known = {one.entry for one in offer.state_dicts} - {""}
        shortest = sorted(known, key=lambda one: (one.count("."), one))[:_MOST_NAMED]
        raise ForeignWeightsError(
            f"{offer.path}: there is no entry {entry}; {nearest_known(str(entry), shortest)}"
        )
    return found


def _most_telling(
    offer: Offer,
    refused: list[tuple[StateDict, ForeignWeightsError]],
    resemblance: Callable[[StateDict], int],
) -> ForeignWeightsError:
    like = {one.way: resemblance(one) for one, _ in refused}
    if offer.why_no_model and not any(like.values()):
        return ForeignWeightsError(f"{offer.path}: {offer.why_no_model}")
    return max(refused, key=lambda both: (like[both[0].way], len(both[0].tensors)))[1]


def _same(one: StateDict, other: StateDict) -> bool:
    return one.tensors.keys() == other.tensors.keys() and all(
        torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items()
    )


def _notes(offer: Offer, taken: StateDict, others: list[StateDict]) -> list[tuple[str, str]]:
    notes = []
    if taken.entry:
        kind = ", weights averaged over the training (EMA)" if taken.averaged else ""
        rest = f"; --entry takes another one that fits: {_some(o.entry for o in others)}"
        notes.append(("entry", f"{taken.entry}{kind}{rest if others else ''}"))
    named = tuple(f"{other.entry}." for other in others)
    left_out = [
        words
        for words in taken.left_out
        if not any(one.startswith(f"{words.partition(' (')[0]}.") for one in named)
    ]
    if left_out:
        notes.append(("left out", _some(left_out)))
    if offer.unknown:
        notes.append(("not run", f"{_some(offer.unknown)}: code that the file names"))
    if taken.stored_as:
        notes.append(("numbers", f"{', '.join(taken.stored_as)} in the file, read as float32"))
    return notes


def _some(names: Iterable[str]) -> str:
    return first_of(list(dict.fromkeys(names)), _MOST_NAMED)
