"""Small recognition tasks of every kind, and small networks for them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.models.hybridsn.settings import HybridSN
from pipeline.models.recogniser_parts.recogniser_building import TaskFacts, build_recogniser
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.recognition.labelled.samples import UNLABELLED, Labelled, Part
from pipeline.settings.architectures import RECOGNISERS
from pipeline.settings.params import Recipe

CPU = torch.device("cpu")

CLASSES = ("ash", "birch", "cedar")

_PARTS = (Part.TRAIN, Part.TEST, Part.TRAIN, Part.VALIDATION, Part.NONE, Part.TRAIN)

DSCMR_LOSS = {"kind": "dscmr", "label": 1.0, "discrimination": 0.001, "invariance": 0.1}

_MODELS: dict[str, dict[str, Any]] = {
    "mobilenet_v1": {
        "width": 0.125,
        "resolution": 1.0,
        "stem_stride": 1,
        "blocks": [[32, 1], [64, 2]],
        "separable": True,
        "squeeze": 2,
    },
    "mobilenet_v2": {
        "width": 1.0,
        "resolution": 1.0,
        "stem_stride": 1,
        "stages": [[1, 4, 1, 1], [2, 4, 2, 2]],
        "last": 16,
        "activation": "relu6",
        "projection": False,
        "always_expand": False,
        "dropout": 0.3,
        "squeeze": 0,
    },
    "se_resnet": {
        "width": 4,
        "blocks": [1, 1],
        "bottleneck": False,
        "stem": "small",
        "squeeze": 2,
    },
    "hybridsn": {
        "window": 7,
        "components": 5,
        "whiten": True,
        "fit_on": "train",
        "spectral": [[2, 3]],
        "spatial": [4],
        "hidden": [8],
        "dropout": 0.4,
        "hidden_activation": True,
    },
    "dscmr": {"hidden": 8, "common": 6},
}

MODELS: dict[str, Recogniser] = {
    arch: RECOGNISERS[arch].model_validate(settings) for arch, settings in _MODELS.items()
}
"""A small network of each architecture; two of them drop features."""


def parts_of(labels: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return a part for each label, all parts in turn; none where there is no label."""
    parts = np.resize(np.array(_PARTS, np.uint8), labels.shape)
    return np.where(labels == UNLABELLED, np.uint8(Part.NONE), parts)


def images(
    count: int = 24,
    height: int = 8,
    width: int = 8,
    channels: int = 3,
    *,
    shift: int = 1,
    mirror: bool = True,
) -> Labelled:
    """Return 8-bit images of chance; the brightness of each tells its class."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, len(CLASSES), count).astype(np.int16)
    noise = rng.integers(0, 80, (count, height, width, channels))
    values = (noise + 80 * labels[:, None, None, None]).astype(np.uint8)
    return Labelled("images", CLASSES, values, labels, parts_of(labels), 0, shift, mirror)


def cube(height: int = 9, width: int = 11, bands: int = 6) -> Labelled:
    """Return a scene of chance, one pixel in four without a label; each class has a spectrum."""
    rng = np.random.default_rng(2)
    labels = rng.integers(-1, len(CLASSES), (height, width)).astype(np.int16)
    spectra = rng.uniform(0.2, 0.8, (len(CLASSES) + 1, bands))
    values = spectra[labels] + rng.normal(0, 0.02, (height, width, bands))
    return Labelled("cube", CLASSES, values.astype(np.float32), labels, parts_of(labels))


def features(count: int = 24, image: int = 5, text: int = 4) -> Labelled:
    """Return pairs of features of chance; each class has a centre."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, len(CLASSES), count).astype(np.int16)
    centres = rng.normal(0, 1, (len(CLASSES), image + text))
    values = centres[labels] + rng.normal(0, 0.1, (count, image + text))
    return Labelled("features", CLASSES, values.astype(np.float32), labels, parts_of(labels), image)


TASKS: dict[str, Callable[..., Labelled]] = {"images": images, "cube": cube, "features": features}
"""Makes a task of each kind."""


def facts_of(data: Labelled) -> TaskFacts:
    """Return what a network must know of a task."""
    return TaskFacts(len(data.classes), data.values.shape[-1], data.image_features)


def network_of(settings: Recogniser, data: Labelled, seed: int = 0) -> nn.Module:
    """Return a fresh network for a task; that of a cube has its projection."""
    network = build_recogniser(settings, facts_of(data), seed)
    if isinstance(settings, HybridSN):
        network.fit(torch.from_numpy(data.values.reshape(-1, data.values.shape[-1])))  # type: ignore[operator]
    return network


def recipe_of(settings: Recogniser, **changes: Any) -> Recipe:
    """Return a recipe with the loss that a network learns by."""
    content = {
        "steps": 6,
        "batch": 4,
        "loss": DSCMR_LOSS if settings.takes == "features" else "cross_entropy",
        "optimiser": {"kind": "adam", "betas": [0.9, 0.999], "weight_decay": 0.0},
        "learning_rate": 1e-2,
        "schedule": {"kind": "constant"},
        "clip": {"kind": "none"},
        "precision": "float32",
        "compile": "never",
        "augment": True,
        "log_every": 2,
        "checkpoint_every": 3,
    }
    return Recipe.model_validate({**content, **changes})


def clean_card(task: str) -> dict[str, Any]:
    """Return the card of the clean samples of a task."""
    unknown = ("from", "degradation", "restored_by", "model", "psnr", "psnr_input")
    return {"task": task, **dict.fromkeys(unknown)}
