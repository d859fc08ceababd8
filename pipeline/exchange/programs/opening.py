"""Open a file that holds a network, whatever runs it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pipeline.exchange.programs import ProgramError
from pipeline.exchange.programs.needed import missing_package
from pipeline.exchange.programs.opened import Opened
from pipeline.exchange.programs.spandrel_file import open_spandrel

_ERRORS_ONLY = 3
"""Level of ONNX Runtime's messages."""


def open_program(kind: str, path: Path, threads: int) -> Opened:
    """Open a file.

    Args:
        kind: ``onnx``, ``torch_export`` or ``spandrel``.
        path: The file.
        threads: CPU threads to run it with.

    Raises:
        ProgramError: It cannot be opened, or is no network from one image to one image.
    """
    if not path.is_file():
        raise ProgramError(f"{path}: no such file")
    missing = missing_package(kind)
    if missing:
        raise ProgramError(f"{path}: {missing}")
    try:
        return _OPEN[kind](path, threads)
    except ProgramError as error:
        raise ProgramError(f"{path}: {error}") from error
    except Exception as error:  # runtimes with exceptions of their own
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ProgramError(f"{path}: cannot be opened as {kind}: {first}") from error


def _open_onnx(path: Path, threads: int) -> Opened:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    # By its path: large files have their weights beside them.
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        found = ", ".join(f"{one.name} {one.shape}" for one in inputs)
        raise ProgramError(f"expected one input, a batch (N, C, H, W) of images; came {found}")
    (source,) = inputs
    if source.type not in _ELEMENTS:
        raise ProgramError(f"expected an input of floats, came {source.type}")
    dtype = _ELEMENTS[source.type]

    def run(batch: Tensor) -> Tensor:
        found = session.run([outputs[0].name], {source.name: batch.to(dtype).numpy()})[0]
        return torch.from_numpy(found).float()

    return _opened(run, source.shape)


_ELEMENTS = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}


def _open_torch_export(path: Path, threads: int) -> Opened:
    torch.set_num_threads(threads)
    program = torch.export.load(path)
    shapes = [
        node.meta["val"].shape
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in program.graph_signature.user_inputs
    ]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ProgramError(
            "expected one input, a batch (N, C, H, W) of images; came "
            + ", ".join(str(tuple(shape)) for shape in shapes)
        )
    module = program.module()

    def run(batch: Tensor) -> Tensor:
        found = module(batch)
        if not isinstance(found, Tensor):
            raise ProgramError(f"expected one output, came {type(found).__name__}")
        return found

    return _opened(run, shapes[0])


def _opened(run: Callable[[Tensor], Tensor], shape: Sequence[object]) -> Opened:
    """Return a network whose input has such a shape; what is no number may be any."""
    number, channels, height, width = shape

    def run_each(batch: Tensor) -> Tensor:
        return torch.cat([run(one[None]) for one in batch])

    return Opened(
        run_each if number == 1 else run,
        channels if isinstance(channels, int) else None,
        (height, width) if isinstance(height, int) and isinstance(width, int) else None,
    )


_OPEN: dict[str, Callable[[Path, int], Opened]] = {
    "onnx": _open_onnx,
    "torch_export": _open_torch_export,
    "spandrel": open_spandrel,
}
