"""One network from its weights to a checked file."""

from pathlib import Path

from torch import nn

from pipeline.arrays.weights_file import load_weights
from pipeline.exchange.exporting import ExportError, onnx_file, torch_file
from pipeline.exchange.exporting.capturing import capture
from pipeline.exchange.exporting.interface import Facts, facts_of
from pipeline.exchange.exporting.trial_run import check
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.running.outputs import new_file

FORMATS = {".onnx": onnx_file, ".pt2": torch_file}
"""Modules that write and read a format, by suffix."""


def export(name: str, arch: str, model: Model, weights: Path, to: Path) -> tuple[Facts, float]:
    """Write a trained network as a file that other programs run.

    Args:
        name: Of the experiment, or of the entry of ``imported``.
        arch: Architecture of the network.
        model: Its settings.
        weights: ``weights.safetensors``.
        to: File to write; its suffix, ``.onnx`` or ``.pt2``, decides the format.

    Returns:
        The facts that the file holds, and the largest difference from the network.

    Raises:
        ExportError: The weights do not fit, the network cannot be captured, or the file would
            not compute what the network computes. There is no new file then.
    """
    network = _load(model, weights)
    facts = facts_of(name, arch, model, network, weights)
    program = capture(network, model)
    form = FORMATS[to.suffix]
    with new_file(to) as unfinished:
        form.write(program, model, facts, unfinished)
        difference = check(form.open_network(unfinished), network, model)
    return facts, difference


def _load(model: Model, weights: Path) -> nn.Module:
    network = build_model(model, seed=0).eval()
    try:
        load_weights(network, weights)
    except ValueError as error:
        raise ExportError(str(error)) from error
    return network
