"""Restoration networks: one architecture a module, and the table that names them.

A network's module is imported when it is built and not before, so that a stage depends on
the code of its own network alone.
"""

from importlib import import_module

from torch import nn

from pipeline.params import Model

ARCHITECTURES = {
    "DnCNN": "pipeline.models.dncnn",
    "VDSR": "pipeline.models.vdsr",
    "RedNet": "pipeline.models.rednet",
}
"""Where the network of each settings class lies; both have the same name."""


def build_model(settings: Model, seed: int) -> nn.Module:
    """Return a freshly initialised network.

    Args:
        settings: Architecture and size.
        seed: Decides the initial weights.
    """
    import torch

    name = type(settings).__name__
    constructor = getattr(import_module(ARCHITECTURES[name]), name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = constructor(**settings.model_dump())
    return network
