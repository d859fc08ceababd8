"""The architectures that ``params.yaml`` may name, each with the class of its settings.

An architecture is a key: the folder ``pipeline/models/KEY`` has its settings and its network, a
class of the same name.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import create_model

from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.dscmr.settings import DSCMR
from pipeline.models.edsr.settings import EDSR
from pipeline.models.edsr_denoising.settings import EDSRDenoising
from pipeline.models.hybridsn.settings import HybridSN
from pipeline.models.mobilenet_v1.settings import MobileNetV1
from pipeline.models.mobilenet_v2.settings import MobileNetV2
from pipeline.models.mrdn.settings import MRDN
from pipeline.models.mwrcanet.settings import MWRCANet
from pipeline.models.parts.settings import Model
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.models.rednet.settings import RedNet
from pipeline.models.runet.settings import RUNet
from pipeline.models.se_resnet.settings import SEResNet
from pipeline.models.srcnn.settings import SRCNN
from pipeline.models.vdsr.settings import VDSR
from pipeline.section import Name, Section

NETWORKS: Mapping[str, type[Model]] = {
    "dncnn": DnCNN,
    "vdsr": VDSR,
    "rednet": RedNet,
    "runet": RUNet,
    "srcnn": SRCNN,
    "edsr": EDSR,
    "edsr_denoising": EDSRDenoising,
    "mwrcanet": MWRCANet,
    "mrdn": MRDN,
}
"""The settings of each architecture that restores."""

RECOGNISERS: Mapping[str, type[Recogniser]] = {
    "mobilenet_v1": MobileNetV1,
    "mobilenet_v2": MobileNetV2,
    "se_resnet": SEResNet,
    "hybridsn": HybridSN,
    "dscmr": DSCMR,
}
"""The settings of each architecture that recognises."""


class _Models(Section):
    def named(self, arch: str) -> Mapping[str, Model]:
        """Return the settings of architecture ``arch``, which restores, by name."""
        found: Mapping[str, Model] = getattr(self, arch)
        return found

    def recognisers(self, arch: str) -> Mapping[str, Recogniser]:
        """Return the settings of architecture ``arch``, which recognises, by name."""
        found: Mapping[str, Recogniser] = getattr(self, arch)
        return found


if TYPE_CHECKING:
    Architecture = str
    RecogniserArchitecture = str
    Models = _Models
else:
    Architecture = Literal[tuple(NETWORKS)]
    RecogniserArchitecture = Literal[tuple(RECOGNISERS)]
    Models = create_model(
        "Models",
        __base__=_Models,
        __doc__="Named settings of each architecture; an architecture may be left out.",
        **{
            arch: (dict[Name, settings], {})
            for arch, settings in {**NETWORKS, **RECOGNISERS}.items()
        },
    )
