"""Weights as their authors publish them, of whatever architecture spandrel knows."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.containers import read_content, recognise
from pipeline.exchange.foreign_weights.torch_files import why_refused
from pipeline.exchange.programs import ProgramError
from pipeline.exchange.programs.opened import Opened


def open_spandrel(path: Path, threads: int) -> Opened:
    """Open a file of weights; no pickle in it is executed.

    Args:
        path: The file: what ``torch.save`` wrote, or safetensors.
        threads: CPU threads to run the network with.

    Raises:
        ProgramError: It cannot be read, spandrel does not know it, or it is no network from one
            image to one image.
    """
    torch.set_num_threads(threads)
    model = _recognised(_content(path))
    needs = model.size_requirements
    told = model.architecture.id == "DRUNet" or "FDnCNN" in model.tags
    # spandrel tells these two a fixed level; and its own call pads, which hides the grid, and
    # clips, which hides from how far away pixels move the output.
    call = model.model if told else lambda image: model._call_fn(model.model, image)

    def run(batch: Tensor) -> Tensor:
        if min(batch.shape[2:]) < needs.minimum:
            raise ProgramError(f"takes images of at least {needs.minimum} pixels a side")
        return torch.cat([call(one[None]) for one in batch])

    least = max(needs.minimum, needs.multiple_of)
    return Opened(
        run,
        channels=model.input_channels + told,
        size=(least, least) if needs.square else None,
        scale=model.scale,
        multiple=needs.multiple_of,
    )


def _content(path: Path) -> dict[str, Any]:
    """Return what a file holds: tensors by name, or a key of training scripts that holds them."""
    try:
        container = recognise(path)
        if container not in {"torch", "safetensors"}:
            raise ProgramError(f"expected .pth or .safetensors, came a file of kind {container}")
        content, unknown = read_content(path, container)
    except ForeignWeightsError as error:
        raise ProgramError(str(error).removeprefix(f"{path}: ")) from error
    # It has not run. But who publishes weights needs none beside them, except numbers of NumPy.
    code = [name for name in unknown if not name.startswith("numpy.")]
    if code or not isinstance(content, dict):
        raise ProgramError(why_refused(path, code))
    return content


def _recognised(content: dict[str, Any]) -> Any:  # noqa: ANN401  (spandrel has no types)
    """Return spandrel's description of a network, in float32 and ready to run."""
    try:
        import spandrel
    except Exception as error:  # a torchvision of another build of torch raises a RuntimeError
        raise ProgramError(
            f"spandrel cannot be imported here: {error}; it needs einops, and the torchvision that "
            f"was made for torch {torch.__version__}"
        ) from error
    try:
        model = spandrel.ModelLoader().load_from_state_dict(content)
    except spandrel.UnsupportedModelError as error:
        names = list(spandrel.canonicalize_state_dict(content))
        raise ProgramError(
            f"expected weights of a network that spandrel {spandrel.__version__} knows; came "
            f"{len(names)} name(s) that it does not ({', '.join(names[:4])}). Export the network "
            "with its authors' code to ONNX and write kind: onnx"
        ) from error
    if not isinstance(model, spandrel.ImageModelDescriptor):
        raise ProgramError(
            f"expected a network from one image to one image; {model.architecture.name} takes a "
            "mask beside it"
        )
    model.model.requires_grad_(requires_grad=False)
    return model.float().eval()
