"""Networks that recognise, built for the data at hand, and their trained weights."""

from pathlib import Path

from torch import nn

from pipeline.arrays.weights_file import load_weights
from pipeline.models.recogniser_parts.recogniser_building import TaskFacts, build_recogniser
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.recognition.labelled.samples import Labelled


def facts_of(labelled: Labelled) -> TaskFacts:
    """Return what a network must know of the task of labelled data."""
    return TaskFacts(len(labelled.classes), labelled.values.shape[-1], labelled.image_features)


def load_recogniser(settings: Recogniser, facts: TaskFacts, weights: Path) -> nn.Module:
    """Return a trained network, in evaluation mode.

    Args:
        settings: Architecture and size.
        facts: Of the task.
        weights: Folder with ``weights.safetensors``, from stage ``learn``.

    Raises:
        OSError: There is no such file.
        ValueError: It is damaged, or has the weights of another network.
    """
    network = build_recogniser(settings, facts, seed=0)
    load_weights(network, weights / "weights.safetensors")
    return network.eval()
