"""What each perceptual measure is, and what it asks of an image.

Nothing here imports NumPy or torch: the plan of a run asks too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.measuring.niqe_patches import niqe_patches
from pipeline.settings.perceptual import Perceptual

Backbone = Literal["alexnet", "vgg16"]
"""A network that was trained to classify ImageNet, whose features are compared."""


@dataclass(frozen=True, kw_only=True)
class ComparingNetwork:
    """What a measure compares an image with its clean one by.

    Args:
        backbone: Whose features.
        head: What weighs them; like the backbone, a name in ``perceptual_files.csv``.
        smallest: Side of the smallest image that reaches the last features, in pixels.
    """

    backbone: Backbone
    head: Literal["lpips_alex", "lpips_vgg", "dists"]
    smallest: int


@dataclass(frozen=True, kw_only=True)
class PerceptualMeasure:
    """What a name of a measure stands for.

    Args:
        title: The measure with its version, and its network if it has one.
        digits: After the point, of a value that people read.
        network: What it compares by; None where no clean image is asked for.
    """

    title: str
    digits: int
    network: ComparingNetwork | None = None


MEASURES: Mapping[Perceptual, PerceptualMeasure] = {
    "niqe": PerceptualMeasure(title="NIQE 1.0", digits=2),
    "lpips-alex": PerceptualMeasure(
        title="LPIPS 0.1, AlexNet",
        digits=4,
        network=ComparingNetwork(backbone="alexnet", head="lpips_alex", smallest=31),
    ),
    "lpips-vgg": PerceptualMeasure(
        title="LPIPS 0.1, VGG16",
        digits=4,
        network=ComparingNetwork(backbone="vgg16", head="lpips_vgg", smallest=16),
    ),
    "dists": PerceptualMeasure(
        title="DISTS 0.1, VGG16",
        digits=4,
        network=ComparingNetwork(backbone="vgg16", head="dists", smallest=16),
    ),
}
"""All measures. Their modules say what they compute."""


def check_size(measures: Iterable[Perceptual], height: int, width: int) -> None:
    """Refuse an image that is too small for one of the measures.

    Args:
        measures: Those that are asked for.
        height: Of the image, in pixels.
        width: Likewise.

    Raises:
        ValueError: It is too small; the message says for what.
    """
    for name in measures:
        network = MEASURES[name].network
        if network is None:
            niqe_patches(height, width)
        elif min(height, width) < network.smallest:
            side = network.smallest
            raise ValueError(
                f"{name} compares features that an image has from {side}x{side} pixels on, came "
                f"{height}x{width}; leave the image out, or take {name} out of the trial's "
                "perceptual measures"
            )
