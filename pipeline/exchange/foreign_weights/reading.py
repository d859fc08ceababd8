"""Read a file of published weights, whatever its container and its layout."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from pipeline.exchange.foreign_weights import layouts, matconvnet
from pipeline.exchange.foreign_weights.assembling import assemble
from pipeline.exchange.foreign_weights.chain import Chain, ForeignWeightsError
from pipeline.exchange.foreign_weights.choosing import Taken, choose
from pipeline.exchange.foreign_weights.containers import recognise
from pipeline.exchange.foreign_weights.entries import read_offer
from pipeline.exchange.foreign_weights.matlab import read_variables
from pipeline.exchange.foreign_weights.own import LAYOUT, as_own, own_tensors
from pipeline.exchange.foreign_weights.state_dicts import StateDict
from pipeline.models.parts.settings import Model

LAYOUTS = (*layouts.STATE_DICTS, *matconvnet.LAYOUTS)
"""All layouts that can be read; ``Layout`` of the params names the same."""

T = TypeVar("T")


def read_weights(
    path: Path, layout: str, model: Model, entry: str | None
) -> Taken[dict[str, Tensor]]:
    """Return the state dict of our network with the weights of a file.

    Args:
        path: The file, as its authors published it.
        layout: One of ``LAYOUTS``.
        model: Architecture and size of our network.
        entry: Which of the state dicts in the file it is; None for the only one that fits, or the
            averaged one (EMA) of several.

    Raises:
        ForeignWeightsError: The file cannot be read, or does not fit.
    """
    own = own_tensors(model) if layout == LAYOUT else {}
    return read(
        path,
        layout,
        entry,
        of_chain=lambda _, chain: assemble(chain, model),
        of_own=lambda tensors: as_own(tensors, own),
    )


def read(
    path: Path,
    layout: str | None,
    entry: str | None,
    *,
    of_chain: Callable[[str, Chain], T],
    of_own: Callable[[Mapping[str, Tensor]], T | None],
) -> Taken[T]:
    """Return what a file holds, as the caller wants it.

    Args:
        path: The file, as its authors published it.
        layout: One of ``LAYOUTS``; None to find out.
        entry: Which of the state dicts in the file to take; None to choose by the rule.
        of_chain: What is to be made of a network in a layout.
        of_own: What is to be made of tensors by name if they are those of a network of ours; None
            if they are not.

    Raises:
        ForeignWeightsError: The file cannot be read, or is not of this layout, or of none.
    """
    container = recognise(path)
    in_matlab = container in {"matlab", "hdf5"}
    if layout and (layout in matconvnet.LAYOUTS) != in_matlab:
        holds = "MATLAB variables" if in_matlab else "tensors by name"
        fitting = matconvnet.LAYOUTS if in_matlab else layouts.STATE_DICTS
        raise ForeignWeightsError(
            f"{path}: expected a file of layout '{layout}'; it holds {holds}, the layouts of "
            f"which are {', '.join(fitting)}"
        )
    if in_matlab:
        if entry is not None:
            raise ForeignWeightsError(f"{path}: a file of MATLAB has no entry {entry} to choose")
        variables = read_variables(path, container, matconvnet.VARIABLES)
        return Taken(of_chain(*matconvnet.as_chain(path, variables, layout)))

    def one(where: str, state_dict: StateDict) -> T:
        own = of_own(state_dict.tensors) if layout in {None, LAYOUT} else None
        if own is not None:
            return own
        return of_chain(*layouts.as_chain(where, state_dict.tensors, layout))

    return choose(
        read_offer(path, container),
        entry,
        one,
        lambda state_dict: layouts.resemblance(state_dict.tensors, layout),
    )
