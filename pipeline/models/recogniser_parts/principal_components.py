"""Principal components of spectra, found without loss of precision and always with one sign."""

import torch
from torch import Tensor

_ROWS = 65536
"""Pixels that are brought to double precision at a time."""

_LEAST_SHARE = 1e-12
"""Of the largest variance: what lies below it is rounding, and cannot be brought to 1."""


def principal_components(pixels: Tensor, components: int, *, whiten: bool) -> tuple[Tensor, Tensor]:
    """Find the directions along which spectra vary most.

    The covariance and its eigenvectors are computed in float64 on the CPU, whatever holds the
    pixels. The largest absolute entry of a direction is positive.

    Args:
        pixels: ``(P, B)``, spectra of B bands.
        components: How many directions.
        whiten: Whether each direction is divided by the standard deviation along it.

    Returns:
        Mean spectrum ``(B,)`` and directions ``(components, B)`` by falling variance, both float64:
        ``(spectrum - mean) @ directions.T`` are the components of a spectrum.

    Raises:
        ValueError: There are too few pixels, bands, or directions along which pixels differ; or a
            band has values that are not finite.
    """
    count, bands = pixels.shape
    if bands < components:
        raise ValueError(
            f"expected at least {components} bands for as many principal components; came {bands}"
        )
    if count <= components:
        raise ValueError(
            f"expected more than {components} pixels to find {components} principal components "
            f"in; came {count}: take more pixels or fewer components"
        )
    infinite = torch.nonzero(~torch.isfinite(pixels).all(0)).flatten().tolist()
    if infinite:
        raise ValueError(
            f"expected finite values in every band; bands {infinite} have others: leave them out "
            "or fill them"
        )
    mean = torch.zeros(bands, dtype=torch.float64)
    for part in torch.split(pixels, _ROWS):
        mean += part.cpu().double().sum(0) / count
    covariance = torch.zeros(bands, bands, dtype=torch.float64)
    for part in torch.split(pixels, _ROWS):
        centred = part.cpu().double() - mean
        covariance += centred.T @ centred / (count - 1)
    variances, vectors = torch.linalg.eigh(covariance)
    variances = variances.flip(0)[:components]
    directions = vectors.T.flip(0)[:components]
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    directions = directions * largest.sign()
    if whiten:
        found = int((variances > _LEAST_SHARE * variances[0]).sum())
        if found < components:
            raise ValueError(
                f"expected pixels that differ along {components} directions, to bring each to a "
                f"variance of 1; they differ along {found}: take no more components than that"
            )
        directions = directions / variances.sqrt()[:, None]
    return mean, directions
