"""A network as one graph of operations that holds for images of every size."""

from copy import deepcopy

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from pipeline.exchange.exporting import ExportError
from pipeline.models.parts.settings import Model
from pipeline.tiling.folding import fold_normalisation

INPUT, OUTPUT = "degraded", "restored"
"""Names of the batches that go into an exported network and come out of it."""


def capture(network: nn.Module, model: Model) -> ExportedProgram:
    """Return the graph of a network, its batch normalisation folded.

    Args:
        network: In evaluation mode, on the CPU; it is left as it is.
        model: Its settings.

    Returns:
        Takes and gives float32 ``(N, C, H, W)`` with any N, H and W; any C too where the network
        takes channels one by one.

    Raises:
        ExportError: PyTorch cannot capture it, or only for images of some sizes.
    """
    folded = fold_normalisation(deepcopy(network)).requires_grad_(False)
    grid = model.multiple
    # No side of the example is 1, which PyTorch would take for a constant.
    example = torch.zeros(
        2, 3 if _any_channels(model) else channels_of(model), 4 * grid + 3, 6 * grid + 5
    )
    try:
        with torch.no_grad():
            # Strict: len(batch) becomes a value of the graph, not the length of the example.
            program = torch.export.export(
                folded, (example,), dynamic_shapes=(dynamic_axes(model),), strict=True
            )
    except Exception as error:  # PyTorch raises dozens of kinds here
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ExportError(
            f"PyTorch cannot capture {type(network).__name__} for images of every size: {reason[0]}"
        ) from error
    return _without_places(program)


def dynamic_axes(model: Model) -> dict[int, Dim]:
    """Return the axes of a batch that may be of any length, by their number."""
    axes = {
        0: Dim("batch", min=1),
        2: Dim("height", min=model.multiple),
        3: Dim("width", min=model.multiple),
    }
    if _any_channels(model):
        axes[1] = Dim("channels", min=1 + model.takes_noise_map)
    return axes


def channels_of(model: Model, image: int | None = None) -> int:
    """Return the channels of an input, for images of ``image`` channels or those it is made for."""
    return (image or model.input_channels) + model.takes_noise_map


def _any_channels(model: Model) -> bool:
    return model.channels == "shared"


def _without_places(program: ExportedProgram) -> ExportedProgram:
    """Take the paths of this machine, which PyTorch notes at every operation, out of a graph."""
    for module in program.graph_module.modules():
        for node in getattr(module, "graph", program.graph).nodes:
            node.meta.pop("stack_trace", None)
    return program
