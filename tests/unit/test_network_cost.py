"""What networks cost, against what follows from their layers."""

import pytest

from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.edsr.settings import EDSR
from pipeline.models.mwrcanet.settings import MWRCANet
from pipeline.models.parts.settings import Model, SeparateChannels
from pipeline.models.rednet.settings import RedNet
from pipeline.models.vdsr.settings import VDSR
from pipeline.training.network_cost import multiply_adds

PIXELS = 256 * 256


def layers(channels: int, width: int, depth: int) -> int:
    """Return the multiply-adds a pixel of a chain of 3x3 convolutions."""
    return 9 * (channels * width + (depth - 2) * width * width + width * channels)


@pytest.mark.parametrize(
    ("settings", "each"),
    [
        (
            DnCNN(channels=1, width=64, depth=17, batch_norm=True, residual=True),
            layers(1, 64, 17),
        ),
        (VDSR(channels=1, width=64, depth=20), layers(1, 64, 20)),
        (RedNet(channels=3, width=16, depth=10, skips=True), layers(3, 16, 10)),
        (VDSR(channels="shared", width=8, depth=5), layers(1, 8, 5)),
        (VDSR(channels=SeparateChannels(separate=3), width=8, depth=5), 3 * layers(1, 8, 5)),
    ],
)
def test_a_chain_costs_what_its_kernels_cost_at_every_pixel(settings: Model, each: int) -> None:
    assert multiply_adds(settings) == each * PIXELS


def test_dncnn_s_costs_the_published_36_billion() -> None:
    settings = DnCNN(channels=1, width=64, depth=17, batch_norm=True, residual=True)

    assert multiply_adds(settings) == pytest.approx(36.3e9, rel=0.01)


def test_a_network_for_images_of_one_size_costs_what_it_costs_for_any_size() -> None:
    def mwrcanet(prelu: str | int) -> MWRCANet:
        return MWRCANet.model_validate(
            {
                "channels": 1,
                "widths": [8],
                "blocks": 1,
                "reduction": 4,
                "second_kernel": 3,
                "group_residual": "sum",
                "orthonormal": True,
                "prelu": prelu,
                "last_activation": False,
            }
        )

    # 64 divides 256, so that nothing is counted twice or left out.
    assert multiply_adds(mwrcanet(64)) == pytest.approx(multiply_adds(mwrcanet("shared")), rel=1e-3)


def test_what_works_on_small_images_costs_less_for_the_same_result() -> None:
    def edsr(upscale: int) -> EDSR:
        return EDSR.model_validate(
            {
                "channels": 1,
                "width": 16,
                "blocks": 4,
                "upscale": upscale,
                "residual_scale": 1.0,
                "mean": [0.4],
                "residual": False,
            }
        )

    body = 9 * (16 + 9 * 16 * 16)
    one, two = multiply_adds(edsr(1)), multiply_adds(edsr(2))

    assert one == (body + 9 * 16) * PIXELS
    assert two == (body / 4 + 9 * 16 * 64 / 4 + 9 * 16) * PIXELS
