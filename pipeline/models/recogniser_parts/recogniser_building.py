"""Build a network that recognises from its settings and the facts of its task.

A network's module is imported when it is built and not before, so that a stage depends on the
code of its own network alone.
"""

from dataclasses import dataclass
from importlib import import_module

import torch
from torch import nn

from pipeline.models.recogniser_parts.settings import Recogniser


@dataclass(frozen=True)
class TaskFacts:
    """What a network must know of its task.

    Args:
        classes: How many.
        channels: Of the images; bands of the cube; length of image and text features together.
        image_features: How many of these belong to the image; 0 but for pairs of features.
    """

    classes: int
    channels: int
    image_features: int = 0


def build_recogniser(settings: Recogniser, facts: TaskFacts, seed: int) -> nn.Module:
    """Return a freshly initialised network.

    Args:
        settings: Architecture and size.
        facts: Of the task.
        seed: Decides the initial weights.
    """
    # The network lies beside its settings, and is called as they are.
    package = type(settings).__module__.rpartition(".")[0]
    constructor = getattr(import_module(f"{package}.network"), type(settings).__name__)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = constructor(facts, **settings.options)
    return network
