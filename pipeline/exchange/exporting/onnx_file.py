"""Networks in the format ONNX, which runs without PyTorch."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from pipeline.exchange.exporting.capturing import INPUT, OUTPUT, dynamic_axes
from pipeline.exchange.exporting.interface import Facts
from pipeline.exchange.programs.opening import open_program
from pipeline.models.parts.settings import Model


def write(program: ExportedProgram, model: Model, facts: Facts, path: Path) -> None:
    """Write a captured network as one ONNX file.

    Args:
        program: The network.
        model: Its settings.
        facts: Become the file's ``metadata_props``, each value as JSON.
        path: File to write.
    """
    with _silence():
        written = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=(dynamic_axes(model),),
            verbose=False,
        )
    if written is None:
        raise TypeError("torch.onnx.export was expected to return a program, came None")
    content = written.model_proto
    # PyTorch notes at every operation where it stood in the code.
    for part in (content.graph, *content.graph.node, *content.functions):
        del part.metadata_props[:]
    del content.metadata_props[:]
    for key, value in facts.items():
        entry = content.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)
    path.write_bytes(content.SerializeToString())


def open_network(path: Path) -> Callable[[Tensor], Tensor]:
    """Return the network of an ONNX file, run by ONNX Runtime."""
    return open_program("onnx", path, threads=0).run  # as many as ONNX Runtime takes by itself


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep what the exporter tells its developers from people."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
