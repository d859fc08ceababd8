"""DSCMR: images and texts in one space, where what is of one class is close.

L. Zhen, P. Hu, X. Wang, D. Peng. Deep supervised cross-modal retrieval. CVPR 2019.
https://openaccess.thecvf.com/content_CVPR_2019/html/Zhen_Deep_Supervised_Cross-Modal_Retrieval_CVPR_2019_paper.html

A fully connected layer with ReLU for each of the two kinds of features, one without activation that
both share and whose output is what is searched by, and a linear classifier that both share too. In
the paper ``hidden`` is 2048 and ``common`` 1024. For image features of length 4096 (VGG-19), text
features of length 300 and 20 classes these are 11,125,780 parameters.

As the authors' code: its image branch and its text branch have one layer each. Differs from it: no
network that makes the features is part of it; they are what a task holds. Initialisation is
PyTorch's, as there. Source 002 describes the losses alone.
"""

from torch import Tensor, nn

from pipeline.models.recogniser_parts.recogniser_building import TaskFacts


class DSCMR(nn.Module):
    """Two branches into one common space.

    Args:
        facts: Classes, length of image and text features together, and of the image features.
        hidden: Units of the first layer of each branch.
        common: Length of the common representation.

    Raises:
        ValueError: There are no image features, or no text features.
    """

    def __init__(self, facts: TaskFacts, *, hidden: int, common: int) -> None:
        super().__init__()
        if not 0 < facts.image_features < facts.channels:
            raise ValueError(
                f"expected image features and text features; came {facts.channels} features, "
                f"{facts.image_features} of them of the image"
            )
        self.image_features = facts.image_features
        text_features = facts.channels - facts.image_features
        self.image = nn.Sequential(nn.Linear(facts.image_features, hidden), nn.ReLU(inplace=True))
        self.text = nn.Sequential(nn.Linear(text_features, hidden), nn.ReLU(inplace=True))
        self.common = nn.Linear(hidden, common)
        self.classifier = nn.Linear(common, facts.classes)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Represent images and texts.

        Args:
            features: ``(N, D)``, those of the image first.

        Returns:
            Common representations of the images and of the texts, ``(N, common)`` each, and what
            the classifier predicts for the images and for the texts, ``(N, classes)`` each.
        """
        image_common = self.common(self.image(features[:, : self.image_features]))
        text_common = self.common(self.text(features[:, self.image_features :]))
        return (
            image_common,
            text_common,
            self.classifier(image_common),
            self.classifier(text_common),
        )
