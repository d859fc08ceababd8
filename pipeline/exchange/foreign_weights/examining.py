"""Examine a file of weights for ``restore import``: what it holds and which model it fits."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from pipeline.arrays.file_checksum import sha256_of
from pipeline.exchange.foreign_weights.assembling import (
    assemble,
    build,
    describe,
    fits,
    settings_of,
)
from pipeline.exchange.foreign_weights.chain import Chain, ForeignWeightsError
from pipeline.exchange.foreign_weights.own import LAYOUT, as_own, own_tensors
from pipeline.exchange.foreign_weights.reading import read, read_weights
from pipeline.models.parts.settings import Model


@dataclass(frozen=True)
class _Found:
    """A network in a file: in which layout, as what, and the name of a known model it fits."""

    layout: str
    network: Model
    model: Model
    name: str | None
    weights: dict[str, Tensor]


def examine(
    path: Path,
    layout: str | None,
    models: Mapping[str, Model],
    wanted: str | None,
    entry: str | None = None,
) -> dict[str, Any]:
    """Read a file, bring it into the fitting one of our networks and try that.

    Args:
        path: The file.
        layout: Its layout; None to find out.
        models: Known settings by ``arch.name``.
        wanted: Which of them it must fit; None for the first that it fits.
        entry: Which of the state dicts in it to take; None for the rule of ``choosing``.

    Returns:
        Values that JSON can hold: layout, network (in words), model (name of the fitting one, or
        None), arch, settings, layers, parameters, sha256, notes (pairs of heading and words), entry
        (None where the rule finds it).

    Raises:
        ForeignWeightsError: The file cannot be read, or does not fit.
    """
    known = {wanted: models[wanted]} if wanted else models

    @cache  # networks are slow to build, and a file offers many state dicts to compare them with
    def ours(name: str) -> dict[str, Tensor]:
        return own_tensors(known[name])

    def of_own(tensors: Mapping[str, Tensor]) -> _Found | None:
        for name, model in known.items():
            weights = as_own(tensors, ours(name))
            if weights is not None:
                return _Found(LAYOUT, model, model, name, weights)
        return None

    def of_chain(found: str, chain: Chain) -> _Found:
        name = wanted or _first_fitting(chain, known)
        model = known[name] if name else settings_of(chain, chain.architectures[0])
        weights = assemble(chain, model)
        return _Found(found, settings_of(chain, type(model).__name__), model, name, weights)

    taken = read(path, layout, entry, of_chain=of_chain, of_own=of_own)
    found = taken.content
    network = build(found.model, found.weights)
    return {
        "layout": found.layout,
        "network": describe(found.network),
        "model": found.name,
        "arch": _arch(found),
        "settings": found.model.model_dump(),
        "layers": sum(tensor.ndim == 4 for tensor in found.weights.values()),
        "parameters": sum(parameters.numel() for parameters in network.parameters()),
        "sha256": sha256_of(path),
        "notes": taken.notes,
        "entry": None if _by_rule(path, found) == taken.entry else taken.entry,
    }


def _arch(found: _Found) -> str:
    return found.name.partition(".")[0] if found.name else type(found.model).__name__.lower()


def _by_rule(path: Path, found: _Found) -> str | None:
    """Return the entry that is imported into this model where nobody names one."""
    try:
        return read_weights(path, found.layout, found.model, None).entry
    except ForeignWeightsError:
        return None


def _first_fitting(chain: Chain, models: Mapping[str, Model]) -> str | None:
    for architecture in chain.architectures:
        found = settings_of(chain, architecture)
        # As it is in the file first, with its normalisation merged second.
        for name, model in sorted(models.items(), key=lambda one: one[1] != found):
            if fits(found, model):
                return name
    return None
