"""Convolutions with batch normalisation, what the networks for images are made of."""

from typing import Literal

from torch import Tensor, nn

Activation = Literal["relu", "relu6", "none"]


def normalised_convolution(
    inputs: int,
    outputs: int,
    side: int,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: Activation,
) -> nn.Sequential:
    """Return a convolution without bias, batch normalisation, and an activation.

    The weights are drawn as He's are, by the number of inputs of an output. Zeros go around the
    image, so that at stride 1 it keeps its size.

    Args:
        inputs: Feature maps that it takes.
        outputs: Feature maps that it makes.
        side: Of the kernel, odd.
        stride: In pixels.
        groups: In which feature maps are convolved by themselves; as many as there are inputs for
            a depthwise convolution.
        activation: What follows the normalisation.
    """
    convolution = (
        _Pointwise(inputs, outputs, stride)
        if side == 1 and groups == 1
        else nn.Conv2d(
            inputs, outputs, side, stride=stride, padding=side // 2, groups=groups, bias=False
        )
    )
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    layers: list[nn.Module] = [convolution, nn.BatchNorm2d(outputs)]
    if activation != "none":
        layers.append(nn.ReLU6(inplace=True) if activation == "relu6" else nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class _Pointwise(nn.Conv2d):
    """A 1x1 convolution of the pixels that its stride leaves.

    The stride is taken before: with fewer than eight channels, channels last, oneDNN 3.12 writes
    behind the end of its tensors on some AMD processors when it takes the stride itself, and the
    process ends with a corrupted heap.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 1, bias=False)
        self._stride = stride

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 -- the name that nn.Conv2d gives it
        return super().forward(input[..., :: self._stride, :: self._stride])
