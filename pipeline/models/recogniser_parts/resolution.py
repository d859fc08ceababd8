"""Images scaled by the resolution multiplier of the MobileNets."""

from torch import Tensor
from torch.nn.functional import interpolate


def scale_images(images: Tensor, resolution: float) -> Tensor:
    """Scale a batch of images.

    An output pixel is the average of the input pixels around its place, with weights that fall
    linearly to zero; when an image gets smaller, they reach as much further as it shrinks, so that
    fine detail does not fold into coarse one.

    Args:
        images: ``(N, C, H, W)``.
        resolution: Factor of both sides; they are rounded to whole pixels, at least one. Of 1, the
            images are returned as they came.

    Returns:
        ``(N, C, h, w)``, within the range of the images.
    """
    if resolution == 1:
        return images
    height, width = (max(1, round(side * resolution)) for side in images.shape[2:])
    return interpolate(images, size=(height, width), mode="bilinear", antialias=True)
