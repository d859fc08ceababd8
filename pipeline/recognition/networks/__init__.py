"""Networks that recognise: one architecture a module, named by the table of their settings.

A network's module is imported when it is built and not before, so that a stage depends on the
code of its own network alone. What networks share lies in ``normalised_convolution.py``,
``principal_components.py``, ``resolution.py`` and ``squeeze_excitation.py``, and in
``pipeline/models/dropout.py``.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from pipeline.models import dropout
from pipeline.recogniser_settings import RECOGNISERS, Recogniser
from pipeline.recognition.labelled import Labelled
from pipeline.recognition.networks import (
    normalised_convolution,
    principal_components,
    resolution,
    squeeze_excitation,
)

__all__ = [
    "TaskFacts",
    "build_recogniser",
    "dropout",
    "facts_of",
    "load_recogniser",
    "normalised_convolution",
    "principal_components",
    "resolution",
    "squeeze_excitation",
]


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


def facts_of(labelled: Labelled) -> TaskFacts:
    """Return what a network must know of the task of labelled data."""
    return TaskFacts(len(labelled.classes), labelled.values.shape[-1], labelled.image_features)


def build_recogniser(settings: Recogniser, facts: TaskFacts, seed: int) -> nn.Module:
    """Return a freshly initialised network.

    Args:
        settings: Architecture and size.
        facts: Of the task.
        seed: Decides the initial weights.
    """
    (arch,) = (arch for arch, kind in RECOGNISERS.items() if kind is type(settings))
    module = import_module(f"pipeline.recognition.networks.{arch}")
    constructor = getattr(module, type(settings).__name__)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = constructor(facts, **settings.options)
    return network


def load_recogniser(settings: Recogniser, facts: TaskFacts, weights: Path) -> nn.Module:
    """Return a trained network, in evaluation mode.

    Args:
        settings: Architecture and size.
        facts: Of the task.
        weights: Folder with ``weights.safetensors``, from stage ``learn``.

    Raises:
        OSError: There is no such file.
        RuntimeError: It has the weights of another network.
    """
    network = build_recogniser(settings, facts, seed=0)
    network.load_state_dict(load_file(weights / "weights.safetensors"))
    return network.eval()
