"""Settings of networks that recognise, as published and as small ones of every kind."""

from typing import Any

from pipeline.models.dscmr.settings import DSCMR
from pipeline.models.hybridsn.settings import HybridSN
from pipeline.models.mobilenet_v1.settings import MobileNetV1
from pipeline.models.mobilenet_v2.settings import MobileNetV2
from pipeline.models.recogniser_parts.recogniser_building import TaskFacts
from pipeline.models.se_resnet.settings import SEResNet

IMAGENET, CIFAR = TaskFacts(classes=1000, channels=3), TaskFacts(classes=10, channels=3)

V1_BLOCKS = [
    *([64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2]),
    *[[512, 1]] * 5,
    *([1024, 2], [1024, 1]),
]
V1_NINE_BLOCKS = [*V1_BLOCKS[:7], *V1_BLOCKS[-2:]]

V2_STAGES = [
    *([1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2]),
    *([6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]),
]
V2_CIFAR_STAGES = [V2_STAGES[0], [6, 24, 2, 1], *V2_STAGES[2:]]

SMALL_V1: dict[str, Any] = {
    "width": 0.25,
    "resolution": 1.0,
    "stem_stride": 1,
    "blocks": [[64, 1], [128, 2], [128, 1]],
    "separable": True,
    "squeeze": 0,
}
SMALL_V2: dict[str, Any] = {
    "width": 1.0,
    "resolution": 1.0,
    "stem_stride": 1,
    "stages": [[1, 8, 1, 1], [4, 12, 2, 2]],
    "last": 40,
    "activation": "relu6",
    "projection": False,
    "always_expand": False,
    "dropout": 0.0,
    "squeeze": 0,
}
SMALL_RESNET: dict[str, Any] = {
    "width": 8,
    "blocks": [1, 2],
    "bottleneck": False,
    "stem": "small",
    "squeeze": 0,
}
SMALL_HYBRID: dict[str, Any] = {
    "window": 9,
    "components": 8,
    "whiten": True,
    "fit_on": "all",
    "spectral": [[4, 3], [5, 3]],
    "spatial": [6],
    "hidden": [16, 12],
    "dropout": 0.0,
    "hidden_activation": True,
}
PAPER_HYBRID: dict[str, Any] = {
    "window": 25,
    "components": 30,
    "whiten": True,
    "fit_on": "all",
    "spectral": [[8, 7], [16, 5], [32, 3]],
    "spatial": [64],
    "hidden": [256, 128],
    "dropout": 0.4,
    "hidden_activation": True,
}


def mobilenet_v1(**changed: object) -> MobileNetV1:
    return MobileNetV1.model_validate({**SMALL_V1, **changed})


def imagenet_v1(**changed: object) -> MobileNetV1:
    published = {"width": 1.0, "stem_stride": 2, "blocks": V1_BLOCKS}
    return mobilenet_v1(**{**published, **changed})


def mobilenet_v2(**changed: object) -> MobileNetV2:
    return MobileNetV2.model_validate({**SMALL_V2, **changed})


def imagenet_v2(**changed: object) -> MobileNetV2:
    published = {"stem_stride": 2, "stages": V2_STAGES, "last": 1280, "dropout": 0.2}
    return mobilenet_v2(**{**published, **changed})


def source_v2() -> MobileNetV2:
    return mobilenet_v2(
        stages=V2_CIFAR_STAGES, last=1280, activation="relu", projection=True, always_expand=True
    )


def se_resnet(**changed: object) -> SEResNet:
    return SEResNet.model_validate({**SMALL_RESNET, **changed})


def resnet_20(squeeze: int) -> SEResNet:
    return se_resnet(width=16, blocks=[3, 3, 3], squeeze=squeeze)


def resnet_50(squeeze: int) -> SEResNet:
    return se_resnet(
        width=64, blocks=[3, 4, 6, 3], bottleneck=True, stem="imagenet", squeeze=squeeze
    )


def hybridsn(**changed: object) -> HybridSN:
    return HybridSN.model_validate({**SMALL_HYBRID, **changed})


def paper_hybridsn(**changed: object) -> HybridSN:
    return HybridSN.model_validate({**PAPER_HYBRID, **changed})


def dscmr(hidden: int = 24, common: int = 10) -> DSCMR:
    return DSCMR(hidden=hidden, common=common)
