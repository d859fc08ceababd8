"""HybridSN: convolutions over pixels and spectrum first, then over pixels alone.

S. K. Roy, G. Krishna, S. R. Dubey, B. B. Chaudhuri. HybridSN: exploring 3-D-2-D CNN feature
hierarchy for hyperspectral image classification. IEEE GRSL 17(2), 2020.
https://arxiv.org/abs/1902.06701

The bands of a scene are replaced by their principal components, and a pixel is recognised by the
window around it. In the paper, for Indian Pines:

================= =====================
setting           paper
================= =====================
window            25
components        30
whiten            true
fit_on            all
spectral          (8,7), (16,5), (32,3)
spatial           64
hidden            256, 128
dropout           0.4
hidden_activation true
================= =====================

For 16 classes these are 5,122,176 parameters, and 248 million multiply-adds a window. ReLU follows
each convolution; none is padded, so that each takes two pixels of a window's side and all but one
of its depth along the spectrum. What is left of the spectrum becomes feature maps of the 2-D
convolutions. Without spectral convolutions these take the components themselves (8,719,696
parameters), and without spatial ones the fully connected layers take what the spectral leave
(53,286,976).

The projection is part of the network, so that whoever has its weights can use them; it is fitted,
and no parameter. The paper finds the components in the whole scene, test pixels included;
``fit_on: train`` does not. Source 002 leaves out the ReLU of the hidden layers
(``hidden_activation: false``), so that its three fully connected layers are one linear map when
nothing is dropped.

Initialisation is Glorot's with biases of zero, as the authors' code leaves it. Differs from it: the
output are logits.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.models.parts.dropout import drop
from pipeline.models.recogniser_parts.principal_components import principal_components
from pipeline.models.recogniser_parts.recogniser_building import TaskFacts


class HybridSN(nn.Module):
    """Classifier of windows of a hyperspectral scene.

    Args:
        facts: Classes, and bands B of the scene.
        window: Side of a window in pixels.
        components: Principal components that replace the bands.
        whiten: Whether each component is brought to a variance of 1.
        spectral: Feature maps, and depth along the spectrum, of each 3-D convolution.
        spatial: Feature maps of each 2-D convolution.
        hidden: Units of the fully connected layers before the last.
        dropout: Share of these units that are dropped in training.
        hidden_activation: Whether ReLU follows these layers.

    Raises:
        ValueError: There are more components than bands.
    """

    mean: Tensor
    basis: Tensor

    def __init__(
        self,
        facts: TaskFacts,
        *,
        window: int,
        components: int,
        whiten: bool,
        spectral: Sequence[tuple[int, int]],
        spatial: Sequence[int],
        hidden: Sequence[int],
        dropout: float,
        hidden_activation: bool,
    ) -> None:
        super().__init__()
        if components > facts.channels:
            raise ValueError(
                f"expected no more principal components than bands; came {components} components "
                f"of {facts.channels} bands"
            )
        self.window, self.components, self.whiten = window, components, whiten
        self.register_buffer("mean", torch.zeros(facts.channels))
        self.register_buffer("basis", torch.zeros(components, facts.channels))

        self.spectral = nn.Sequential()
        maps, depth, side = 1, components, window
        for outputs, along in spectral:
            self.spectral.extend([nn.Conv3d(maps, outputs, (along, 3, 3)), nn.ReLU(inplace=True)])
            maps, depth, side = outputs, depth - along + 1, side - 2
        self.spatial = nn.Sequential()
        maps = maps * depth
        for outputs in spatial:
            self.spatial.extend([nn.Conv2d(maps, outputs, 3), nn.ReLU(inplace=True)])
            maps, side = outputs, side - 2
        units = maps * side**2
        self.hidden = nn.Sequential()
        for outputs in hidden:
            activation = nn.ReLU(inplace=True) if hidden_activation else nn.Identity()
            self.hidden.extend([nn.Linear(units, outputs), activation, drop(dropout)])
            units = outputs
        self.classifier = nn.Linear(units, facts.classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # made with a bias above

    def fit(self, pixels: Tensor) -> None:
        """Find the principal components.

        Args:
            pixels: ``(P, B)``, spectra to find them in.

        Raises:
            ValueError: There are too few pixels, a band has values that are not finite, or pixels
                do not differ along as many directions as are to be brought to a variance of 1.
        """
        self._check_bands(pixels)
        mean, basis = principal_components(pixels, self.components, whiten=self.whiten)
        self.mean.copy_(mean)
        self.basis.copy_(basis)

    def project(self, cube: Tensor) -> Tensor:
        """Return the components of a scene.

        Args:
            cube: ``(H, W, B)``.

        Returns:
            ``(components, H, W)``.

        Raises:
            ValueError: The scene has another number of bands.
            RuntimeError: No components have been found yet.
        """
        self._check_bands(cube)
        if not self.basis.any():
            raise RuntimeError(
                "expected a network with principal components; came one without: call 'fit', or "
                "load the weights of a trained one"
            )
        return ((cube - self.mean) @ self.basis.T).permute(2, 0, 1).contiguous()

    def forward(self, windows: Tensor) -> Tensor:
        """Return the logits.

        Args:
            windows: ``(N, components, window, window)``, of a projected scene; the pixel to
                recognise is in the middle.

        Returns:
            ``(N, classes)``.

        Raises:
            ValueError: The windows have another shape.
        """
        expected = (self.components, self.window, self.window)
        if windows.shape[1:] != expected:
            raise ValueError(
                f"expected windows of {' x '.join(map(str, expected))} values; came "
                f"{' x '.join(map(str, windows.shape[1:]))}"
            )
        maps = self.spectral(windows.unsqueeze(1)).flatten(1, 2)
        logits: Tensor = self.classifier(self.hidden(self.spatial(maps).flatten(1)))
        return logits

    def _check_bands(self, spectra: Tensor) -> None:
        bands = len(self.mean)
        if spectra.shape[-1] != bands:
            raise ValueError(f"expected spectra of {bands} bands; came {spectra.shape[-1]}")
