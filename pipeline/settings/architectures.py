"""The architectures that ``params.yaml`` may name, each with the class of its settings.

An architecture is a folder, ``pipeline/models/ARCH``, and found by being there: ``settings.py`` has
the class of its settings and ``network.py`` the network, a class of the same name.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import create_model

from pipeline.models.found import architectures
from pipeline.models.parts.settings import Model
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.section import Name, Section

NETWORKS: Mapping[str, type[Model]] = architectures(Model)
"""The settings of each architecture that restores."""

RECOGNISERS: Mapping[str, type[Recogniser]] = architectures(Recogniser)
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
