"""Examine a file of weights for ``restore import``: what it holds and which model it fits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.arrays.file_checksum import sha256_of
from pipeline.exchange.foreign_weights.assembling import (
    assemble,
    build,
    describe,
    fits,
    settings_of,
)
from pipeline.exchange.foreign_weights.chain import Chain, ForeignWeightsError
from pipeline.exchange.foreign_weights.own import LAYOUT, read_own
from pipeline.exchange.foreign_weights.reading import read_network
from pipeline.models.parts.settings import Model


def examine(
    path: Path, layout: str | None, models: Mapping[str, Model], wanted: str | None
) -> dict[str, Any]:
    """Read a file, bring it into the fitting one of our networks and try that.

    Args:
        path: The file.
        layout: Its layout; None to find out.
        models: Known settings by ``arch.name``.
        wanted: Which of them it must fit; None for the first that it fits.

    Returns:
        Values that JSON can hold: layout, network (in words), model (name of the fitting one, or
        None), arch, settings, layers, parameters, sha256.

    Raises:
        ForeignWeightsError: The file cannot be read, or does not fit.
    """
    own = _own_fitting(path, layout, models, wanted)
    if own is not None:
        return own
    found_layout, chain = read_network(path, layout)
    name = wanted or _first_fitting(chain, models)
    model = models[name] if name else settings_of(chain, chain.architectures[0])
    try:
        network = build(model, assemble(chain, model))
    except ForeignWeightsError as error:
        raise ForeignWeightsError(f"{path}: {error}") from error
    return {
        "layout": found_layout,
        "network": describe(settings_of(chain, type(model).__name__)),
        "model": name,
        "arch": type(model).__name__.lower(),
        "settings": model.model_dump(),
        "layers": len(chain.layers),
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "sha256": sha256_of(path),
    }


def _own_fitting(
    path: Path, layout: str | None, models: Mapping[str, Model], wanted: str | None
) -> dict[str, Any] | None:
    """Return what is to be said of weights that are exactly those of a known network of ours."""
    if layout not in {None, LAYOUT}:
        return None
    for name in [wanted] if wanted else models:
        model = models[name]
        weights = read_own(path, model)
        if weights is not None:
            build(model, weights)
            return {
                "layout": LAYOUT,
                "network": describe(model),
                "model": name,
                "arch": name.partition(".")[0],
                "settings": model.model_dump(),
                "layers": sum(tensor.ndim == 4 for tensor in weights.values()),
                "parameters": sum(tensor.numel() for tensor in weights.values()),
                "sha256": sha256_of(path),
            }
    return None


def _first_fitting(chain: Chain, models: Mapping[str, Model]) -> str | None:
    for architecture in chain.architectures:
        found = settings_of(chain, architecture)
        # As it is in the file first, with its normalisation merged second.
        for name, model in sorted(models.items(), key=lambda one: one[1] != found):
            if fits(found, model):
                return name
    return None
