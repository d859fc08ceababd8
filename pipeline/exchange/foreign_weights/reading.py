"""Read a file of published weights, whatever its container and its layout."""

from pathlib import Path

from pipeline.exchange.foreign_weights import layouts, matconvnet
from pipeline.exchange.foreign_weights.chain import Chain, ForeignWeightsError
from pipeline.exchange.foreign_weights.containers import read_tensors, recognise
from pipeline.exchange.foreign_weights.matlab import read_variables

LAYOUTS = (*layouts.STATE_DICTS, *matconvnet.LAYOUTS)
"""All layouts that can be read; ``Layout`` of the params names the same."""


def read_network(path: Path, layout: str | None) -> tuple[str, Chain]:
    """Return the layout of a file, and the network in it.

    Args:
        path: The file, as its authors published it.
        layout: One of ``LAYOUTS``; None to find out.

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
        variables = read_variables(path, container, matconvnet.VARIABLES)
        return matconvnet.as_chain(path, variables, layout)
    return layouts.as_chain(path, read_tensors(path, container), layout)
