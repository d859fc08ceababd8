"""Build a network from its settings.

A network's module is imported when it is built and not before, so that a stage depends on the
code of its own network alone.
"""

from importlib import import_module

import torch
from torch import nn

from pipeline.models.parts.channels import EachChannel
from pipeline.models.parts.settings import Model, SeparateChannels


def build_model(settings: Model, seed: int) -> nn.Module:
    """Return a freshly initialised network.

    Args:
        settings: Architecture and size.
        seed: Decides the initial weights.
    """
    # The network lies beside its settings, and is called as they are.
    package = type(settings).__module__.rpartition(".")[0]
    constructor = getattr(import_module(f"{package}.network"), type(settings).__name__)
    options = settings.options
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if settings.channels == "shared":
            return EachChannel([constructor(**options)], settings.takes_noise_map)
        if isinstance(settings.channels, SeparateChannels):
            networks = [constructor(**options) for _ in range(settings.channels.separate)]
            return EachChannel(networks, settings.takes_noise_map)
        network: nn.Module = constructor(**options)
    return network
