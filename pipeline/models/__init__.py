"""Restoration networks: one architecture a module, named by the table of their settings.

A network's module is imported when it is built and not before, so that a stage depends on
the code of its own network alone. What networks share lies in ``channels.py``, ``dropout.py``,
``grid.py`` and ``pooling.py``.
"""

from importlib import import_module

from torch import nn

from pipeline.models import channels, dropout, grid, pooling
from pipeline.network_settings import NETWORKS, Model, SeparateChannels

__all__ = ["build_model", "channels", "dropout", "grid", "pooling"]


def build_model(settings: Model, seed: int) -> nn.Module:
    """Return a freshly initialised network.

    Args:
        settings: Architecture and size.
        seed: Decides the initial weights.
    """
    import torch

    (arch,) = (arch for arch, kind in NETWORKS.items() if kind is type(settings))
    constructor = getattr(import_module(f"pipeline.models.{arch}"), type(settings).__name__)
    options = settings.options
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if settings.channels == "shared":
            return channels.EachChannel([constructor(**options)], settings.takes_noise_map)
        if isinstance(settings.channels, SeparateChannels):
            networks = [constructor(**options) for _ in range(settings.channels.separate)]
            return channels.EachChannel(networks, settings.takes_noise_map)
        network: nn.Module = constructor(**options)
    return network
